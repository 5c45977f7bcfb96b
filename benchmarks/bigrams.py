"""Do bigrams move the line of bags of words? `python -m benchmarks.bigrams [--seeds 3] [--write]`.

Bags of words, and of words and bigrams, with several weights kappa of the worst case, on the bundled movie reviews:
clean accuracy and the exact certified share under PWWS's swaps, on the 1,000 validation and the 1,000 held-out
sentences together. Nothing is chosen by either. The table goes to `benchmarks/worst_case.md`.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.page import made_on, put
from rosearch_engine.config import build
from rosearch_engine.data.held_out import load_held_out
from rosearch_engine.genome import Genome, cost
from rosearch_engine.inference import predict
from rosearch_engine.progress import Progress
from rosearch_engine.search.context import Context, prepare, targets
from rosearch_engine.search.evaluate import student

CODE = "characters"
SETTINGS = (
    "attack.recipe=pwws",
    "search.bag=false",
    f'space.codes=["{CODE}"]',
    "distil.adversary=gradient",
    "distil.copies=0",
)
ROWS = 65_536
ARMS = ((0.05, 0), (0.1, 0), (0.15, 0), (0.25, 0), (0.1, ROWS), (0.25, ROWS), (0.4, ROWS))


@dataclass(frozen=True)
class Trial:
    """Shares of all sentences, and seconds of training."""

    clean: float
    certified: float
    seconds: float


def measure(context: Context, genome: Genome, seed: int) -> Trial:
    began = time.perf_counter()
    model = student(genome, seed, context).eval()
    seconds = time.perf_counter() - began
    pieces, right, proved, n = context.readings[CODE].pieces, 0, 0, 0
    certifier = context.certifier(model, CODE)
    assert certifier is not None
    for split in (context.data.validation, load_held_out(context.config.data)):
        texts = [target.text for target in targets(split, context.data.columns)]
        right += int((predict(model, pieces.encoded(pieces.read(texts))).argmax(axis=1) == split.labels).sum())
        proofs = certifier.certify(texts, [int(label) for label in split.labels])
        proved += sum(proof.certified for proof in proofs)
        n += len(texts)
    return Trial(right / n, proved / n, seconds)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--write", action="store_true", help="put the table into benchmarks/worst_case.md")
    given = options.parse_args()
    context = prepare(build("standard", settings=SETTINGS), Progress())
    lines = [
        f"`python -m benchmarks.bigrams --seeds {given.seeds}`, {made_on()}.",
        "",
        "| kappa | rows for bigrams | smaller | clean accuracy (each seed) | certified (each seed) | training, s |",
        "| ---: | ---: | ---: | --- | --- | ---: |",
    ]
    for kappa, rows in ARMS:
        genome = Genome.bag(CODE, kappa, rows)
        trials = [measure(context, genome, seed) for seed in range(given.seeds)]
        clean, certified = _shares([one.clean for one in trials]), _shares([one.certified for one in trials])
        smaller = cost(genome, context.frame).compression
        seconds = statistics.median(one.seconds for one in trials)
        lines.append(f"| {kappa:g} | {rows:,} | {smaller:.0f}x | {clean} | {certified} | {seconds:.0f} |")
        print(lines[-1], flush=True)
    said = "\n".join(lines)
    print(said)
    if given.write:
        put(Path(__file__).parent / "worst_case.md", "bigrams", said)


def _shares(values: Sequence[float]) -> str:
    return f"{statistics.mean(values):.1%} ({', '.join(f'{value:.1%}' for value in values)})"


if __name__ == "__main__":
    main()
