"""Students that see the worst case, by task: `python -m benchmarks.worst_case [--task NAME] [--n 500] [--seeds 3]`.

Every row is one way to train one student, measured on held-out sentences that no training saw: clean accuracy, what
holds under each attack, and what is proved. Rows that were measured before are not measured again, so that the
command may be stopped and started at will; it writes `benchmarks/results/worst_case.json` and prints the table.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rosearch_engine.attack.certificate import Certifier
from rosearch_engine.attack.lexicon import named_lexicon
from rosearch_engine.attack.protocol import swap_store_key
from rosearch_engine.attack.recipes.catalogue import RECIPES
from rosearch_engine.attack.run import Attacker
from rosearch_engine.attack.swap_store import SwapStore
from rosearch_engine.batching import encode_split
from rosearch_engine.bench.machine import machine
from rosearch_engine.config import RunConfig, build
from rosearch_engine.data.held_out import load_held_out
from rosearch_engine.genome import cost
from rosearch_engine.inference import accuracy, predict
from rosearch_engine.objectives import wilson
from rosearch_engine.progress import Progress
from rosearch_engine.resources import home, is_ready
from rosearch_engine.search.context import prepare, targets
from rosearch_engine.search.evaluate import train
from rosearch_engine.student.build import build_bag

RESULTS = Path(__file__).parent / "results" / "worst_case.json"
ATTACKS = ("pwws", "border-first", "deepwordbug", "deepwordbug-two", "pwws-counter-fitted", "pwws-ppdb")


@dataclass(frozen=True)
class Row:
    """One way to train a student.

    Attributes:
        settings: over those of the task.
        layers: of the chain; 0: the bag of words alone.
    """

    name: str
    settings: tuple[str, ...]
    layers: int = 2
    code: str = "plain"
    rank: int = 64


PLAIN = ("space.vocabulary=seen", "space.ledger_bound=null", "distil.adversary=off")
LEDGER = ("space.vocabulary=words",)
ROWS = (
    Row("plain student", PLAIN),
    Row("bag of words, kappa 0.25", (*LEDGER, "distil.kappa=0.25"), 0),
    Row("bag of words, kappa 0.4", (*LEDGER, "distil.kappa=0.4"), 0),
    Row("bag of words, kappa 0.5", (*LEDGER, "distil.kappa=0.5"), 0),
    Row("bag of words, typos corrected", (*LEDGER, "distil.kappa=0.4"), 0, "characters"),
    Row("ledger B = 0.5, graph reads heads", (*LEDGER, "space.ledger_bound=0.5", "distil.kappa=0.4"), 2, "synonyms"),
    Row("ledger B = 0.5, both", (*LEDGER, "space.ledger_bound=0.5", "distil.kappa=0.4"), 2, "both"),
    Row("adversary, no ledger", (*LEDGER, "space.ledger_bound=null")),
    Row("ledger B = 0.25", (*LEDGER, "space.ledger_bound=0.25", "distil.kappa=0.4")),
    Row("ledger B = 0.5", (*LEDGER, "space.ledger_bound=0.5", "distil.kappa=0.4")),
    Row("ledger B = 1", (*LEDGER, "space.ledger_bound=1.0", "distil.kappa=0.4")),
)
TASKS = {
    "movie-reviews": ("data.name=movie-reviews",),
    "sst2": ("data.min_words=1",),
    "ag_news": (),
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--task", choices=list(TASKS), action="append", help="default: all")
    options.add_argument("--sst2", help="folder with SST-2's train and dev files")
    options.add_argument("--ag-news", help="folder with AG News' train and test files")
    options.add_argument("--extra", help="unlabelled texts for movie-reviews and sst2")
    options.add_argument("--only", default="", help="only rows whose name contains this")
    options.add_argument("--n", type=int, default=500)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--attacks", default=",".join(ATTACKS))
    options.add_argument("--set", action="append", default=[], help="stage.field=value, for all rows")
    options.add_argument("--tag", default="", help="suffix for the names of the rows")
    options.add_argument("--to", type=Path, default=RESULTS)
    given = options.parse_args()
    for task in given.task or list(TASKS):
        folder = {"sst2": given.sst2, "ag_news": given.ag_news}.get(task)
        if task != "movie-reviews" and not folder:
            print(f"{task}: no folder given, skipped")
            continue
        common = [*TASKS[task], *([f"data.name={folder}"] if folder else []), *given.set]
        for row in ROWS:
            if given.only in row.name:
                for seed in range(given.seeds):
                    _measure_once(given, task, row, seed, common)


def _measure_once(given: Any, task: str, row: Row, seed: int, common: list[str]) -> None:
    rows = json.loads(given.to.read_text())["rows"] if given.to.exists() else []
    key = {"task": task, "name": row.name + given.tag, "seed": seed, "n": given.n}
    found = next((old for old in rows if key.items() <= old.items()), None)
    attacks = [name for name in given.attacks.split(",") if name in RECIPES and all(map(is_ready, RECIPES[name].needs))]
    if found and set(attacks) <= set(found["held"]):
        return
    settings = ["attack.recipe=pwws", *common, *row.settings, f"search.seed={seed}", f'space.codes=["{row.code}"]']
    config = build("standard", settings=settings)
    measured = key | measure(config, row, seed, given.n, attacks) | {"settings": [*common, *row.settings]}
    given.to.parent.mkdir(exist_ok=True)
    kept = [old for old in rows if old is not found]
    given.to.write_text(json.dumps({"machine": machine(), "rows": [*kept, measured]}, indent=1) + "\n")
    print(json.dumps({name: value for name, value in measured.items() if name != "settings"}), flush=True)


def measure(config: RunConfig, row: Row, seed: int, n: int, attacks: list[str]) -> dict[str, Any]:
    """Train a row's student and attack it on held-out sentences."""
    context = prepare(config, Progress())
    reading, held_out = context.readings[row.code], load_held_out(config.data)
    genome = replace(context.space.chain(max(1, row.layers), row.code), rank=row.rank)
    began = time.perf_counter()
    if row.layers:
        model, _ = train(genome, seed, context, Progress())
        weights = cost(genome, context.frame).weights
    else:
        assert reading.bag is not None
        model = build_bag(reading.bag.table, reading.bag.bias, context.frame, context.data.classes, context.pad).eval()
        weights = sum(one.numel() for one in model.parameters())
    seconds = time.perf_counter() - began
    validation = predict(model, reading.validation)
    sentences = encode_split(held_out, context.tokenizer, context.teacher.max_length, reading.code)
    right = predict(model, sentences).argmax(axis=1) == held_out.labels
    victim = context.victim(model, validation, row.code)
    some = targets(held_out.head(n), context.data.columns)
    held, every = {}, np.ones(len(some), dtype=bool)
    for name in attacks:
        began_attack = time.perf_counter()
        of = config.attack.model_copy(update={"recipe": name})
        store = SwapStore(swap_store_key(of), home() / "candidates.db")
        attacker = Attacker(name, of.query_budget, seed, faces=("calibrated",), seconds=of.seconds, swap_store=store)
        stands = np.array([result.stands for result in attacker.attack(victim, some)])
        held[name] = int(stands.sum())
        if name in ("pwws", "deepwordbug"):
            every &= stands
        print(f"  {name}: {stands.mean():.3f} in {time.perf_counter() - began_attack:.0f} s", flush=True)
    certified = {}
    if model.ledger is not None:
        for name in ("pwws", "pwws-counter-fitted", "pwws-ppdb"):
            if name in attacks:
                certifier = Certifier(model, reading.pieces, context.teacher.max_length, named_lexicon(name))
                proofs = certifier.certify([one.text for one in some], [one.label for one in some])
                certified[name] = sum(proof.certified for proof in proofs)
    return {
        "clean": float(right.mean()),
        "clean_n": len(right),
        "clean_interval": wilson(int(right.sum()), len(right)),
        "clean_attacked": float(right[: len(some)].mean()),
        "validation": accuracy(validation, context.data.validation.labels),
        "attacked": len(some),
        "held": held,
        "union": int(every.sum()) if {"pwws", "deepwordbug"} <= set(attacks) else None,
        "certified": certified,
        "compression": context.frame.weights / weights,
        "weights": weights,
        "seconds": round(seconds),
        "teacher": context.teacher.accuracy,
    }


if __name__ == "__main__":
    main()
