"""`bench attack`: our attack beside TextAttack as it is shipped, on the same sentences, in one run.

Two models: the bundled teacher fine-tuned on the embedded sentences, and a plain chain of two layers distilled from
it, written as a checkpoint and loaded again. Both have 512 positions, to which TextAttack's wrapper pads every text.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from rosearch_engine.attack.as_shipped import attack_as_shipped
from rosearch_engine.attack.pieces import Pieces
from rosearch_engine.attack.recipes.catalogue import ready_recipe
from rosearch_engine.attack.run import Attacker, Result, Target
from rosearch_engine.attack.swap_store import SwapStore
from rosearch_engine.attack.victim import Victim
from rosearch_engine.batching import reading_batches
from rosearch_engine.bench.machine import machine
from rosearch_engine.checkpoints.export import write_checkpoint
from rosearch_engine.config import Precision, build
from rosearch_engine.device import arithmetic, attack_tokens, device, has_fast_bfloat16
from rosearch_engine.inference import inputs_for
from rosearch_engine.progress import Progress, Stage
from rosearch_engine.search.context import Context, prepare, targets
from rosearch_engine.search.evaluate import train

POSITIONS = 512
SEED = 0
# Sentences for exact single swaps, which take no time beside TextAttack.
MANY = 200


def bench_attack(recipe: str, n: int, query_budget: int, progress: Progress) -> dict[str, Any]:
    """Time both on `n` sentences of the embedded data.

    Raises:
        UserError: if the recipe is not known or not ready.
    """
    ready_recipe(recipe)
    context = prepare(build("demo", settings=[f"attack.recipe={recipe}"]), progress)
    progress.stage(Stage.MEASURING, detail="student")
    student, _ = train(context.space.chain(2), SEED, context, progress)
    sentences = targets(context.data.search_attack, context.data.columns)
    with tempfile.TemporaryDirectory() as folder:
        models = {
            "teacher": (context.teacher.model, context.teacher.tokenizer),
            "student": _exported(student, context, Path(folder)),
        }
        rows = []
        for name, (model, tokenizer) in models.items():
            row = _compare(model, tokenizer, recipe, sentences, n, query_budget, name, progress)
            rows.append({"model": name, "weights": model.num_parameters()} | row)
        progress.stage(Stage.MEASURING, detail="every single swap")
        swaps = one_swap(*models["student"], recipe, sentences[:MANY])
    summed = ("stock_s", "ours_s", "forward_floor_s", "queries")
    total: dict[str, Any] = {key: sum(row[key] for row in rows) for key in summed}
    return {
        "recipe": recipe,
        "n": n,
        **total,
        "ratio": total["stock_s"] / total["ours_s"],
        "over_floor": total["ours_s"] / total["forward_floor_s"],
        "outcomes_equal": all(row["outcomes_equal"] for row in rows),
        **machine(),
        "models": rows,
        "one_swap": swaps,
    }


def table_rows(what: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the comparison for people."""
    header = [
        "model",
        "TextAttack s",
        "ours s",
        "speed-up",
        "lower bound s",
        "vs lower bound",
        "warm store",
        "bfloat16",
    ]
    header += ["queries", "outcomes"]
    rows = []
    for row in what["models"]:
        half = f"{row['bfloat16_ratio']:.1f}x, {row['bfloat16_differing']} differ" if "bfloat16_ratio" in row else "-"
        times = [row["stock_s"], row["ours_s"], row["ratio"], row["forward_floor_s"], row["over_floor"]]
        outcomes = "all equal" if row["outcomes_equal"] else f"{len(row['differing'])} differ"
        numbers = [f"{value:.2f}" for value in [*times, row["warm_over_floor"]]]
        rows.append([row["model"], *numbers, half, str(row["queries"]), outcomes])
    return header, rows


def _exported(
    model: PreTrainedModel, context: Context, folder: Path
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    write_checkpoint(model, context.tokenizer, folder)
    loaded = AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True)
    return loaded.to(device()).eval(), AutoTokenizer.from_pretrained(folder)


