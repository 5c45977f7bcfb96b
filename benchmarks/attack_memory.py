"""Is the memory of an attack flat, however many sentences there are?

    python benchmarks/attack_memory.py [--n 5000]

A chain of one layer as it is inherited, attacked with PWWS and every single swap, raw and calibrated, on the
embedded sentences; the store of candidates lies in a file, as in a search.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from rosearch_engine.attack.result import Result, Target
from rosearch_engine.attack.run import Attacker
from rosearch_engine.attack.swap_store import SwapStore
from rosearch_engine.attack.victim import Victim
from rosearch_engine.bench.machine import machine
from rosearch_engine.config import build
from rosearch_engine.device import memory_mb
from rosearch_engine.progress import Progress
from rosearch_engine.search.context import prepare
from rosearch_engine.search.evaluate import train


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=5000)
    arguments = parser.parse_args()
    settings = ["attack.recipe=pwws", "distil.epochs=0.1"]
    context = prepare(build("demo", settings=settings), Progress())
    model, _ = train(context.space.chain(1), 0, context, Progress())
    rows = zip(context.data.distillation.texts, context.data.distillation.labels, strict=True)
    sentences = [Target(n, text, int(label)) for n, (text, label) in enumerate(rows)][: arguments.n]
    facts = machine()
    print(f"{facts['cpu']}; {facts['device']}\n\n| sentences | resident MB | seconds | candidate store MB |")
    print("| --- | --- | --- | --- |")
    began, ended = time.perf_counter(), 0
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "candidates.db"

        def tell(_: Result) -> None:
            nonlocal ended
            ended += 1
            if ended in (10, 100, 300, 1000, 2000, 3000, 4000, 5000):
                size = sum(part.stat().st_size for part in Path(folder).iterdir()) / 1e6
                print(
                    f"| {ended:,} | {memory_mb():,.0f} | {time.perf_counter() - began:.0f} | {size:.1f} |", flush=True
                )

        attacker = Attacker(
            "pwws", 2000, faces=("calibrated", "raw"), one_swap=True, swap_store=SwapStore("pwws", file)
        )
        victim = Victim(model, context.tokenizer, context.teacher.max_length, 1.5)
        attacker.attack(victim, sentences, tell)


if __name__ == "__main__":
    main()
