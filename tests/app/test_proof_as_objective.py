"""A run that searched for proof: its front, and the screens that show it, are of what is certified."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from rosearch_engine.front import non_dominated
from rosearch_engine.objectives import saved
from rosearch_engine.store import Store
from rosearch_engine.store.models import Measurement, Run
from rosearch_engine.store.rows import MeasuredStudent, measured
from tests.app.conftest import fill, open_page


def prove(rows: list[MeasuredStudent], run_id: int) -> None:
    """Turn the order of what holds about: what holds least is proved most; every third student has no ledger."""
    store = Store.write()
    with store.transaction() as session:
        for row in rows:
            proved = None if row["number"] % 3 == 0 else 80 - row["held"] // 2
            session.execute(
                update(Measurement)
                .where(Measurement.id == row["measurement_id"])
                .values(certified=proved, measure="certified")
            )
        config = store.run("demo")["config"]
        config["objectives"]["measure"] = "certified"
        session.execute(update(Run).where(Run.id == run_id).values(config=config))


@pytest.fixture
def rows(home: Path) -> list[MeasuredStudent]:
    run_id = fill("demo", students=20)
    before = measured(Store.read().students(run_id))
    prove(before, run_id)
    after = measured(Store.read().students(run_id))
    assert [row["front"] for row in after] != [row["front"] for row in before], "else this says nothing"
    return after


def test_the_front_is_of_what_is_proved(rows: list[MeasuredStudent]) -> None:
    worth = [((row["certified"] or 0) / row["attacked"], row["accuracy"], saved(row["compression"])) for row in rows]
    assert [row["front"] for row in rows] == non_dominated(np.array(worth)).tolist()


def test_the_screens_begin_with_proof(rows: list[MeasuredStudent]) -> None:
    app = open_page("front", run="demo")
    assert not app.exception
    assert app.segmented_control(key="plane").value == "Proof vs accuracy"
    app = open_page("search", run="demo")
    app.session_state["panel"] = "Watch"
    app.run()
    assert not app.exception
    best = max((row["certified"] or 0) / row["attacked"] for row in rows)
    assert {metric.label: metric.value for metric in app.metric}["Best certified share"] == f"{best:.1%}"


def test_other_runs_begin_with_what_holds(home: Path) -> None:
    fill("demo", students=12)
    assert open_page("front", run="demo").segmented_control(key="plane").value == "Robustness vs accuracy"
