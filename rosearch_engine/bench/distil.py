"""`bench distil`: our distillation beside the usual first one, Hugging Face's `Trainer` with the teacher in its loop.

One student, a plain chain, trained by each on the embedded sentences to an equal validation accuracy, in one run.
"""

from __future__ import annotations

import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import nn

from rosearch_engine.bench.machine import machine, matmul_rate
from rosearch_engine.bench.stock import StockRun, distil_with_trainer
from rosearch_engine.config import build
from rosearch_engine.device import device, has_fast_bfloat16
from rosearch_engine.distil.loop import Distillation
from rosearch_engine.errors import UserError
from rosearch_engine.genome import Genome, cost
from rosearch_engine.inference import accuracy, predict
from rosearch_engine.progress import Progress, Stage
from rosearch_engine.search.context import Context, prepare
from rosearch_engine.search.evaluate import student
from rosearch_engine.teacher import write_outputs

SEED = 0
LAYERS = 3
# Sentences of a batch, as people set it, and its padded length.
BATCH, PADDED = 64, 128
# Share of a training between two looks at the validation sentences.
LOOK = 1 / 12
# How far below our final accuracy "equal" is: half the standard error of 1,000 sentences.
SLACK = 0.006


def bench_distil(epochs: float, naive: bool, progress: Progress) -> dict[str, Any]:
    """Train one student several times and compare.

    Args:
        epochs: passes over the sentences, for each.
        naive: run the slowest one too: float32, padded to the maximum, teacher in the loop.

    Raises:
        UserError: if accelerate, which `Trainer` needs, is not installed.
    """
    if find_spec("accelerate") is None:
        raise UserError("accelerate", "it is not installed; Trainer needs it.", "Run: pip install accelerate")
    # `Trainer` reads sentences once for both: the student must share its teacher's word pieces. And it reads no copies.
    alike = ["space.vocabulary=whole", "space.context=bounded", 'space.codes=["plain"]', "distil.adversary=off"]
    alike += ["space.contexts=[]", "space.kappas=[]"]
    alike.append("distil.copies=0")
    settings = [f"distil.epochs={epochs}", *alike, "attack.recipe=pwws", "attack.sentences=5"]
    context = prepare(build("demo", settings=settings), progress)
    genome = context.space.chain(LAYERS)
    ours = _ours(genome, context, progress)
    target = ours["curve"][-1]["accuracy"] - SLACK
    rows = [{"name": "this program"} | ours | _reached(ours["curve"], target)]
    for name, modern in [("Trainer, bfloat16, padded to the longest", True), ("Trainer, default settings", False)][
        : 1 + naive
    ]:
        progress.stage(Stage.MEASURING, detail=name)
        run = _stock(genome, context, epochs, modern, target)
        curve = [vars(point) for point in run.curve]
        last = curve[-1]
        rate = {"tokens_per_second": last["tokens"] / last["seconds"], "steps": last["steps"]}
        rows.append({"name": name, "curve": curve} | rate | _reached(curve, target))
    first = rows[0]["seconds_to_target"]
    for row in rows:
        row["times_slower"] = row["seconds_to_target"] / first if first and row["seconds_to_target"] else None
    again = _ours(genome, context, progress)
    size = cost(genome, context.frame)
    return {
        "data": context.data.name,
        "sentences": len(context.data.distillation),
        "validation_n": len(context.data.validation),
        "encoder_weights": size.encoder_weights,
        "compression": size.compression,
        "epochs": epochs,
        "target": target,
        "teacher_outputs_s": _teacher_seconds(context, progress),
        "rows": rows,
        "seconds_again": again["curve"][-1]["seconds"],
        "equal_again": again["curve"][-1]["accuracy"] == ours["curve"][-1]["accuracy"],
        "rate": _rate(genome, context),
        **machine(),
    }


