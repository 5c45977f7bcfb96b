"""Do bigrams move the line of bags of words? `python -m benchmarks.bigrams [--seeds 3] [--as NAME]`.

Bags of words, and of words and bigrams, with several weights kappa of the worst case: clean accuracy and the exact
certified share under PWWS's swaps, on the validation and the held-out sentences together. Nothing is chosen by either.
On the bundled movie reviews without copies, unless `--set` says otherwise. With `--as` the table replaces the one of
that name in `benchmarks/worst_case.md`.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.page import made_on, put, said_setting
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
    "distil.hidden_weight=0",
    "distil.relation_weight=0",
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
    options.add_argument("--set", action="append", default=[], help="stage.field=value, beside those of the benchmark")
    options.add_argument("--arm", action="append", type=_arm, help="KAPPA:ROWS; default: those of the first table")
    options.add_argument("--as", dest="name", help="of the table in benchmarks/worst_case.md")
    given = options.parse_args()
    context = prepare(build("standard", settings=[*SETTINGS, *given.set]), Progress())
    said_settings = "".join(f" --set {said_setting(one)}" for one in given.set)
    said_settings += "".join(f" --arm {kappa:g}:{rows}" for kappa, rows in given.arm or ())
    lines = [
        f"`python -m benchmarks.bigrams --seeds {given.seeds}{said_settings}`, {made_on()}; n = {_count(context):,}.",
        "",
        "| kappa | rows for bigrams | smaller | clean accuracy (each seed) | certified (each seed) | training, s |",
        "| ---: | ---: | ---: | --- | --- | ---: |",
    ]
    for kappa, rows in given.arm or ARMS:
        genome = Genome.bag(CODE, kappa, rows)
        trials = [measure(context, genome, seed) for seed in range(given.seeds)]
        clean, certified = _shares([one.clean for one in trials]), _shares([one.certified for one in trials])
        smaller = cost(genome, context.frame).compression
        seconds = statistics.median(one.seconds for one in trials)
        lines.append(f"| {kappa:g} | {rows:,} | {smaller:.0f}x | {clean} | {certified} | {seconds:.0f} |")
        print(lines[-1], flush=True)
    said = "\n".join(lines)
    print(said)
    if given.name:
        put(Path(__file__).parent / "worst_case.md", given.name, said)


def _arm(text: str) -> tuple[float, int]:
    kappa, _, rows = text.partition(":")
    return float(kappa), int(rows)


def _count(context: Context) -> int:
    return len(context.data.validation.labels) + len(load_held_out(context.config.data).labels)


def _shares(values: Sequence[float]) -> str:
    return f"{statistics.mean(values):.1%} ({', '.join(f'{value:.1%}' for value in values)})"


if __name__ == "__main__":
    main()
