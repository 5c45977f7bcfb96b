"""`bench export`: the forms of a student beside its teacher, in one run: latency, in turns, in one thread."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from rosearch_engine.bench.machine import machine
from rosearch_engine.checkpoints.export import write_forms
from rosearch_engine.checkpoints.forms import FORMS, chosen
from rosearch_engine.checkpoints.load import load
from rosearch_engine.checkpoints.read import read_form
from rosearch_engine.checkpoints.speed import TOKENS, batch_call, one_thread, speeds
from rosearch_engine.errors import UserError
from rosearch_engine.progress import Progress, Stage
from rosearch_engine.store.models import TEACHER
from rosearch_engine.store.repo import Store
from rosearch_engine.teacher import untrained

SIZES = (1, 32)


def bench_export(run: str, student: str, rounds: int, progress: Progress) -> dict[str, Any]:
    """Latency of each form of a student and of its teacher, `rounds` times in turns.

    Raises:
        UserError: if there is no such student, packages are missing, or there is no teacher of that size here.
    """
    forms, store = chosen(FORMS), Store.read()
    progress.stage(Stage.MEASURING, detail="forms")
    loaded = load(store, run, student)
    if loaded.facts is None:
        raise UserError("student", "the teacher has one form only.", "Choose a student.")
    teacher, note = _teacher(store, run)
    with tempfile.TemporaryDirectory() as place, one_thread():
        write_forms(loaded, Path(place), forms)
        everyone: dict[str, PreTrainedModel] = {TEACHER: teacher}
        everyone |= {form: read_form(Path(place), form, threads=1).model for form in forms}
        rows = []
        for size in SIZES:
            progress.stage(Stage.MEASURING, detail=f"batches of {size}")
            taken = speeds({name: batch_call(model, size) for name, model in everyone.items()}, rounds)
            rows += [
                {
                    "batch": size,
                    "model": name,
                    "p50_ms": speed.p50,
                    "p95_ms": speed.p95,
                    "times_faster": taken[TEACHER].p50 / speed.p50,
                }
                for name, speed in taken.items()
            ]
    return {
        "run": run,
        "student": loaded.name,
        "tokens": TOKENS,
        "rounds": rounds,
        "note": note,
        **machine(),
        "rows": rows,
    }


def table_rows(what: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the comparison for people."""
    header = ["sentences", "model", "p50 ms", "p95 ms", "times faster"]
    return header, [
        [
            str(row["batch"]),
            row["model"],
            f"{row['p50_ms']:.2f}",
            f"{row['p95_ms']:.2f}",
            f"{row['times_faster']:.1f}x faster",
        ]
        for row in what["rows"]
    ]


def _teacher(store: Store, run: str) -> tuple[PreTrainedModel, str]:
    """The run's teacher; where its weights are not here, one of its make, whose weights make no odds to its speed."""
    try:
        return load(store, run, TEACHER).model, ""
    except UserError:
        row = store.run(run)
        assert row["teacher"] is not None
        assert row["dataset"] is not None
        name = row["teacher"]["name"]
        return untrained(name, tuple(row["dataset"]["classes"])), f"the teacher is {name} before its fine-tuning"
