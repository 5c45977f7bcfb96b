"""A few sentences of one's own on the attack screen: chosen, attacked for real, summed up, opened, taken away."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app import recipes
from app.attack import models
from rosearch_engine.store import Store
from tests.app.conftest import fill, open_page

FEW = "A few sentences"
PATIENCE = 600.0


def few(**query: str) -> AppTest:
    return open_page("attack", attack_with=FEW, **query)


def upload(app: AppTest, content: bytes, name: str = "mine.csv") -> AppTest:
    return app.file_uploader(key="batch.file").set_value((name, content, "text/plain")).run()


def said(app: AppTest, *kinds: str) -> str:
    return "\n".join(str(element.value).replace("\\", "") for kind in kinds for element in getattr(app, kind))


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """No attack process is started: these tests are about what comes before it."""
    monkeypatch.setattr(models, "warm_worker", lambda: None)


CSV = b"""id,remark,verdict
1,a fine and funny film with heart,positive
2,,negative
3,a dull film that never ends,negative
"""


def test_the_columns_are_found_and_can_be_picked(run_id: int, idle: None) -> None:
    app = upload(few(), CSV)
    assert not app.exception
    assert not app.error
    boxes = {box.label: box for box in app.main.selectbox}
    assert boxes["Sentence"].value == "remark"
    assert boxes["Label"].value == "none: use the model's own prediction"
    assert "2 sentences to attack · 1 row left out: without text" in said(app, "caption")
    look = app.dataframe[0].value
    assert list(look.index) == [1, 2, 3]
    boxes["Label"].set_value("verdict").run()
    assert not app.error
    {box.label: box for box in app.main.selectbox}["Label"].set_value("id").run()
    assert "row 1: '1' is not one of the classes" in said(app, "error")
    assert "negative, positive" in said(app, "error")


BAD = {
    "not UTF-8": ("mine.csv", "text\nun café\n".encode("latin-1"), "UTF-8"),
    "empty": ("mine.csv", b" ", "empty"),
    "broken": ("mine.jsonl", b'{"text": "a"}\n{"te', "line 2"),
    "no text": ("mine.tsv", b"text\tlabel\n \t1\n", "can be attacked"),
    "no Parquet": ("mine.parquet", b"PAR0", "Parquet"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_a_message_with_field_and_remedy(run_id: int, idle: None, name: str) -> None:
    file, content, word = BAD[name]
    app = upload(few(), content, file)
    assert not app.exception
    (error,) = app.error
    assert error.value.startswith("**file**")
    assert word in error.value.replace("\\", "")
    assert not any(button.key == "batch.start" for button in app.button)


def test_more_than_fifty_are_cut_and_it_is_said(run_id: int, idle: None) -> None:
    app = upload(few(), b"\n".join(b"a fine film number %d" % n for n in range(120)), "mine.txt")
    assert "Only the first 50 of 120 sentences" in said(app, "caption")
    assert app.button(key="batch.start").label == "Attack 50 sentences"


def test_a_task_on_pairs_asks_for_the_second_sentence(home: Any, idle: None) -> None:
    run_id = fill("pairs", students=6)
    store = Store.write()
    store.update_run(run_id, dataset={**(store.run("pairs")["dataset"] or {}), "pair": True})
    store.close()
    app = few(run="pairs")
    app.segmented_control(key="batch.source").set_value("Typed").run()
    app.text_area(key="batch.typed").set_value("a man sleeps").run()
    assert "line 1 has no |" in said(app, "error")
    app.text_area(key="batch.typed").set_value("a man sleeps | he is awake").run()
    assert not app.error
    assert app.button(key="batch.start").label == "Attack 1 sentence"


@pytest.fixture(scope="module")
def real_app() -> Iterator[None]:
    """An app that has cached nothing, and whose attack process serves all tests that ask for it."""
    st.cache_resource.clear()
    st.cache_data.clear()
    yield
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture
def real(real_app: None, calm: str) -> str:
    """A run with weights, and the attack process that the app itself starts."""
    return calm


def wait(app: AppTest) -> AppTest:
    """Let the attack in hand come to its end."""
    job = app.session_state["batch"]["job"]
    assert job.finished.wait(PATIENCE), (job.state, job.note)
    time.sleep(0.1)
    return app.run()


def test_a_file_is_attacked_summed_up_opened_and_taken_away(real: str) -> None:
    """By the real attack process, on the sentences of the search: what the search measured comes out."""
    store = Store.read()
    run = store.run(real)
    student = store.student(run["id"], "s0001")
    assert student["status"] == "done"
    assert run["dataset"] is not None
    examples, classes = store.examples(student["measurement_id"]), run["dataset"]["classes"]
    rows = [{"text": e["before"]["text"], "label": classes[e["label"]]} for e in examples]
    app = few(run=real, student="s0001")
    upload(app, "\n".join(map(json.dumps, rows)).encode(), "mine.jsonl")
    app.main.selectbox(key="batch.recipe").set_value(next(r for r in recipes.known() if r["name"] == "pwws"))
    app.button(key="batch.start").click().run()
    assert not app.exception
    wait(app)
    assert not app.exception
    assert not app.error
    metrics = {metric.label: metric.value for metric in app.metric}
    assert metrics["After attack"] == f"{student['robustness']:.1%}"
    assert metrics["Mean queries per sentence"] == f"{student['mean_queries']:.0f}"
    assert all(metric.help for metric in app.metric)
    assert f"{student['held']} of {student['attacked']}" in said(app, "caption")
    table = app.dataframe[-1].value
    assert list(table["sentence"]) == [row["text"] for row in rows]
    assert list(table["queries"]) == [e["queries"] for e in examples]
    assert not app.info, "labels were given"

    place = next(n for n, e in enumerate(examples) if e["outcome"] == "fooled")
    app.session_state["batch.rows"] = {"selection": {"rows": [place], "columns": [], "cells": []}}
    app.run()
    assert any("Fooled with" in html.proto.body for html in app.get("html"))
    named = [button.proto.label for button in app.get("download_button")]
    assert named.count("JSON") == named.count("CSV") == 2, "the batch's and the sentence's"


def test_stop_keeps_what_is_done_and_missing_labels_are_said(real: str) -> None:
    app = few(run=real, student="s0001")
    app.segmented_control(key="batch.source").set_value("Typed").run()
    long = "a charming and often funny film that never grows dull , part"
    app.text_area(key="batch.typed").set_value("\n".join(f"{long} {n}" for n in range(50))).run()
    app.button(key="batch.start").click().run()
    job = app.session_state["batch"]["job"]
    while not job.rows and not job.finished.wait(0.05):
        pass
    app.button(key="batch.stop").click().run()
    wait(app)
    assert not app.exception
    done = len(job.rows)
    assert 0 < done < 50
    assert f"{done} of 50 sentences were attacked" in said(app, "warning")
    assert "the model's own prediction counts as correct" in said(app, "info")
    assert {metric.label: metric.value for metric in app.metric}["Clean"] == "–"