def _compare(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    recipe: str,
    sentences: Sequence[Target],
    n: int,
    query_budget: int,
    name: str,
    progress: Progress,
) -> dict[str, Any]:
    tokenizer.model_max_length = POSITIONS
    some = sentences[:n]

    def ours(
        precision: Precision = "float32", swap_store: SwapStore | None = None, which: Sequence[Target] = some
    ) -> _Timed:
        attacker = Attacker(recipe, query_budget, SEED, faces=("raw",), swap_store=swap_store)
        # Each time with an empty memory of tokens, as for the first student.
        victim = _Listening(model, tokenizer, POSITIONS, 1.0, precision)
        began = time.perf_counter()
        results = attacker.attack(victim, which)
        return _Timed(time.perf_counter() - began, results, victim)

    ours(which=sentences[-5:])
    progress.stage(Stage.MEASURING, detail=f"{name}: ours")
    swap_store = SwapStore(recipe)
    first = ours(swap_store=swap_store)
    worked_out = swap_store.misses
    # The same model again, so that all is known: what another student, which goes other ways after its first swaps,
    # comes near to.
    second = ours(swap_store=swap_store)
    floor = _best_of(3, lambda: forward(first.victim, first.victim.asked))
    progress.stage(Stage.MEASURING, detail=f"{name}: TextAttack as shipped")
    began = time.perf_counter()
    theirs = attack_as_shipped(model, tokenizer, ready_recipe(recipe), "standard", some, query_budget, SEED)
    stock = time.perf_counter() - began
    progress.stage(Stage.MEASURING, detail=f"{name}: ours again")
    last = ours()
    mean = (first.seconds + last.seconds) / 2
    differ = differing(first.results, theirs)
    row = {
        "stock_s": stock,
        "ours_s": mean,
        "ratio": stock / mean,
        "forward_floor_s": floor,
        "over_floor": mean / floor,
        "outcomes_equal": not differ,
        "differing": differ,
        "queries": sum(result.queries for result in first.results),
        "warm_s": second.seconds,
        "warm_over_floor": second.seconds / floor,
        "worked_out": {"cold": worked_out, "warm": swap_store.misses - worked_out},
    }
    if has_fast_bfloat16(device()):
        half = ours("bfloat16")
        changed = differing(half.results, theirs)
        row |= {"bfloat16_s": half.seconds, "bfloat16_ratio": stock / half.seconds, "bfloat16_differing": len(changed)}
    return row


def one_swap(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, recipe: str, sentences: Sequence[Target]
) -> dict[str, Any] | None:
    """Exact single swaps of a model, and of the same one again, whose swaps are then all known: what every later
    student of a search takes. Beside them the forward passes of the same texts; None for a recipe that has no fixed
    set of swaps."""
    if not ready_recipe(recipe).swaps:
        return None
    pieces, swap_store = Pieces(tokenizer, POSITIONS), SwapStore(recipe)
    attacker = Attacker(recipe, 1, SEED, swap_store=swap_store)
    seconds, floors = [], []
    for turn in range(3):
        victim = _Listening(model, tokenizer, POSITIONS, 1.0, "float32", pieces)
        began = time.perf_counter()
        results = attacker.swaps(victim, sentences)
        seconds.append(time.perf_counter() - began)
        if turn:
            began = time.perf_counter()
            forward(victim, victim.asked)
            floors.append(time.perf_counter() - began)
    again, floor = min(seconds[1:]), min(floors)
    return {
        "n": len(sentences),
        "texts": len(victim.asked),
        "held": sum(swaps is not None and swaps.flips == 0 for swaps in results),
        "first_s": seconds[0],
        "second_s": again,
        "forward_floor_s": floor,
        "over_floor": again / floor,
        "hits": swap_store.hits,
        "misses": swap_store.misses,
    }


def differing(ours: Sequence[Result], theirs: Sequence[Result]) -> list[dict[str, Any]]:
    """Sentences whose outcome, final text or number of queries is not the same, with both."""
    pairs = zip(ours, theirs, strict=True)
    return [
        {"sentence": a.target.sentence, "ours": _facts(a), "textattack": _facts(b)}
        for a, b in pairs
        if _facts(a) != _facts(b)
    ]


def forward(victim: Victim, asked: Sequence[bytes]) -> None:
    """The pure forward passes of the texts: tokenised before, each once, in batches as full and as even as can be."""
    distinct = victim.pieces.encoded(list(dict.fromkeys(asked)))
    where = next(victim.model.parameters()).device
    with torch.inference_mode(), arithmetic(victim.precision, where):
        for rows in reading_batches(distinct.lengths, attack_tokens(where)):
            victim.model(**inputs_for(victim.model, distinct.batch(rows, where))).logits.cpu()


@dataclass(frozen=True)
class _Timed:
    seconds: float
    results: list[Result]
    victim: _Listening


class _Listening(Victim):
    """Keeps what it was asked about, as its tokenizer read it."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.asked: list[bytes] = []

    def planes_of(self, keys: Sequence[bytes], names: Sequence[str]) -> np.ndarray:
        self.asked += keys
        return super().planes_of(keys, names)


def _facts(result: Result) -> list[Any]:
    return [result.outcome, result.after.text, result.queries]


def _best_of(times: int, work: Callable[[], None]) -> float:
    """Seconds of the fastest of several tries: the floor must not hold another program's work."""
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds)
