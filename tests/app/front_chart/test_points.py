"""What the picture of the front is told."""

from __future__ import annotations

import json
from typing import Any, cast

import numpy as np
import pytest

from app.front_chart import component, points
from app.front_chart.points import COUNTS, KNEE, ON_FRONT, WEIGHTS, Points
from rosearch_engine.front import non_dominated
from rosearch_engine.store import Store
from rosearch_engine.store.rows import MeasurementRow, StudentRow, measured


@pytest.fixture
def students(run_id: int) -> list[StudentRow]:
    return Store.read().students(run_id)


@pytest.fixture
def teacher(run_id: int) -> MeasurementRow | None:
    return Store.read().teacher_measurement(run_id)


def told(students: list[StudentRow], teacher: MeasurementRow | None = None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Points().json(students, teacher))
    return found


def test_each_measured_student_is_one_point_with_its_stored_figures(
    students: list[StudentRow], teacher: MeasurementRow
) -> None:
    drawn = told(students, teacher)
    done = measured(students)
    assert [row[0] for row in drawn["points"]] == [row["name"] for row in done], "failed ones are left out"
    for values, row in zip(drawn["points"], done, strict=True):
        name, accuracy, robustness, compression, low, high, *_ = values
        assert name == row["name"]
        assert (accuracy, robustness) == pytest.approx((row["accuracy"], row["robustness"]), abs=1e-4)
        assert compression == pytest.approx(row["compression"], abs=1e-3)
        assert (low, high) == pytest.approx(row["robustness_interval"], abs=1e-4)
    assert drawn["teacher"] == {"accuracy": teacher["accuracy"], "robustness": teacher["robustness"]}


def test_flags_tell_front_knee_weights_and_who_counts(students: list[StudentRow]) -> None:
    done = measured(students)
    done[3]["weights_sha256"], done[4]["floor"] = None, 1.0
    flags = {values[0]: values[-1] for values in told(students)["points"]}
    for row in done:
        assert bool(flags[row["name"]] & ON_FRONT) == row["front"]
        assert bool(flags[row["name"]] & KNEE) == row["knee"]
    assert [name for name, flag in flags.items() if not flag & WEIGHTS] == [done[3]["name"]]
    assert [name for name, flag in flags.items() if not flag & COUNTS] == [done[4]["name"]]


def test_kinds_and_codes_are_told_apart(students: list[StudentRow]) -> None:
    drawn = told(students)
    kinds = {values[0]: values[-3] for values in drawn["points"]}
    assert {row["name"]: points.KINDS.get(row["origin"], 0) for row in measured(students)} == kinds
    codes = {values[0]: drawn["codes"][values[-2]] for values in drawn["points"]}
    assert {row["name"]: row["genome"]["code"] for row in measured(students)} == codes


def test_a_student_is_written_anew_only_when_its_row_is_new(students: list[StudentRow]) -> None:
    written = Points()
    before = json.loads(written.json(students, None))
    students[1] = cast(StudentRow, {**students[1], "front": not students[1]["front"]})
    students[2]["accuracy"] = 0.0  # the same row: nobody changes it
    after = json.loads(written.json(students, None))
    changed = [was[0] for was, now in zip(before["points"], after["points"], strict=True) if was != now]
    assert changed == [students[1]["name"]]


def test_no_student_is_no_point() -> None:
    assert told([]) == {"teacher": None, "codes": [], "points": []}


@pytest.mark.parametrize("plane", sorted(component.PLANES))
def test_another_runs_front_is_that_of_the_plane(students: list[StudentRow], plane: str) -> None:
    x, y, _ = component.PLANES[plane]
    done = measured(students)
    at = lambda s, axis: (s["certified"] or 0) / s["attacked"] if axis == "certified" else s[axis]  # noqa: E731
    best = non_dominated(np.array([[at(s, x), at(s, y)] for s in done]))
    view = json.loads(component.View(of="1", plane=plane, others={"other": students}).json())
    expected = sorted([at(s, x), at(s, y)] for s, one in zip(done, best, strict=True) if one)
    assert view["others"] == [{"run": "other", "points": expected}]
    assert view["plane"] == [x, y, component.PLANES[plane][2]]
