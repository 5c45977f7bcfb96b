"""Students that see the worst case, by task: `python -m benchmarks.worst_case [--task NAME] [--n 500] [--seeds 3]`.

Every row is one way to train a student, measured on held-out sentences that no training saw: clean accuracy, the shares
that hold under each attack, and what is certified. A trial (row, seed) that was measured before is not measured again,
so that the command may be stopped and started at will. It writes `benchmarks/results/worst_case.json` (its trials, and
the rows with the means of their seeds) and prints the rows as a table.

`--student RUN/NAME` measures a student that a search found, trained anew with each seed, instead of the rows; `--kappa`
beside it the bag of words that reads as that student does, with this weight of the worst case: a baseline of its kind.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from benchmarks.page import said_setting
from rosearch_engine.attack.certificate import Certifier
from rosearch_engine.attack.lexicon import named_lexicon
from rosearch_engine.attack.protocol import swap_store_key
from rosearch_engine.attack.recipes.catalogue import RECIPES
from rosearch_engine.attack.run import Attacker
from rosearch_engine.attack.swap_store import SwapStore
from rosearch_engine.batching import encode_split
from rosearch_engine.bench.machine import machine
from rosearch_engine.config import RunConfig, as_settings, build, stored
from rosearch_engine.data.held_out import load_held_out
from rosearch_engine.genome import Genome, Node, Space, cost
from rosearch_engine.inference import accuracy, predict
from rosearch_engine.objectives import wilson
from rosearch_engine.progress import Progress
from rosearch_engine.resources import home, is_ready
from rosearch_engine.search.context import prepare, targets
from rosearch_engine.search.evaluate import student, train
from rosearch_engine.store import Store

RESULTS = Path(__file__).parent / "results" / "worst_case.json"
SIZES = ("compression", "weights", "seconds", "teacher")
# What a row calls the share that holds under an attack.
FIGURES = {
    "pwws": "pwws",
    "border_first": "border-first",
    "deepwordbug": "deepwordbug",
    "deepwordbug_two": "deepwordbug-two",
    "other_lexicon": "pwws-counter-fitted",
    "other_lexicon_ppdb": "pwws-ppdb",
}
COLUMNS = {
    "clean": "clean",
    "pwws": "PWWS",
    "border_first": "border-first",
    "deepwordbug": "DeepWordBug",
    "union": "PWWS and DeepWordBug",
    "certified": "certified",
    "other_lexicon_ppdb": "PWWS over PPDB",
    "other_lexicon": "PWWS over counter-fitted",
    "deepwordbug_two": "DeepWordBug, two edits",
}
ATTACKS = tuple(FIGURES.values())


@dataclass(frozen=True)
class Row:
    """One way to train a student.

    Attributes:
        settings: over those of the task.
        layers: of the chain; 0: the bag of words alone.
        bigrams: rows of the bag's table of pairs; 0: it has none.
        operation: of each layer; other than the transformer, in the narrowest width of the space.
    """

    name: str
    settings: tuple[str, ...]
    layers: int = 2
    code: str = "plain"
    rank: int = 64
    operation: str = "transformer"
    bigrams: int = 0

    def genome(self, space: Space) -> Genome:
        """Its chain, or the bag of words."""
        if not self.layers:
            return Genome.bag(self.code, bigrams=self.bigrams)
        if self.operation == "transformer":
            return replace(space.chain(self.layers, self.code), rank=self.rank)
        nodes = [Node(self.operation, activation="gelu") for _ in range(self.layers)]
        edges = [(i, i + 1) for i in range(self.layers + 1)]
        width = min(space.widths)
        return Genome.of(
            width=width, rank=self.rank, pooling="mean", merge="mean", code=self.code, nodes=nodes, edges=edges
        )


BARE = (
    "space.context=bounded",
    "space.contexts=[]",
    "space.kappas=[]",
    "space.ledger_bound=null",
    "distil.adversary=off",
    "distil.copies=0",
)
PLAIN = ("space.vocabulary=seen", *BARE)
WORDS = ("space.vocabulary=words", *BARE)
# A bag of words imitates no states: then the teacher is asked for none.
STATELESS = ("distil.hidden_weight=0", "distil.relation_weight=0")
COPIES = ("distil.copies=6", "distil.swapped=0.3", *STATELESS)
MANY_COPIES = ("distil.copies=14", "distil.swapped=0.3", *STATELESS)
INVARIANT = (
    *WORDS,
    "space.context=invariant",
    "space.coefficients=3",
    "distil.kappa=0.4",
    "distil.epochs=4",
    *STATELESS,
)
BOUND = ("space.ledger_bound=0.5", "distil.adversary=gradient", "distil.kappa=0.4")
ROWS = (
    Row("plain student", PLAIN),
    Row("bag of words, kappa 0.25", (*WORDS, "distil.kappa=0.25"), 0),
    Row("bag of words, kappa 0.4", (*WORDS, "distil.kappa=0.4"), 0),
    Row("bag of words, kappa 0.5", (*WORDS, "distil.kappa=0.5"), 0),
    Row("bag of words, typos corrected", (*WORDS, "distil.kappa=0.4"), 0, "characters"),
    Row("bag of words, typos corrected, copies, kappa 0.25", (*WORDS, *COPIES, "distil.kappa=0.25"), 0, "characters"),
    Row(
        "bag of words and bigrams, typos corrected, copies, kappa 0.35",
        (*WORDS, *MANY_COPIES, "distil.kappa=0.35"),
        0,
        "characters",
        bigrams=262_144,
    ),
    Row("ledger B = 0.5, both codes", (*WORDS, *BOUND), 2, "both"),
    Row("ledger B = 0.5", (*WORDS, *BOUND)),
    Row("invariant convolutions, typos corrected", INVARIANT, 2, "characters", operation="conv5"),
    Row("invariant transformers, typos corrected", INVARIANT, 2, "characters"),
    Row("adversary, no ledger", (*WORDS, "distil.adversary=gradient")),
)
HEADLINE = {
    "movie-reviews": "bag of words, typos corrected, more text",
    "sst2": "bag of words, typos corrected, more text",
    "ag_news": "bag of words, typos corrected",
}
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
    options.add_argument("--only", default="", help="only rows whose name contains this")
    options.add_argument("--n", type=int, default=500)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--attacks", default=",".join(ATTACKS))
    options.add_argument("--set", action="append", default=[], help="stage.field=value, for all rows")
    options.add_argument("--tag", default="", help="suffix for the names of the rows")
    options.add_argument("--student", action="append", default=[], metavar="RUN/NAME")
    options.add_argument("--kappa", action="append", type=float, default=[])
    options.add_argument("--to", type=Path, default=RESULTS)
    given = options.parse_args()
    for name in given.student:
        _measure_searched(given, *name.split("/"))
    for task in given.task or (list(TASKS) if not given.student else ()):
        folder = {"sst2": given.sst2, "ag_news": given.ag_news}.get(task)
        if task != "movie-reviews" and not folder:
            print(f"{task}: no folder given, skipped")
            continue
        common = [*TASKS[task], *([f"data.name={folder}"] if folder else []), *given.set]
        for row in ROWS:
            if given.only in row.name:
                own = [*row.settings, *common]
                settings = ["attack.recipe=pwws", *own, f'space.codes=["{row.code}"]']
                config = build("standard", settings=settings)
                said = [said_setting(one) for one in own]
                _measure_seeds(given, task, row.name + given.tag, config, row.genome, said)
    if given.to.exists():
        print(table(json.loads(given.to.read_text())["rows"]))


def _measure_searched(given: Any, run_name: str, student_name: str) -> None:
    store = Store.read()
    run = store.run(run_name)
    config = stored(run["config"])
    found = Genome.stored(store.student(run["id"], student_name)["genome"])
    data = config.data.name.lower().replace("_", "")
    task = next((task for task in TASKS if task.replace("_", "") in data), None)
    if task is None:
        raise SystemExit(f"{run_name}: its data, {config.data.name}, is none of {', '.join(TASKS)}.")
    said = [said_setting(one) for one in as_settings(config)]
    graph = "no graph" if found.is_bag else f"{len(found.nodes)} operations, context {found.context}"
    pairs = f", {found.bigrams:,} rows of bigrams" if found.bigrams else ""
    kappa = config.distil.kappa if found.kappa is None else found.kappa
    name = f"searched: {graph}{pairs}, code {found.code}, kappa {kappa:g}"
    _measure_seeds(given, task, name + given.tag, config, _always(found), said)
    for kappa in given.kappa:
        name = f"bag of words as that search trains it, code {found.code}, kappa {kappa:g}"
        _measure_seeds(given, task, name + given.tag, config, _always(Genome.bag(found.code, kappa)), said)


def _always(genome: Genome) -> Callable[[Space], Genome]:
    return lambda _: genome


def _measure_seeds(
    given: Any, task: str, name: str, config: RunConfig, genome: Callable[[Space], Genome], settings: list[str]
) -> None:
    """A row's trials, one a seed; what was measured before is not measured again."""
    for seed in range(given.seeds):
        trials = json.loads(given.to.read_text())["trials"] if given.to.exists() else []
        key = {"task": task, "name": name, "seed": seed, "n": given.n}
        found = next((old for old in trials if key.items() <= old.items()), None)
        attacks = [name for name in given.attacks.split(",") if is_known(name)]
        if found and set(attacks) <= set(found["held"]):
            continue
        seeded = config.model_copy(update={"search": config.search.model_copy(update={"seed": seed})})
        measured = key | measure(seeded, genome, seed, given.n, attacks) | {"settings": settings}
        given.to.parent.mkdir(exist_ok=True)
        kept = [*(old for old in trials if old is not found), measured]
        content = {"machine": machine(), "rows": summed_up(kept), "trials": kept}
        given.to.write_text(json.dumps(content, indent=1) + "\n")
        print(json.dumps({name: value for name, value in measured.items() if name != "settings"}), flush=True)


