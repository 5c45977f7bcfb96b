"""Notes, names, settings, background work and comparisons, as a person meets them on the screens."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

from app import settings_file, student_table
from rosearch_engine import config
from rosearch_engine.runs import jobs, process
from rosearch_engine.runs.identity import mark
from rosearch_engine.store import Store
from rosearch_engine.store.annotations import annotate, noted
from tests.app.conftest import open_page
from tests.app.test_pages import html_of, text_of

HOSTILE = "<script>alert(1)</script> **bold** :red[x]"


@pytest.fixture(autouse=True)
def no_attacks(monkeypatch: pytest.MonkeyPatch) -> None:
    from app.attack import models

    monkeypatch.setattr(models, "warm_worker", lambda: None)


def test_a_note_is_shown_as_it_was_written_and_kept(run_id: int) -> None:
    annotate(Store.write(), run_id, "s0003", note=HOSTILE, tags=["keep", "<b>small</b>"], pinned=True)
    for page in ("front", "architecture", "export"):
        app = open_page(page, run="demo", student="s0003")
        assert not app.exception
        assert app.text[0].value == HOSTILE, "plain text, not Markdown"
        assert "pinned" in text_of(app)
        assert "<b>" not in text_of(app).replace("\\<", ""), "a tag is escaped"


def test_a_note_tags_and_a_pin_are_written_in_the_dialog(run_id: int) -> None:
    app = open_page("export", run="demo", student="s0003")
    app.button(key=f"note.{run_id}.s0003").click().run()
    app.text_area(key="note.text").set_value(HOSTILE)
    app.button(key="note.save").click().run()
    assert not app.exception
    assert noted(Store.read(), run_id)["s0003"]["note"] == HOSTILE
    app.button(key=f"pin.{run_id}.s0003").click().run()
    assert noted(Store.read(), run_id)["s0003"]["pinned"]
    assert app.button(key=f"pin.{run_id}.s0003").label == "Unpin"


def test_a_note_of_ten_thousand_characters_is_kept_and_a_tag_that_is_too_long_is_refused(run_id: int) -> None:
    app = open_page("export", run="demo", student="s0003")
    app.button(key=f"note.{run_id}.s0003").click().run()
    app.text_area(key="note.text").set_value("<b>" + "x" * 9_997)
    app.button(key="note.save").click().run()
    assert not app.exception
    assert app.text[0].value == "<b>" + "x" * 9_997
    app.button(key=f"note.{run_id}.s0003").click().run()
    app.session_state["note.tags"] = ["y" * 41]
    app.button(key="note.save").click().run()
    assert not app.exception
    assert "has 41 characters" in app.toast[0].value
    assert noted(Store.read(), run_id)["s0003"]["tags"] == []


def test_pins_and_tags_are_columns_filters_and_in_the_csv(run_id: int) -> None:
    plain = open_page("front").dataframe[0].value
    assert not {"pinned", "tags"} & set(plain), "nothing is noted, so nothing is shown"
    last = str(plain["student"].iloc[-1])
    annotate(Store.write(), run_id, last, pinned=True)
    annotate(Store.write(), run_id, "s0003", tags=["small", "=1+1"])
    annotate(Store.write(), run_id, "s0005", tags=["small"])
    app = open_page("front")
    table = app.dataframe[0].value
    assert table["student"].iloc[0] == last, "pinned ones come first"
    assert dict(zip(table["student"], table["tags"], strict=True))["s0003"] == "small; =1+1"
    head, *rows = student_table.written(table).splitlines()
    assert head.startswith("student,pinned,tags,")
    assert rows[0].startswith(f"{last},True,")
    app.pills(key="filter.tag").set_value(["small"]).run()
    assert set(app.dataframe[0].value["student"]) == {"s0003", "s0005"}
    annotate(Store.write(), run_id, "s0005", tags=[])
    annotate(Store.write(), run_id, "s0003", tags=["=1+1"])
    app.run()
    assert not app.exception, "a tag that was chosen is gone"
    assert len(app.dataframe[0].value) == len(table)
    app.toggle(key="filter.pinned").set_value(True).run()
    assert list(app.dataframe[0].value["student"]) == [last]


def test_a_run_is_renamed_and_stays_in_hand(run_id: int) -> None:
    app = open_page("export", run="demo", export_what="The run")
    app.text_input(key=f"rename.name.{run_id}").set_value("better")
    next(button for button in app.button if button.label == "Rename").click().run()
    assert not app.exception
    assert app.session_state["run"] == "better"
    assert [row["name"] for row in Store.read().runs()] == ["better"]
    app.text_input(key=f"rename.name.{run_id}").set_value("../etc")
    next(button for button in app.button if button.label == "Rename").click().run()
    assert "valid run name" in app.error[0].value.replace("\\", "")


def test_of_two_people_who_rename_a_run_the_second_is_told_that_it_is_gone(run_id: int) -> None:
    one, other = (open_page("export", run="demo", export_what="The run") for _ in range(2))
    for app, name in ((one, "better"), (other, "best")):
        app.text_input(key=f"rename.name.{run_id}").set_value(name)
        next(button for button in app.button if button.label == "Rename").click().run()
        assert not app.exception
    assert [row["name"] for row in Store.read().runs()] == ["better"]
    assert [toast.value for toast in one.toast] == ["The run is now called better\\."]
    assert "demo no longer exists" in "\n".join(str(one.value) for one in other.toast).replace("\\", "")


def test_settings_are_copied_and_imported_into_the_form(run_id: int) -> None:
    app = open_page("export", run="demo", export_what="Settings")
    assert not app.exception
    command, text = (block.value for block in app.main.code)
    settings = config.opened(Store.read().run("demo")["config"])
    assert command == config.as_command(settings)
    assert config.from_json(text) == settings
    other = config.build("standard", settings=["search.candidates=9", "distil.epochs=7"])
    app.text_area(key="settings.text").set_value(config.as_json(other))
    app.button(key="settings.import").click().run()
    assert not app.exception
    assert app.title[0].value == "Search"
    assert app.session_state["preset"] == settings_file.IMPORTED
    assert app.number_input(key=f"{settings_file.IMPORTED}.search.candidates").value == 9
    assert app.number_input(key=f"{settings_file.IMPORTED}.distil.epochs").value == 7


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        ('{"made_by": "9.9.9", "search": {"wings": 1}}', "written by version 9.9.9"),
        ("x" * 300_000, "300,000 characters"),
        ('{"search": {"candidates": "<b>many</b>"}}', "search.candidates"),
    ],
)
def test_settings_that_cannot_be_taken_are_refused_in_a_sentence(run_id: int, text: str, said: str) -> None:
    app = open_page("export", run="demo", export_what="Settings")
    app.text_area(key="settings.text").set_value(text)
    app.button(key="settings.import").click().run()
    assert not app.exception
    assert said in app.error[0].value.replace("\\", "")
    assert app.title[0].value == "Export"


def test_background_work_is_started_watched_and_its_end_shown(run_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[Any, ...]] = []
    monkeypatch.setattr(jobs, "start", lambda *what: started.append(what))
    app = open_page("export", run="demo", export_what="Check it again")
    app.number_input(key="rescore.n").set_value(120)
    app.button(key="job.rescore").click().run()
    assert not app.exception
    assert started == [("demo", "rescore", {"n": 120, "seeds": 3, "top": 3})]
    jobs.write("demo", "rescore", "request", {"arguments": {}, "began": time.time()})
    jobs.write("demo", "rescore", "process", {"pid": os.getpid(), "mark": mark(os.getpid())})
    facts = {"stage": "attack", "student": "s0003", "done": 3, "total": 12, "unit": "sentences"}
    jobs.write("demo", "rescore", "progress", facts)
    app.run()
    assert (app.progress[0].value, "3 / 12 sentences" in app.progress[0].text) == (25, True)
    stopped: list[tuple[Any, ...]] = []
    monkeypatch.setattr(jobs, "stop", lambda *what: stopped.append(what))
    app.button(key="job.stop.rescore").click().run()
    assert stopped == [("demo", "rescore")]
    error = {"field": "data", "problem": "it has changed.", "remedy": "Restore it."}
    jobs.write("demo", "rescore", "ending", {"state": "failed", "error": error})
    app.run()
    assert not app.exception
    assert "Restore it" in app.error[0].value
    assert app.button(key="job.rescore").label == "Re-score again"


def test_a_packed_run_is_offered_for_download(run_id: int) -> None:
    jobs.write("demo", "pack", "request", {"arguments": {}, "began": time.time()})
    file = jobs.folder("demo", "pack") / "demo.zip"
    file.write_bytes(b"PK" * 600_000)
    result = {"file": str(file), "bytes": file.stat().st_size, "students": ["s0003"]}
    jobs.write("demo", "pack", "ending", {"state": "done", "result": result})
    app = open_page("export", run="demo", export_what="The run")
    assert not app.exception
    assert [button.proto.label for button in app.get("download_button")] == ["demo.zip (1.2 MB)"]
    file.unlink()
    app.run()
    assert "Pack the run again" in app.warning[0].value


def test_an_unfinished_run_says_why_it_cannot_be_packed(run_id: int) -> None:
    Store.write().update_run(run_id, exit={"reason": "stopped", "message": "", "time": 0.0})
    assert process.state(Store.read().run("demo")) == "stopped"
    app = open_page("export", run="demo", export_what="The run")
    assert app.button(key="job.pack").disabled
    assert "Only finished runs can be packed" in text_of(app)


def test_students_are_compared_in_numbers_graphs_and_sentences(run_id: int) -> None:
    annotate(Store.write(), run_id, "s0005", pinned=True)
    annotate(Store.write(), run_id, "s0006", pinned=True)
    app = open_page("compare", run="demo", student="s0003")
    assert not app.exception
    numbers, sentences = (frame.value for frame in app.main.dataframe)
    assert list(numbers) == ["s0003", "s0005", "s0006"], "the one in hand, and the pinned ones"
    store = Store.read()
    student = store.student(run_id, "s0005")
    assert student["status"] == "done"
    assert str(numbers.loc["After attack", "s0005"]).startswith(f"{student['robustness']:.1%}")
    assert list(sentences) == ["s0003", "s0005", "s0006", "sentence"]
    assert len(sentences) == 6
    assert text_of(app).count("McNemar's exact test") == 2
    app.session_state["beside.sentences.s0003,s0005,s0006"] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    app.run()
    assert not app.exception
    assert all(html_of(app).count(f"<strong>{name} · ") == 1 for name in list(numbers)), "each one's swaps"
    assert app.button(key="beside.attack").label == "Attack it now: s0003, s0005, s0006"
    box = next(box for box in app.main.multiselect)
    box.set_value(["s0003", "s0004"]).run()
    assert app.query_params["students"] == "s0003,s0004"
    again = open_page("compare", run="demo", student="s0003", students="s0003,s0004,nobody")
    assert list(again.main.dataframe[0].value) == ["s0003", "s0004"], "a link leads to the comparison"
    box.set_value(["s0003"]).run()
    assert "Choose 2 to 4 students" in text_of(app)


def test_the_previous_and_the_next_student_are_a_button_and_a_key_away(run_id: int) -> None:
    app = open_page("architecture", run="demo", student="s0003")
    following, before = app.sidebar.button(key="walk.Next"), app.sidebar.button(key="walk.Previous")
    assert (following.proto.shortcut.lower(), before.proto.shortcut.lower()) == ("j", "k")
    following.click().run()
    assert app.session_state["student"] == "s0004"
    app.sidebar.button(key="walk.Previous").click().run()
    assert app.session_state["student"] == "s0003"
    app.sidebar.selectbox(key="student").set_value("s0000").run()
    assert app.sidebar.button(key="walk.Previous").disabled
    assert not html_of(app).count("Traceback")
