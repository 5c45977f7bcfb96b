"""How accurate can a small student be? `python benchmarks/sst2.py FOLDER [--student RUN/NAME] [--epochs 6]`.

FOLDER holds SST-2 as train.tsv and test.tsv (GLUE's dev set), each with the columns `sentence` and `label`. A plain
chain that starts from the bundled teacher is distilled with copies that the teacher labelled; accuracy on dev, which
no part of the training saw, is printed along the way. With `--student`, its architecture is trained
instead.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace

from rosearch_engine.batching import encode_split
from rosearch_engine.config import build
from rosearch_engine.data.held_out import load_held_out
from rosearch_engine.distil.loop import Distillation
from rosearch_engine.genome import Genome, cost
from rosearch_engine.inference import accuracy, predict
from rosearch_engine.objectives import wilson
from rosearch_engine.progress import Progress
from rosearch_engine.search.context import prepare
from rosearch_engine.search.evaluate import student
from rosearch_engine.store import Store

LOOKS = 6


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder")
    options.add_argument("--layers", type=int, default=3)
    options.add_argument("--rank", type=int, default=98)
    options.add_argument("--student", help="RUN/NAME of a searched student")
    options.add_argument("--epochs", type=float, default=6)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--set", action="append", default=[], help="stage.field=value")
    given = options.parse_args()
    searched = _searched(*given.student.split("/")) if given.student else None
    settings = [
        f"data.name={given.folder}",
        "data.min_words=1",
        "attack.recipe=pwws",
        f"distil.epochs={given.epochs}",
        "space.vocabulary=seen",
        "space.ledger_bound=null",
        "space.context=bounded",
        "space.contexts=[]",
        "space.kappas=[]",
        "distil.copies=0",
        "distil.adversary=off",
        "distil.swapped=0.4",
        "distil.copies=6",
        f'space.codes=["{searched.code if searched else "plain"}"]',
    ]
    context = prepare(build("standard", settings=[*settings, *given.set]), Progress())
    dev = load_held_out(context.config.data)
    genome = searched or replace(context.space.chain(given.layers), rank=given.rank)
    size, reading = cost(genome, context.frame), context.readings[genome.code]
    theirs = accuracy(
        predict(context.teacher.model, encode_split(dev, context.teacher.tokenizer, context.teacher.max_length)),
        dev.labels,
    )
    print(
        f"teacher: dev {theirs:.1%}, n = {len(dev)}; student: {size.weights:,} weights, {size.compression:.2f}x smaller"
    )
    model = student(genome, given.seed, context)
    training = Distillation(model, reading.corpus, context.config.distil, given.seed)
    sentences = encode_split(dev, context.tokenizer, context.teacher.max_length, reading.code)
    for look in range(1, LOOKS + 1):
        done = training.run(round(look / LOOKS * training.steps), Progress())
        logits = predict(model, sentences)
        right = round(accuracy(logits, dev.labels) * len(dev))
        validation = accuracy(predict(model, reading.validation), context.data.validation.labels)
        row = {"steps": done.steps, "seconds": round(done.seconds), "tokens": done.tokens, "validation": validation}
        print(json.dumps(row | {"dev": right / len(dev), "interval": wilson(right, len(dev))}), flush=True)


def _searched(run: str, student: str) -> Genome:
    store = Store.read()
    return Genome.from_dict(store.student(store.run(run)["id"], student)["genome"])


if __name__ == "__main__":
    main()
