"""A run none of whose students is above its floor has an empty Pareto front, and every place says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update

from rosearch_engine.errors import UserError
from rosearch_engine.recorded.pack import pack
from rosearch_engine.recorded.unpack import unpack
from rosearch_engine.rescore.run import rescore
from rosearch_engine.rescore.transfer import transfer
from rosearch_engine.store import Store
from rosearch_engine.store.models import Candidate, Measurement
from tests.app.conftest import fill, open_page
from tests.app.conftest import home as app_home
from tests.app.test_pages import PAGES
from tests.conftest import rosearch

home = app_home
PANELS = ("New run", "Watch", "Compare runs")


def sink(run: str, *, first: int | None = None) -> None:
    """Put a run's students below their floor: all of them, or those told first."""
    store = Store.write()
    of_run = Measurement.run_id == store.run(run)["id"]
    if first is not None:
        early = [row["id"] for row in store.candidates(store.run(run)["id"]) if (row["told"] or 0) <= first]
        of_run &= Measurement.candidate_id.in_(early)
    with store.transaction() as session:
        session.execute(update(Measurement).where(of_run).values(floor=0.999))


@pytest.fixture
def sunk(copied: str) -> str:
    """The calm run with an empty front and without baselines."""
    sink(copied)
    store = Store.write()
    with store.transaction() as session:
        session.execute(update(Candidate).values(origin="sample"))
    assert not any(row["front"] or row["knee"] for row in store.students(store.run(copied)["id"]))
    return copied


@pytest.mark.parametrize("students", [1, 12])
@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens(home: Path, page: str, students: int) -> None:
    fill("demo", students=students)
    fill("other", students=students, seed=1)
    sink("demo")
    sink("other")
    for panel in PANELS if page == "search" else ("",):
        app = open_page(page, run="demo")
        if panel:
            app.session_state["panel"] = panel
        app.run()
        assert not app.exception
        assert not app.error


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_where_the_first_students_do_not_count(home: Path, page: str) -> None:
    fill("demo", students=16)
    sink("demo", first=4)
    app = open_page(page, run="demo")
    assert not app.exception
    assert not app.error


def test_a_report_says_that_none_counts(sunk: str) -> None:
    answer = rosearch("report", sunk)
    assert answer.code == 0, answer.err
    assert "below floor" in answer.out
    assert not any(row["front"] for row in rosearch("report", sunk, "--json").json["students"])
    assert rosearch("report", sunk, "--statistics", "--json").code == 0


def test_what_to_rescore_must_be_named(sunk: str) -> None:
    with pytest.raises(UserError, match="no student of 'calm' is on the Pareto front"):
        rescore(sunk, n=5, seeds=1, recipes=["pwws"])
    assert set(rescore(sunk, n=5, seeds=1, recipes=["pwws"], students=["s0001"])["students"]) == {"s0001", "teacher"}
    assert set(rescore(sunk, n=6, seeds=1, recipes=["pwws"], students=["teacher"])["students"]) == {"teacher"}


def test_what_to_transfer_must_be_named(sunk: str) -> None:
    with pytest.raises(UserError, match="no student of 'calm' is on the Pareto front"):
        transfer(sunk)
    assert transfer(sunk, students=["s0001"])["models"] == ["s0001", "teacher"]


def test_it_is_packed_without_weights_and_comes_back(sunk: str, tmp_path: Path) -> None:
    answer = rosearch("pack", sunk, "--to", str(tmp_path / "run.zip"), "--as", "sunk")
    assert answer.code == 0, answer.err
    assert "without weights" in answer.out
    assert unpack(tmp_path / "run.zip") == "sunk"
    store = Store.read()
    assert not any(row["weights_sha256"] for row in store.students(store.run("sunk")["id"]))
    assert pack(sunk, tmp_path / "one.zip", students=["s0001"]).made.students == ["s0001"]


def test_one_baseline_below_the_floor_can_be_rescored(sunk: str) -> None:
    store = Store.write()
    with store.transaction() as session:
        session.execute(update(Candidate).where(Candidate.number == 1).values(origin="chain"))
    assert set(rescore(sunk, n=5, seeds=1, recipes=["pwws"])["students"]) == {"s0001", "teacher"}
