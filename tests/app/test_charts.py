"""What the figures hold."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from app import charts
from app.cache import Ledger
from rosearch_engine.front import hypervolume_curve
from rosearch_engine.objectives import vector
from rosearch_engine.store import Store
from rosearch_engine.store.rows import StudentRow, measured


@pytest.fixture
def students(run_id: int) -> list[StudentRow]:
    return Store.read().students(run_id)


def test_no_student_gives_an_empty_figure() -> None:
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
