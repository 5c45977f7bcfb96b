"""The run that comes with the program, as a newcomer meets it."""

from __future__ import annotations

import html
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from app import recipes
from app.attack import models, verdicts
from rosearch_engine.attack.diff import words
from rosearch_engine.recorded import unpack
from rosearch_engine.store import Store
from rosearch_engine.store.rows import StudentRow
from tests.app.conftest import fill, open_page

PAGES = ("overview", "search", "front", "statistics", "architecture", "compare", "attack", "export")
RECIPES = [{"name": "pwws", "title": "PWWS", "kind": "synonyms", "ready": True, "missing": [], "note": ""}]


@pytest.fixture(autouse=True)
def example(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh home of someone who has just installed the program; no attack process is started."""
    monkeypatch.delenv("ROSEARCH_RECORDED")
    monkeypatch.setattr(models, "warm_worker", lambda: SimpleNamespace(state="ready"))
    monkeypatch.setattr(recipes, "known", lambda: RECIPES)
    return home


def students() -> list[StudentRow]:
    store = Store.read()
    return store.students(store.run("example")["id"])


def figures_only() -> str:
    return next(row["name"] for row in students() if row["weights_sha256"] is None)


def keys(app: AppTest) -> list[str]:
    return [button.key for button in app.main.button if button.key]


def said(app: AppTest) -> str:
    return "\n".join(
        str(one.value) for kind in ("caption", "markdown", "info", "warning") for one in getattr(app, kind)
    )


@pytest.mark.parametrize("page", PAGES)
def test_every_page_shows_it_labelled_recorded(page: str) -> None:
    app = open_page(page)
    assert not app.exception
    assert not app.error
    assert app.session_state["run"] == "example"
    assert [badge for badge in app.sidebar.markdown if "recorded" in badge.value]


def test_overview_offers_to_explore_to_attack_and_to_search_and_says_who_made_it() -> None:
    app = open_page()
    assert [key for key in keys(app) if key.startswith("next.")] == [
        *("next.point", "next.search", "next.front", "next.architecture", "next.attack")
    ]
    assert len(app.get("bidi_component")) == 1
    assert "the teacher falls from" in said(app)
    assert "Recorded run **example**" in said(app)
    assert "with the demo preset" in said(app)
    assert "Apache" in said(app)
    app.button(key="next.attack").click().run()
    assert app.title[0].value == "Attack"
    assert app.text_area(key="sentence"), "the student first in hand can be attacked"


def test_a_student_whose_weights_were_not_shipped_says_so_and_names_those_that_were() -> None:
    open_page()
    name = figures_only()
    able = [row["name"] for row in students() if row["weights_sha256"]]
    app = open_page("attack", run="example", student=name)
    assert not app.exception
    assert f"{name}** cannot be attacked here: to save space, this recorded run ships without its weights" in said(app)
    assert [key for key in keys(app) if key.startswith("take.")] == [f"take.{other}" for other in able]
    assert not app.text_area
    app.button(key=f"take.{able[-1]}").click().run()
    assert app.session_state["student"] == able[-1]
    assert app.text_area(key="sentence")
    offered = {label.split(" · ")[0] for label in app.multiselect(key=f"models.example.{able[-1]}").options}
    assert offered == set(able), "no teacher, no mere figures"
    app = open_page("export", run="example", student=name)
    assert "cannot be exported here" in said(app)
    assert "export" not in keys(app)


def test_deleted_it_stays_deleted_and_the_empty_state_comes_back() -> None:
    app = open_page("search", run="example")
    app.session_state["panel"] = "Watch"
    app.run()
    assert not {"resume", "stop"} & set(keys(app)), "there is nothing to go on with"
    app.button(key="delete").click().run()
    assert "restores the run" in said(app)
    app.button(key="delete.yes").click().run()
    assert not app.exception
    assert Store.read().runs() == []
    import streamlit as st

    st.cache_resource.clear()  # as after a restart
    app = open_page()
    assert "No searches yet" in [heading.value for heading in app.main.subheader]


def test_another_like_it_starts_from_its_settings() -> None:
    app = open_page("search", run="example")
    app.session_state["panel"] = "Watch"
    app.run()
    app.button(key="clone").click().run()
    assert not app.exception
    assert app.session_state["preset"] == "copy of example"
    assert app.number_input(key="copy of example.search.candidates").value == 12


def test_ones_own_run_comes_before_it() -> None:
    open_page()
    fill("mine", students=6)
    store = Store.write()
    store.update_run(store.run("mine")["id"], created=0.0)
    assert open_page().session_state["run"] == "mine"


def test_a_damaged_file_is_a_message_and_the_app_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad.zip").write_bytes(Path(unpack.__file__).with_name("demo.zip").read_bytes()[:100_000])
    monkeypatch.setenv("ROSEARCH_RECORDED", str(tmp_path / "bad.zip"))
    app = open_page()
    assert not app.exception
    assert "damaged" in app.error[0].value
    assert "No searches yet" in [heading.value for heading in app.main.subheader]


def test_the_teachers_recorded_outcome_stands_beside_an_example_sentence() -> None:
    app = open_page("attack", run="example")
    assert "Recorded by the search" not in said(app), "no sentence is chosen"
    app.pills(key="example").set_value(0).run()
    assert not app.exception
    assert "Recorded by the search on this sentence" in said(app)
    shown = "".join(element.proto.body for element in app.get("html"))
    store = Store.read()
    run = store.run("example")
    teacher = store.teacher_measurement(run["id"])
    assert teacher is not None
    text = str(app.text_area(key="sentence").value)
    row = next(row for row in store.examples(teacher["measurement_id"]) if row["before"]["text"] == text)
    assert f'data-verdict="{verdicts.of_example(row)}"' in shown
    swapped = next(step["after"] for step in words(text, row["after"]["text"]) if step["op"] != "same")
    assert f"{html.escape(str(swapped))}</ins>" in shown
    assert "(recorded)" in shown
    app.session_state["sentence"] = "a sentence that nobody has recorded"
    app.run()
    assert "Recorded by the search" not in said(app)
