"""Which of a student's attacked sentences fell: the table, its slices, two models against each other, one opened."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from app.attack import fallen, models, verdicts
from rosearch_engine.statistics.paired import mcnemar
from rosearch_engine.store import Store
from rosearch_engine.store.rows import ExampleRow
from tests.app.conftest import open_page
from tests.app.test_recorded import said

VIEW = "Which sentences fell"


@pytest.fixture(autouse=True)
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """No attack process is started: these tests are about what the search left."""
    monkeypatch.setattr(models, "warm_worker", lambda: None)


def rows_of(run_id: int, name: str) -> list[ExampleRow]:
    student = Store.read().student(run_id, name)
    assert student["status"] == "done"
    return Store.read().examples(student["measurement_id"])


def opened(**query: str) -> AppTest:
    return open_page("attack", attack_with=VIEW, run="demo", student="s0003", **query)


def test_every_sentence_stands_there_with_what_became_of_it(run_id: int) -> None:
    app = opened()
    assert not app.exception
    rows, table = rows_of(run_id, "s0003"), app.main.dataframe[0].value
    assert list(table["verdict"]) == ["Fooled"] * 4 + ["Held"] * 2, "those that fell first"
    by_text = {row["before"]["text"]: row for row in rows}
    for _, line in table.iterrows():
        row = by_text[line["sentence"]]
        assert (line["queries"], line["words"]) == (row["queries"], len(line["sentence"].split()))
        assert line["class"] == ("negative", "positive")[row["label"]]
        assert line["words changed"] == 1
    assert "dull → muted" in set(table["changes"])
    assert "2 of 6 sentences hold" in said(app)


def test_filters_narrow_the_table_and_the_figure(run_id: int) -> None:
    app = opened()
    app.pills(key="fallen.verdict").set_value(["Held"]).run()
    assert list(app.main.dataframe[0].value["verdict"]) == ["Held", "Held"]
    app.text_input(key="fallen.contains").set_value("no such <word>").run()
    assert not app.exception
    assert app.main.dataframe[0].value.empty
    assert "0 of 0 sentences hold" in said(app)


def test_slices_by_class_and_length_add_up(run_id: int) -> None:
    table = fallen.build(rows_of(run_id, "s0003"), ["negative", "positive"])
    for by in ("class", "words"):
        parts = fallen.slices(table, by)
        assert parts["n"].sum() == 6
        assert (parts["n"] * parts["holds"] / 100).sum() == pytest.approx(2)
        assert (parts["from"] <= parts["holds"]).all()
        assert (parts["holds"] <= parts["to"]).all()
    assert list(fallen.slices(table, "class")["class"]) == ["negative", "positive"]


def test_two_models_are_compared_sentence_by_sentence_with_mcnemar(run_id: int) -> None:
    rows = rows_of(run_id, "s0003")
    lost = [row | {"outcome": "fooled", "flips": 0} for row in rows]
    held = [row | {"outcome": "held", "flips": 0} for row in rows]
    p = mcnemar([True] * 6, [False] * 6).p
    text = fallen.against("s0003", held, "teacher", lost)
    assert "both hold 0, only s0003 6, only teacher 0, neither 0" in text
    assert f"p = {p:.2g}, s0003 holds more" in text
    assert "p = 1, not distinguishable from chance" in fallen.against("s0003", rows, "teacher", rows)
    other = [row | {"sentence": row["sentence"] + 100} for row in rows]
    assert "not attacked with the same sentences" in fallen.against("s0003", rows, "s9", other)


def test_the_teacher_stands_beside_the_student(run_id: int) -> None:
    app = opened()
    app.selectbox(key="fallen.other.demo").set_value("teacher").run()
    assert not app.exception
    assert list(app.main.dataframe[0].value["teacher"]) == list(app.main.dataframe[0].value["verdict"])
    assert "both hold 2, only s0003 0, only teacher 0, neither 4" in said(app)
    app.toggle(key="fallen.differ").set_value(True).run()
    assert app.main.dataframe[0].value.empty


def test_a_row_opens_the_sentence_and_leads_to_its_attack(run_id: int) -> None:
    app = opened()
    app.selectbox(key="fallen.other.demo").set_value("teacher").run()
    shown = app.main.dataframe[0].value
    _pick(app, run_id, 1)
    drawn = "".join(html.proto.body for html in app.get("html"))
    assert 'data-verdict="Fooled"' in drawn
    app.button(key="fallen.attack").click().run()
    assert not app.exception
    assert app.text_area(key="sentence").value == shown.iloc[1]["sentence"]
    assert app.multiselect(key="models.demo.s0003").value == ["s0003", "teacher"]
    assert app.segmented_control(key="answer.demo").value == shown.iloc[1]["class"]


def _pick(app: AppTest, run_id: int, place: int) -> None:
    student = Store.read().student(run_id, "s0003")
    app.session_state[f"fallen.{student['measurement_id']}.6"] = {
        "selection": {"rows": [place], "columns": [], "cells": []}
    }
    app.run()


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        ({"outcome": "fooled", "swaps": 9, "flips": 2, "certified": None}, "Fooled"),
        ({"outcome": "held", "swaps": 9, "flips": 2, "certified": None}, "Does not hold"),
        ({"outcome": "held", "swaps": 9, "flips": 0, "certified": True}, "Proved"),
        ({"outcome": "budget used", "swaps": None, "flips": None, "certified": None}, "Held"),
        ({"outcome": "held", "swaps": 0, "flips": 0, "certified": True}, "Nothing to attack"),
        ({"outcome": "already wrong", "swaps": 0, "flips": 0, "certified": None}, "Already wrong"),
        ({"outcome": "failed", "swaps": None, "flips": None, "certified": None}, "Not attacked"),
    ],
)
def test_a_stored_outcome_has_the_same_verdict_as_a_live_one(row: ExampleRow, verdict: str) -> None:
    assert verdicts.of_example(row) == verdict
