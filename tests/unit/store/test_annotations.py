"""Notes, tags and pins: kept, bounded, forgotten with their run, and left out of what is packed; and other names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rosearch_engine.errors import UserError
from rosearch_engine.runs import process
from rosearch_engine.store import Store
from rosearch_engine.store.annotations import RUN, annotate, noted
from rosearch_engine.store.whole import take_out
from tests.app.conftest import fill, make_running

HOSTILE = "<script>alert(1)</script> **bold**"


@pytest.fixture
def run_id(home: Path) -> int:
    return fill("demo", students=4)


def test_what_is_noted_is_kept_part_by_part(run_id: int) -> None:
    store = Store.write()
    annotate(store, run_id, "s0003", note=f"  {HOSTILE}\n")
    annotate(store, run_id, "s0003", tags=["small"])
    annotate(store, run_id, "s0003", pinned=True)
    annotate(store, run_id, RUN, note="of the run")
    store.close()
    found = noted(Store.read(), run_id)
    assert (found["s0003"]["note"], found["s0003"]["tags"], found["s0003"]["pinned"]) == (HOSTILE, ["small"], True)
    assert (found[RUN]["note"], found[RUN]["pinned"]) == ("of the run", False)
    annotate(Store.write(), run_id, "s0003", note="", pinned=False)
    assert (noted(Store.read(), run_id)["s0003"]["note"], noted(Store.read(), run_id)["s0003"]["pinned"]) == ("", False)


def test_a_tag_stands_once_whatever_its_case_and_spaces(run_id: int) -> None:
    annotate(Store.write(), run_id, "s0003", tags=["Keep", " keep ", "KEEP", "", "two  words", "two words"])
    assert noted(Store.read(), run_id)["s0003"]["tags"] == ["Keep", "two words"]


@pytest.mark.parametrize(
    ("given", "field", "word"),
    [
        ({"note": "x" * 10_001}, "note", "10,000"),
        ({"tags": ["x" * 41]}, "tags", "40"),
        ({"tags": [f"tag {n}" for n in range(21)]}, "tags", "20"),
    ],
)
def test_what_is_too_long_is_refused_and_nothing_is_changed(
    run_id: int, given: dict[str, Any], field: str, word: str
) -> None:
    with pytest.raises(UserError, match=word) as refused:
        annotate(Store.write(), run_id, "s0003", **given)
    assert refused.value.field == field
    assert noted(Store.read(), run_id) == {}
    annotate(Store.write(), run_id, "s0003", note="x" * 10_000)


def test_notes_go_with_their_run_and_not_into_its_file(run_id: int) -> None:
    store = Store.write()
    annotate(store, run_id, "s0003", note="mine alone")
    assert "mine alone" not in str(take_out(store, run_id))
    store.delete_run("demo")
    assert noted(store, run_id) == {}


def test_a_run_gets_another_name_with_its_log_and_notes(run_id: int) -> None:
    annotate(Store.write(), run_id, RUN, note="stays")
    log = process.log_path("demo")
    log.parent.mkdir(parents=True)
    log.write_text("epoch 1\n")
    process.rename(Store.read().run("demo"), "better")
    assert [row["name"] for row in Store.read().runs()] == ["better"]
    assert process.log_tail("better") == ["epoch 1"]
    assert noted(Store.read(), run_id)[RUN]["note"] == "stays"


def test_of_two_people_who_rename_a_run_the_second_is_told(run_id: int) -> None:
    seen = Store.read().run("demo")
    Store.write().rename_run(seen, "one")
    with pytest.raises(UserError, match="has just been renamed"):
        Store.write().rename_run(seen, "two")
    with pytest.raises(UserError, match="there is no run 'demo'"):
        process.rename(seen, "two")
    assert [row["name"] for row in Store.read().runs()] == ["one"]


def test_a_taken_or_bad_name_and_a_live_run_are_refused(run_id: int) -> None:
    fill("other", students=3)
    seen = Store.read().run("demo")
    for name, word in (("other", "taken"), ("../etc", "valid"), ("", "valid")):
        with pytest.raises(UserError, match=word):
            process.rename(seen, name)
    make_running(run_id)
    Store.write().update_run(run_id, exit=None)
    with pytest.raises(UserError, match="Stop it first"):
        process.rename(Store.read().run("demo"), "better")
