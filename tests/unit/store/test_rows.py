"""Rows come out of the store as their types say: no key more or less, and each value of its type."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Literal, NotRequired, TypeVar, Union, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from rosearch_engine.config import RunConfig
from rosearch_engine.recorded.unpack import unpack
from rosearch_engine.rescore.curves import success_curves
from rosearch_engine.rescore.figures import held_out_figures
from rosearch_engine.rescore.rows import CurvesRow, HeldOutRow
from rosearch_engine.store import Store, rows
from tests.conftest import ROOT
from tests.unit.store.test_store import add


@pytest.fixture
def store(home: Path) -> Store:
    """A real run that was searched and re-scored, and one whose students were not measured."""
    unpack(ROOT / "tests" / "data" / "made_by_0.1.0" / "run.zip")
    store = Store.write()
    run_id = store.create_run("new", RunConfig())
    add(store, run_id, 1)
    store.fail_candidate(add(store, run_id, 2), 1, "it ran out of memory")
    store.mark(run_id, "s0001", "pwws", "a fine film", "a o.k. film", kept=True)
    return store


def misfits(value: object, kind: Any, where: str = "row") -> list[str]:
    """Where a value is not of its type. `Absent` stands for None: a union has it only where nothing was measured."""
    if is_typeddict(kind):
        if not isinstance(value, Mapping):
            return [f"{where}: {value!r} is no {kind}"]
        hints = get_type_hints(kind)
        # Python itself does not see through annotations that are kept as text.
        extras = get_type_hints(kind, include_extras=True)
        optional = {key for key, hint in extras.items() if get_origin(hint) is NotRequired}
        wrong = [f"{where} lacks {key}" for key in kind.__required_keys__ - optional - value.keys()]
        wrong += [f"{where} has {key}" for key in value.keys() - hints.keys()]
        return wrong + [bad for key in hints.keys() & value.keys() for bad in misfits(value[key], hints[key], key)]
    of, parts = get_origin(kind), get_args(kind)
    if of in (Union, UnionType):
        return [] if any(not misfits(value, part) for part in parts) else [f"{where}: {value!r} is no {kind}"]
    if of is list and isinstance(value, list):
        return [bad for one in value for bad in misfits(one, parts[0], where)]
    if of is dict and isinstance(value, dict):
        return [bad for pair in value.items() for one in zip(pair, parts, strict=True) for bad in misfits(*one, where)]
    if of is tuple and isinstance(value, tuple) and len(value) == len(parts):
        return [bad for one in zip(value, parts, strict=True) for bad in misfits(*one, where)]
    if of is Literal:
        fitting = value in parts
    elif isinstance(kind, TypeVar):
        fitting = value is None
    else:
        fitting = kind is Any or type(value) is kind or (kind is float and type(value) is int)
    return [] if fitting else [f"{where}: {value!r} is no {kind}"]


def test_rows_are_as_their_types_say(store: Store) -> None:
    seen: list[tuple[object, Any]] = []
    for run in store.runs():
        run_id = run["id"]
        measurements = [row for purpose in get_args(rows.Purpose) for row in store.measurements(run_id, purpose)]
        seen += [(run, rows.RunRow), (store.run(run["name"]), rows.RunRow)]
        seen += [(row, rows.MeasurementRow) for row in (store.teacher_measurement(run_id),) if row]
        seen += [(row, rows.OwnedMeasurementRow) for row in measurements]
        seen += [(row, rows.ExampleRow) for one in measurements for row in store.examples(one["measurement_id"])]
        seen += [(row, rows.CandidateRow) for row in store.candidates(run_id)]
        seen += [(row, rows.EventRow) for row in store.events(run_id)]
        seen += [(row, rows.MarkRow) for row in store.marks(run_id)]
        seen += [(row, HeldOutRow) for row in held_out_figures(store, run_id).values()]
        for student in store.students(run_id):
            seen.append((student, rows.MeasuredStudent if rows.is_measured(student) else rows.UnmeasuredStudent))
            seen += [(row, CurvesRow) for row in success_curves(store, run_id, student["name"])]
    kinds = {kind.__name__ for _, kind in seen}
    assert {
        "MeasuredStudent",
        "UnmeasuredStudent",
        "MeasurementRow",
        "ExampleRow",
        "MarkRow",
        "HeldOutRow",
        "CurvesRow",
    } <= kinds
    assert [bad for row, kind in seen for bad in misfits(row, kind)] == []


def test_nothing_measured_stays_none_where_something_was(store: Store) -> None:
    """`Absent` is None above; a measured student's type says that it never is."""
    students = rows.measured(store.students(store.run("tiny")["id"]))
    told = ("told", "seconds", "latency_ms", "finished", "accuracy", "robustness_interval", "measurement_id")
    assert students
    assert all(dict(student)[name] is not None for student in students for name in told)


def test_the_figures_are_named_once() -> None:
    assert set(rows.FIGURES) == set(rows.Figures.__annotations__)
    assert set(rows.COUNTS) < set(rows.FIGURES)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"told": "1"}, "told"),
        ({"status": "lost"}, "status"),
        ({"more": 1}, "more"),
        ({"genome": {"width": 1}}, "rank"),
    ],
)
def test_a_row_that_is_other_than_its_type_is_noticed(store: Store, change: dict[str, object], word: str) -> None:
    row = dict(store.candidates(store.run("new")["id"])[0]) | change
    assert any(word in bad for bad in misfits(row, rows.CandidateRow))
