"""What a run found is said from its rows, whatever they hold."""

from __future__ import annotations

from typing import Any, cast

import pytest

from app.overview import story
from rosearch_engine.store import Store
from rosearch_engine.store.rows import MeasuredStudent, MeasurementRow, RunRow, measured


@pytest.fixture
def run(run_id: int) -> RunRow:
    return Store.read().run("demo")


@pytest.fixture
def rows(run: RunRow) -> list[MeasuredStudent]:
    return measured(Store.read().students(run["id"]))


@pytest.fixture
def teacher(run: RunRow) -> MeasurementRow | None:
    return Store.read().teacher_measurement(run["id"])


def holding(row: MeasuredStudent, held: int, **more: Any) -> MeasuredStudent:
    bounds = (max(0.0, held / 100 - 0.09), min(1.0, held / 100 + 0.09))
    found = {**row, "robustness": held / 100, "held": held, "attacked": 100, "robustness_interval": bounds, **more}
    return cast(MeasuredStudent, found)


def told(run: RunRow, rows: list[MeasuredStudent], teacher: MeasurementRow | None) -> story.Story:
    found = story.tell(run, rows, teacher)
    assert found is not None
    return found


def test_the_teacher_falls_and_the_searched_student_holds(
    run: RunRow, rows: list[MeasuredStudent], teacher: MeasurementRow
) -> None:
    some = [holding(rows[0], 4), holding(rows[1], 5), holding(rows[2], 57, certified=51, front=True)]
    found = told(run, some, teacher)
    assert "the teacher falls from 88% to 9%" in found.headline
    assert f"**{rows[2]['name']}**, found by the search, holds 57%, 51% with proof" in found.headline
    assert [bar.kind for bar in found.bars] == ["teacher", "chain", "searched"] or [bar.kind for bar in found.bars] == [
        "teacher",
        "chain",
        "chain",
        "searched",
    ]
    assert found.bars[-1].certified == 0.51
    assert f"{rows[2]['name']} holds more than every baseline" in found.detail


def test_a_baseline_that_wins_is_named_as_one(
    run: RunRow, rows: list[MeasuredStudent], teacher: MeasurementRow
) -> None:
    bag = holding(rows[0], 60, origin="bag", certified=58)
    found = told(run, [bag, holding(rows[1], 5), holding(rows[2], 20)], teacher)
    assert f"**{bag['name']}**, a bag of words trained on its worst case, holds 60%" in found.headline
    assert f"The most robust student is a baseline: {bag['name']}" in found.detail
    (bar,) = [bar for bar in found.bars if bar.kind == "bag"]
    assert "baseline" in bar.what


def test_where_intervals_overlap_nobody_wins(run: RunRow, rows: list[MeasuredStudent], teacher: MeasurementRow) -> None:
    found = told(run, [holding(rows[1], 24), holding(rows[2], 20)], teacher)
    assert "cannot be told apart on 100 sentences" in found.detail


def test_without_a_teacher_or_a_searched_student_the_rest_is_told(run: RunRow, rows: list[MeasuredStudent]) -> None:
    found = told(run, [holding(rows[0], 10), holding(rows[1], 12)], None)
    assert "teacher falls" not in found.headline
    assert "So far only baselines were measured" in found.detail
    assert all(bar.kind == "chain" for bar in found.bars)


def test_no_student_that_counts_is_no_story(run: RunRow, rows: list[MeasuredStudent]) -> None:
    assert story.tell(run, [], None) is None
    assert story.tell(run, [holding(rows[2], 50, floor=1.0)], None) is None


def test_the_first_shown_is_the_best_searched_on_the_front_whose_weights_are_here(rows: list[MeasuredStudent]) -> None:
    some = [
        holding(rows[0], 90, front=True, knee=True),
        holding(rows[2], 40, front=True, knee=False),
        holding(rows[3], 50, front=True, knee=False, weights_sha256=None),
        holding(rows[4], 80, front=False, knee=False),
    ]
    best = story.default_student(some)
    assert best is not None
    assert best["name"] == rows[2]["name"]
    assert story.default_student([some[0]]) == some[0], "no searched one: the knee"
    alone = story.default_student([some[0], some[2]])
    assert alone is not None
    assert alone["name"] == rows[3]["name"], "no weights at all: the best all the same"
    assert story.default_student([]) is None
