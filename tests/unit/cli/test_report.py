"""A report of many students: people get the front and the best, programs and who asks get all."""

from __future__ import annotations

import re

import pytest

from rosearch_engine.cli.students import SHOWN
from rosearch_engine.store import Store
from tests.app.conftest import fill, home
from tests.conftest import rosearch

__all__ = ["home"]  # a fixture


@pytest.fixture
def many(home: object) -> set[str]:
    """A run with more students than a report shows: the names of those that were measured."""
    run_id = fill("many", students=2 * SHOWN)
    return {row["name"] for row in Store.read().students(run_id) if row["status"] == "done"}


def names(text: str) -> set[str]:
    return set(re.findall(r"\bs\d{4}\b", text))


def test_a_report_shows_the_front_and_the_best_and_says_what_it_leaves_out(many: set[str]) -> None:
    rows = Store.read().students(Store.read().run("many")["id"])
    front = {row["name"] for row in rows if row["front"]}
    said = rosearch("report", "many")
    assert said.code == 0, said.err
    shown = names(said.out) & many
    assert front <= shown
    assert SHOWN <= len(shown) <= SHOWN + len(front)
    assert f"{len(rows) - len(names(said.out) & {row['name'] for row in rows})} more students" in said.out + said.err
    robustness = {row["name"]: row["robustness"] or 0.0 for row in rows}
    assert max(robustness[name] for name in many - shown) <= min(robustness[name] for name in shown - front)


def test_all_of_them_are_there_for_who_asks(many: set[str]) -> None:
    assert many <= names(rosearch("report", "many", "--all").out)
    assert many <= {row["name"] for row in rosearch("report", "many", "--json").json["students"]}


def test_a_report_of_few_leaves_none_out(home: object) -> None:
    run_id = fill("few", students=12)
    said = rosearch("report", "few")
    assert {row["name"] for row in Store.read().students(run_id)} <= names(said.out)
    assert "more students" not in said.out + said.err
