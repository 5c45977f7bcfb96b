"""The app's words: one list, found on every page, and behind every figure."""

from __future__ import annotations

import pandas as pd
import pytest

from app import glossary, run_table, student_table
from app.attack import models
from rosearch_engine.store import Store
from tests.app.conftest import open_page


@pytest.fixture(autouse=True)
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "warm_worker", lambda: None)


def test_every_name_of_a_term_has_a_meaning() -> None:
    assert set(glossary.TITLES) <= set(glossary.GLOSSARY)
    assert set(glossary.COLUMNS.values()) <= set(glossary.GLOSSARY)
    titles = [glossary.title(term) for term in glossary.GLOSSARY]
    assert len(set(titles)) == len(titles)


def test_a_table_says_what_its_columns_mean() -> None:
    found = glossary.columns(pd.DataFrame(columns=["verdict", "confidence before", "no such term"]))
    assert set(found) == {"verdict", "confidence before"}
    assert all(column["help"] for column in found.values())


def test_every_column_of_students_and_of_runs_has_help(run_id: int) -> None:
    store = Store.read()
    students = student_table.build([row for row in store.students(run_id) if row["status"] == "done"])
    for table, config in (
        (students, student_table.columns()),
        (run_table.build(store.runs()), run_table.columns()),
    ):
        without = [name for name in table if not config.get(str(name), {}).get("help")]
        assert without == []


def test_the_glossary_opens_and_finds_a_word(run_id: int) -> None:
    app = open_page("front")
    app.button(key="glossary").click().run()
    assert not app.exception
    assert any(text.value.startswith("**After-attack accuracy**") for text in app.markdown)
    found = glossary.entries("HyperVolume")
    assert "Hypervolume" in found
    assert "Knee" not in found
    assert glossary.entries("no such word") == {}


def test_every_figure_has_its_meaning_on_hover(run_id: int) -> None:
    front, search = open_page("front"), open_page("search")
    search.segmented_control(key="panel").set_value("Watch").run()
    for app in (front, search):
        assert app.metric
        assert [metric.label for metric in app.metric if not metric.help] == []