def is_known(attack: str) -> bool:
    """Whether it is there on this machine."""
    return attack in RECIPES and all(map(is_ready, RECIPES[attack].needs))


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown: percentages of all sentences, with the 95% interval of clean accuracy and PWWS."""
    heads = ["task", "student", *COLUMNS.values(), "smaller", "n", "seeds"]
    lines = [heads, ["---"] * len(heads)]
    for row in rows:
        cells = [_cell(row, figure) for figure in COLUMNS]
        size = f"{row['compression']:.1f}x" if row["compression"] < 20 else f"{row['compression']:.0f}x"
        name = f"**{row['name']}**" if row["headline"] else row["name"]
        lines.append([row["task"], name, *cells, size, str(row["n"]), str(row["seeds"])])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(row: dict[str, Any], figure: str) -> str:
    if row[figure] is None:
        return "-"
    low, high = (round(100 * end) for end in row["intervals"][figure])
    interval = f" ({low} to {high})" if figure in ("clean", "pwws") else ""
    return f"{100 * row[figure]:.1f}{interval}"


def summed_up(trials: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each way to train: means over its seeds, as shares of all sentences, right or wrong.

    An interval is Wilson's 95% of one seed's sentences, which all seeds share, about the mean.
    """
    groups: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
    for trial in sorted(trials, key=lambda trial: (list(TASKS).index(trial["task"]), trial["name"], trial["seed"])):
        groups.setdefault((trial["task"], trial["name"], trial["n"]), []).append(trial)
    rows = []
    for (task, name, _), seeds in groups.items():
        shares = {
            "clean": [trial["clean"] for trial in seeds],
            "union": [trial["union"] / trial["attacked"] for trial in seeds if trial["union"] is not None],
            "certified": [trial["certified"]["pwws"] / trial["attacked"] for trial in seeds if trial["certified"]],
        } | {
            figure: [trial["held"][attack] / trial["attacked"] for trial in seeds if attack in trial["held"]]
            for figure, attack in FIGURES.items()
        }
        row: dict[str, Any] = {"task": task, "name": name, "headline": HEADLINE[task] == name}
        row |= {figure: fmean(values) if values else None for figure, values in shares.items()}
        row["intervals"] = {
            figure: wilson(round(fmean(values) * n), n)
            for figure, values in shares.items()
            if values and (n := seeds[0]["clean_n" if figure == "clean" else "attacked"])
        }
        row |= {"n": seeds[0]["attacked"], "clean_n": seeds[0]["clean_n"], "seeds": len(seeds)}
        row["spread"] = {figure: max(values) - min(values) for figure, values in shares.items() if values}
        row |= {
            name: fmean(trial[name] for trial in seeds) for name in ("compression", "weights", "seconds", "teacher")
        }
        rows.append(row | {"settings": seeds[0]["settings"]})
    return rows


def measure(
    config: RunConfig, genome_of: Callable[[Space], Genome], seed: int, n: int, attacks: list[str]
) -> dict[str, Any]:
    """Train a student and attack it on held-out sentences."""
    context = prepare(config, Progress())
    genome = genome_of(context.space)
    reading, held_out = context.readings[genome.code], load_held_out(config.data)
    began = time.perf_counter()
    model = student(genome, seed, context).eval() if genome.is_bag else train(genome, seed, context, Progress())[0]
    weights = cost(genome, context.frame).weights
    seconds = time.perf_counter() - began
    validation = predict(model, reading.validation)
    sentences = encode_split(held_out, context.tokenizer, context.teacher.max_length, reading.code)
    right = predict(model, sentences).argmax(axis=1) == held_out.labels
    victim = context.victim(model, validation, genome.code)
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
