"""What the figures hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from app import charts
from app.cache import Ledger
from rosearch_engine.front import hypervolume_curve, non_dominated
from rosearch_engine.objectives import vector
from rosearch_engine.store import Store
from rosearch_engine.store.rows import MeasurementRow, StudentRow, measured


@pytest.fixture
def students(run_id: int) -> list[StudentRow]:
    return Store.read().students(run_id)


@pytest.fixture
def teacher(run_id: int) -> MeasurementRow | None:
    return Store.read().teacher_measurement(run_id)


def names(trace) -> set[str]:
    return {row[0] for row in trace.customdata}


def group(figure, name: str):
    return next(t for t in figure.data if t.legendgroup == name and t.customdata is not None)


def symbols(trace) -> list[str]:
    """Of each point; a trace whose points are all alike says it once."""
    said = trace.marker.symbol
    return [said] * len(trace.x) if isinstance(said, str) else list(said)


@pytest.mark.parametrize("plane", sorted(charts.PLANES))
def test_each_measured_student_is_one_point_of_its_group(
    students: list[StudentRow], teacher: MeasurementRow, plane: str
) -> None:
    figure = charts.front_figure(students, teacher, plane)
    x, y, _ = charts.PLANES[plane]
    done = [s for s in students if s["status"] == "done"]
    flat = non_dominated(np.array([[s[x], s[y]] for s in done]))
    in_plane = {s["name"] for s, best in zip(done, flat, strict=True) if best}
    on_front = {s["name"] for s in done if s["front"]}
    assert names(group(figure, "Pareto front in this plane")) == in_plane
    assert names(group(figure, "Pareto-optimal on all three")) == on_front - in_plane
    assert names(group(figure, "dominated")) == {s["name"] for s in done} - on_front - in_plane


def test_the_failed_student_is_not_drawn_and_the_knee_is_a_star(
    students: list[StudentRow], teacher: MeasurementRow
) -> None:
    figure = charts.front_figure(students, teacher, "Robustness vs accuracy")
    failed = next(s["name"] for s in students if s["status"] == "failed")
    knee = next(s["name"] for s in students if s["knee"])
    points = [t for t in figure.data if t.customdata is not None]
    assert all(failed not in names(trace) for trace in points)
    stars = {row[0] for t in points for row, symbol in zip(t.customdata, symbols(t), strict=True) if symbol == "star"}
    assert stars == {knee}


def test_whiskers_are_the_stored_intervals(students: list[StudentRow], teacher: MeasurementRow) -> None:
    trace = group(charts.front_figure(students, teacher, "Robustness vs accuracy"), "Pareto front in this plane")
    by_name = {s["name"]: s for s in students}
    for (name,), y, up, down in zip(
        trace.customdata, trace.y, trace.error_y.array, trace.error_y.arrayminus, strict=True
    ):
        assert (y - down, y + up) == pytest.approx(by_name[name]["robustness_interval"])


def test_dominated_students_can_be_left_out(students: list[StudentRow], teacher: MeasurementRow) -> None:
    figure = charts.front_figure(students, teacher, "Robustness vs size", dominated=False)
    assert not [t for t in figure.data if t.legendgroup == "dominated"]


def test_a_new_ring_changes_the_figure_and_nothing_else_does(
    students: list[StudentRow], teacher: MeasurementRow
) -> None:
    plain = charts.front_figure(students, teacher, "Robustness vs accuracy").to_json()
    assert charts.front_figure(students, teacher, "Robustness vs accuracy").to_json() == plain
    ringed = charts.front_figure(students, teacher, "Robustness vs accuracy", ring="s0003", revision=1)
    assert any(t.marker.symbol == "circle-open" for t in ringed.data if t.mode == "markers+text")
    assert ringed.to_json() != plain


def test_no_student_gives_an_empty_figure() -> None:
    figure = charts.front_figure([], None, "Robustness vs accuracy")
    assert not [x for t in figure.data if t.x is not None for x in t.x if x is not None]
    assert not charts.growth_figure({"none": []}, "students").data[0].x


def test_the_ledger_reads_only_what_is_new_and_grows_as_the_engine_says(students: list[StudentRow]) -> None:
    asked: list[int] = []

    def read(known: Sequence[StudentRow]) -> list[StudentRow]:
        asked.append(len(known))
        return students[: 10 if not known else None]

    ledger = Ledger(read)
    assert ledger.rows(1) == ledger.rows(1) == students[:10]
    early = ledger.steps(1)
    steps = ledger.steps(2)
    assert asked == [0, 10]
    done = measured(students)
    assert [step.name for step in steps] == [s["name"] for s in done]
    assert [step.hypervolume for step in steps] == hypervolume_curve([vector(s) for s in done])
    assert steps[-1].seconds == pytest.approx(sum(sum(s["seconds"].values()) for s in done))
    assert early == steps[: len(early)], "a list that a reader holds stays as it is"


def test_a_run_whose_first_students_are_on_no_front_has_steps_from_the_first(students: list[StudentRow]) -> None:
    done = measured(students)
    for student in done[:3]:
        student["floor"] = 1.0
    steps = Ledger(lambda known: [*done]).steps(1)
    assert [step.hypervolume for step in steps] == hypervolume_curve([vector(s) for s in done])
    assert [step.hypervolume for step in steps[:3]] == [0.0] * 3
    assert steps[-1].hypervolume > 0


@pytest.mark.parametrize("against", ["students", "minutes"])
def test_the_growth_of_each_run_is_a_line_of_its_corners(students: list[StudentRow], against: str) -> None:
    steps = Ledger(lambda known: students).steps(1)
    one, other = charts.growth_figure({"one": steps, "other": steps[:5]}, against).data
    assert (one.name, other.name) == ("one", "other")
    assert list(one.y) == sorted(one.y)
    assert set(one.y) == {step.hypervolume for step in steps}
    last = len(steps) if against == "students" else steps[-1].seconds / 60
    assert one.x[-1] == pytest.approx(last)


def test_re_scored_students_lead_to_where_held_out_sentences_put_them(
    students: list[StudentRow], teacher: MeasurementRow
) -> None:
    first, second = [s for s in students if s["front"]][:2]
    found: Any = {
        first["name"]: {"robustness": 0.11, "interval": (0.08, 0.15), "accuracy": 0.8, "attacked": 500},
        "s9999": {"robustness": 0.5, "interval": (0.4, 0.6), "accuracy": 0.8, "attacked": 500},
    }
    figure = charts.front_figure(students, teacher, "Robustness vs accuracy", again=found)
    (trace,) = [t for t in figure.data if t.name == "held out"]
    assert names(trace) == {first["name"]}, "a student that is not there is not drawn"
    assert (list(trace.x), list(trace.y)) == ([0.8], [0.11])
    assert trace.error_y.array[0] == pytest.approx(0.04)
    (way,) = [t for t in figure.data if t.mode == "lines" and t.line.color == charts.STAR]
    assert list(way.y) == [first["robustness"], 0.11, None]
    assert second["name"] not in names(trace)
    assert not [
        t for t in charts.front_figure(students, teacher, "Robustness vs accuracy").data if t.name == "held out"
    ]


def test_another_runs_front_is_steps_that_no_click_takes(students: list[StudentRow], teacher: MeasurementRow) -> None:
    figure = charts.front_figure(students[:3], teacher, "Robustness vs size", others={"other": students})
    (trace,) = [t for t in figure.data if t.name == "other"]
    x, y, _ = charts.PLANES["Robustness vs size"]
    done = [s for s in students if s["status"] == "done"]
    best = non_dominated(np.array([[s[x], s[y]] for s in done]))
    assert set(zip(trace.x, trace.y, strict=True)) == {
        (s[x], s[y]) for s, is_best in zip(done, best, strict=True) if is_best
    }
    assert trace.customdata is None