def table_rows(what: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the comparison for people."""
    header = ["training", "s to equal accuracy", "slowdown", "accuracy reached", "padded tokens/s", "steps"]
    rows = []
    for row in what["rows"]:
        reached = row["seconds_to_target"]
        slower = "-" if row["times_slower"] is None else f"{row['times_slower']:.1f}"
        best = f"{row['best']:.1%}"
        rows.append(
            [
                row["name"],
                "not reached" if reached is None else f"{reached:.1f}",
                slower,
                best,
                f"{row['tokens_per_second']:,.0f}",
                str(row["steps"]),
            ]
        )
    return header, rows


def _teacher_seconds(context: Context, progress: Progress) -> float:
    """Seconds the teacher's outputs take, once for all students of all runs; `Trainer` pays them in its loop."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        sentences = context.readings["plain"].corpus.sentences
        write_outputs(context.teacher, sentences, ("logits", "hidden"), Path(folder), progress)
        return time.perf_counter() - began


def _ours(genome: Genome, context: Context, progress: Progress) -> dict[str, Any]:
    model = student(genome, SEED, context)
    reading = context.readings[genome.code]
    training = Distillation(model, reading.corpus, context.config.distil, SEED)
    curve = []
    looks = round(1 / LOOK)
    for look in range(1, looks + 1):
        done = training.run(round(look / looks * training.steps), progress)
        right = accuracy(predict(model, reading.validation), context.data.validation.labels)
        curve.append({"seconds": done.seconds, "steps": done.steps, "tokens": done.tokens, "accuracy": right})
    return {"curve": curve, "tokens_per_second": done.tokens / done.seconds, "steps": done.steps}


def _stock(genome: Genome, context: Context, epochs: float, modern: bool, target: float) -> StockRun:
    data, config = context.data, context.config.distil
    return distil_with_trainer(
        student(genome, SEED, context),
        context.teacher.model,
        data.distillation.texts,
        data.distillation.labels,
        data.validation.texts,
        data.validation.labels,
        context.teacher.tokenizer,
        epochs=epochs,
        batch=BATCH,
        learning_rate=config.learning_rate,
        temperature=config.temperature,
        hard_weight=config.hard_weight,
        max_length=PADDED,
        modern=modern,
        stop_at=target,
        seed=SEED,
        validate_every=max(1, round(LOOK * epochs * len(data.distillation) / BATCH)),
    )


def _reached(curve: list[dict[str, Any]], target: float) -> dict[str, Any]:
    there = [point["seconds"] for point in curve if point["accuracy"] >= target]
    return {"seconds_to_target": there[0] if there else None, "best": max(point["accuracy"] for point in curve)}


def _rate(genome: Genome, context: Context) -> dict[str, float]:
    """Rate of the training's matrix products, beside that of the bare products of the same shapes in the same run."""
    reading, where = context.readings[genome.code], device()
    model = student(genome, SEED, context)
    training = Distillation(model, reading.corpus, context.config.distil, SEED)
    kind = torch.bfloat16 if has_fast_bfloat16(where) else torch.float32
    tokens = context.config.distil.tokens
    layers = [m for name, m in model.named_modules() if isinstance(m, nn.Linear) and name != "classifier"]
    shapes = [(tokens, layer.in_features, layer.out_features) for layer in layers]
    products = 6 * sum(layer.weight.numel() for layer in layers)
    quiet, reached, bare = Progress(), [], []
    training.run(5, quiet)
    for _ in range(4):
        before = training.training
        after = training.run(before.steps + 10, quiet)
        reached.append(products * (after.tokens - before.tokens) / (after.seconds - before.seconds) / 1e9)
        bare.append(matmul_rate(shapes, kind))
    best = max(range(4), key=lambda turn: reached[turn] / bare[turn])
    median = sorted(a / b for a, b in zip(reached, bare, strict=True))
    return {
        "training_gflops": reached[best],
        "products_gflops": bare[best],
        "share": (median[1] + median[2]) / 2,
        "best_share": median[-1],
    }
