"""What the worst case costs in training: `python -m benchmarks.worst_case_step [--set data.name=...]`.

Two equal students, one with and one without the adversary, take turns of a few steps in one process, so that both see
the same load of the machine; the ratio of their median turns is printed, with the seconds that the bag of words takes.
"""

from __future__ import annotations

import argparse
import json
import time
from statistics import median

from rosearch_engine.bench.machine import machine
from rosearch_engine.config import build
from rosearch_engine.distil.bag import train_bag
from rosearch_engine.distil.loop import Distillation
from rosearch_engine.progress import Progress
from rosearch_engine.search.context import prepare
from rosearch_engine.search.evaluate import student

TURN = 10  # steps


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--turns", type=int, default=12)
    options.add_argument("--set", action="append", default=[], help="stage.field=value")
    given = options.parse_args()
    context = prepare(build("standard", settings=["attack.recipe=pwws", *given.set]), Progress())
    config, corpus = context.config.distil, context.readings["plain"].corpus
    genome = context.space.chain(2, "plain")
    adversaries = ("off", config.adversary)
    trainings = [
        Distillation(student(genome, 0, context), corpus, config.model_copy(update={"adversary": adversary}), 0)
        for adversary in adversaries
    ]
    seconds: list[list[float]] = [[], []]
    for turn in range(given.turns + 1):
        for training, its in zip(trainings, seconds, strict=True):
            began = time.perf_counter()
            training.run((turn + 1) * TURN, Progress())
            if turn:  # the first warms up
                its.append(time.perf_counter() - began)
    began = time.perf_counter()
    train_bag(corpus, len(context.read.pieces), len(context.data.classes), config.kappa, 0)
    plain, worst = (median(its) / TURN for its in seconds)
    figures = {"plain_step": plain, "worst_case_step": worst, "ratio": worst / plain}
    print(json.dumps({"machine": machine(), **figures, "bag_seconds": time.perf_counter() - began}, indent=1))


if __name__ == "__main__":
    main()
