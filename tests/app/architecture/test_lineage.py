"""Where a student came from."""

from __future__ import annotations

from typing import cast

import pytest
from streamlit.testing.v1 import AppTest

from app.architecture import lineage
from rosearch_engine.store import Store
from rosearch_engine.store.rows import MeasuredStudent, StudentRow, measured
from tests.app.conftest import open_page


@pytest.fixture
def students(run_id: int) -> list[StudentRow]:
    return Store.read().students(run_id)


@pytest.fixture
def late(students: list[StudentRow]) -> MeasuredStudent:
    """A student with grandparents."""
    return next(s for s in measured(students)[::-1] if max(lineage.family(s, students).back) > 1)


def test_a_family_goes_back_to_the_founders(students: list[StudentRow], late: MeasuredStudent) -> None:
    whole = lineage.family(late, students)
    by_number = {row["number"]: row for row in students}
    numbers = [row["number"] for row in whole.members]
    assert numbers == sorted(numbers)
    assert numbers[-1] == late["number"]
    parents = {parent for number in numbers for parent in by_number[number]["parents"]}
    assert parents == set(numbers) - {late["number"]}, "all parents of its members, and nobody else"
    back = dict(zip(numbers, whole.back, strict=True))
    assert {number for number, far in back.items() if far == 1} == set(late["parents"])
    assert all(back[p] <= back[n] + 1 for n in numbers for p in by_number[n]["parents"])
    assert {(numbers[a], numbers[b]) for a, b in whole.edges} == {
        (p, n) for n in numbers for p in by_number[n]["parents"]
    }


def test_of_a_large_family_the_nearest_are_drawn(students: list[StudentRow], late: MeasuredStudent) -> None:
    whole = lineage.family(late, students)
    few = lineage.nearest(whole, 3)
    assert len(few.members) == 3
    assert few.members[-1] is late
    assert sorted(few.back) == sorted(whole.back)[:3]


def test_an_endless_line_of_parents_is_no_endless_loop() -> None:
    row = cast(StudentRow, {"number": 1, "parents": [1, 2]})
    assert [member["number"] for member in lineage.family(row, [row]).members] == [1]


def test_the_table_has_the_figures_of_each_ancestor(students: list[StudentRow], late: MeasuredStudent) -> None:
    table = lineage.table(lineage.family(late, students)).set_index("student")
    assert table.index[0] == late["name"]
    assert list(table["back"]) == sorted(table["back"])
    for row in (row for row in students if row["name"] in table.index and row["status"] == "done"):
        assert table.loc[row["name"], "after attack"] == 100 * row["robustness"]
        assert table.loc[row["name"], "change"] == row["change"]


def click(app: AppTest, late: MeasuredStudent, place: int) -> AppTest:
    key = f"family.demo.{late['name']}.{app.session_state['family_turn']}"
    app.session_state[key] = {"node": place}
    return app.run()


def test_a_click_takes_an_ancestor_in_hand_again_and_again(students: list[StudentRow], late: MeasuredStudent) -> None:
    app = open_page("architecture", run="demo", student=late["name"])
    whole = lineage.family(late, students)
    place = next(place for place, row in enumerate(whole.members[:-1]) if row["status"] == "done")
    for _ in range(2):
        click(app, late, place)
        assert not app.exception
        assert app.session_state["student"] == whole.members[place]["name"]
        app.sidebar.selectbox(key="student").set_value(late["name"]).run()
        assert app.session_state["student"] == late["name"]


def test_a_click_lays_an_ancestor_over_if_so_chosen(students: list[StudentRow], late: MeasuredStudent) -> None:
    app = open_page("architecture", run="demo", student=late["name"])
    app.segmented_control(key="family_click").set_value(lineage.CLICKS[1]).run()
    whole = lineage.family(late, students)
    place = next(place for place, row in enumerate(whole.members[:-1]) if row["status"] == "done")
    click(app, late, place)
    assert not app.exception
    assert app.session_state["student"] == late["name"]
    assert app.session_state[f"other.demo.{late['name']}"] == whole.members[place]["name"]


def test_a_founder_says_that_it_is_one(run_id: int) -> None:
    app = open_page("architecture", run="demo", student="s0001")
    assert any("A founder: plain chain" in line.value for line in app.caption)
