"""Does every sentence end as it does with TextAttack itself?

    python benchmarks/attack_equality.py [--n 200] [--recipes pwws,deepwordbug,textfooler-map-minilm,iga-map]

Two students of different architecture, distilled here from the bundled teacher; TextAttack's own `Attacker` and
`HuggingFaceModelWrapper` beside ours, in float32 and, as a question of its own, in bfloat16. Both read the first 64
word pieces of a sentence, since the wrapper pads every text to the tokenizer's maximum.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from rosearch_engine.attack.as_shipped import attack_as_shipped
from rosearch_engine.attack.recipes.catalogue import ready_recipe
from rosearch_engine.attack.result import Result
from rosearch_engine.attack.run import Attacker
from rosearch_engine.attack.victim import Victim
from rosearch_engine.bench.machine import machine
from rosearch_engine.config import Precision, build
from rosearch_engine.genome import cost
from rosearch_engine.genome.operators import sample
from rosearch_engine.progress import Progress
from rosearch_engine.search.context import prepare, targets
from rosearch_engine.search.evaluate import train

LENGTH = 64
SEED = 0
# A genetic search asks until its budget is used; the others end long before.
BUDGETS = {"iga-map": 300, "leap": 300}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--recipes", default="pwws,deepwordbug,textfooler-map-minilm,iga-map")
    arguments = parser.parse_args()
    recipes = [ready_recipe(name) for name in arguments.recipes.split(",")]
    context = prepare(build("demo", settings=["attack.recipe=pwws"]), Progress())
    import numpy as np

    genomes = {"chain of 2": context.space.chain(2), "random": sample(context.space, np.random.default_rng(5))}
    sentences = targets(context.data.search_attack.head(arguments.n), context.data.columns)
    tokenizer = context.tokenizer
    tokenizer.model_max_length = LENGTH
    facts = machine()
    print(f"{facts['cpu']}; {facts['device']}; n = {len(sentences)}, seed {SEED}\n")
    print("| student | recipe | budget | TextAttack s | ours s | fooled / held / wrong | queries | differ "
          "| read alike | bfloat16 differ |")  # fmt: skip
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, genome in genomes.items():
        model, _ = train(genome, SEED, context, Progress())
        model.eval()
        size = cost(genome, context.frame).compression
        for recipe in recipes:
            budget = BUDGETS.get(recipe.name, 2000)

            def ours(precision: Precision) -> list[Result]:
                victim = Victim(model, tokenizer, LENGTH, 1.0, precision)  # noqa: B023
                return Attacker(recipe.name, budget, SEED, faces=("raw",)).attack(victim, sentences)  # noqa: B023

            began = time.perf_counter()
            mine = ours("float32")
            middle = time.perf_counter()
            theirs = attack_as_shipped(model, tokenizer, recipe, "standard", sentences, budget, SEED)
            end = time.perf_counter()
            differ, alike = compare(mine, theirs, tokenizer)
            half, _ = compare(ours("bfloat16"), theirs, tokenizer)
            outcomes = [sum(r.outcome in kinds for r in mine) for kinds in (("fooled",), ("held", "budget used"))]
            wrong = len(mine) - sum(outcomes)
            print(
                f"| {name} ({size:.1f}x) | {recipe.name} | {budget} | {end - middle:.0f} | {middle - began:.1f} | "
                f"{outcomes[0]} / {outcomes[1]} / {wrong} | {sum(r.queries for r in mine):,} | {len(differ)} | "
                f"{len(alike)} | {len(half)} |",
                flush=True,
            )
            for a, b in differ:
                print(f"<!-- {a.target.sentence}: {facts_of(a)} against {facts_of(b)} -->", flush=True)


def facts_of(result: Result) -> tuple[object, ...]:
    return result.outcome, result.queries, result.after.text


def compare(
    ours: Sequence[Result], theirs: Sequence[Result], tokenizer: object
) -> tuple[list[tuple[Result, Result]], list[tuple[Result, Result]]]:
    """Sentences that differ, and among the rest those whose final texts differ in what the model cannot see."""
    differ: list[tuple[Result, Result]] = []
    alike: list[tuple[Result, Result]] = []
    for a, b in zip(ours, theirs, strict=True):
        if facts_of(a) == facts_of(b):
            continue
        read = [tokenizer(r.after.text, truncation=True)["input_ids"] for r in (a, b)]  # type: ignore[operator]
        same = (a.outcome, a.queries) == (b.outcome, b.queries) and read[0] == read[1]
        (alike if same else differ).append((a, b))
    return differ, alike


if __name__ == "__main__":
    main()
