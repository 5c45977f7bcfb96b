"""Two stores over one home folder: what one deletes, the other keeps; and what nobody has is swept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rosearch_engine.config import RunConfig
from rosearch_engine.paths import weights_path
from rosearch_engine.runs import process
from rosearch_engine.store import Store
from tests.unit.store.test_store import add, finish

SHARED, OWN = "ab" * 32, "cd" * 32
ENDED = {"reason": "stopped", "message": "", "time": 0.0}


def fill(address: str, monkeypatch: pytest.MonkeyPatch, *weights: str) -> None:
    """A run with students of these weights in a store, which is in force from then on."""
    monkeypatch.setenv("ROSEARCH_STORE", address)
    store = Store.write()
    run_id = store.create_run("mine", RunConfig())
    for number, sha256 in enumerate(weights, 1):
        finish(store, add(store, run_id, number), number, sha256=sha256)
        weights_path(sha256).parent.mkdir(exist_ok=True)
        weights_path(sha256).write_bytes(b"x")
        os.utime(weights_path(sha256), (0, 0))
    store.update_run(run_id, exit=ENDED)
    store.close()


@pytest.mark.parametrize("first", ["", "a.db"])  # the home folder's own, or one elsewhere
def test_what_another_store_has_is_not_deleted(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    address = f"sqlite:///{tmp_path / first}" if first else ""
    fill(address, monkeypatch, SHARED)
    fill(f"sqlite:///{tmp_path / 'b.db'}", monkeypatch, SHARED, OWN)
    process.remove("mine")
    assert weights_path(SHARED).exists()
    assert not weights_path(OWN).exists()
    monkeypatch.setenv("ROSEARCH_STORE", address)
    process.remove("mine")
    assert not weights_path(SHARED).exists(), "the last one that has it deletes it"


def test_what_a_store_that_cannot_be_read_may_have_is_kept(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(f"sqlite:///{tmp_path / 'a.db'}", monkeypatch, SHARED)
    (tmp_path / "a.db").write_bytes(b"damaged" * 1000)
    fill("", monkeypatch, SHARED)
    process.remove("mine")
    assert weights_path(SHARED).exists()


def test_a_store_that_is_gone_has_nothing(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(f"sqlite:///{tmp_path / 'a.db'}", monkeypatch, SHARED)
    for part in tmp_path.glob("a.db*"):
        part.unlink()
    fill("", monkeypatch, SHARED)
    process.remove("mine")
    assert not weights_path(SHARED).exists()


def test_weights_too_young_to_delete_are_swept_later(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill("", monkeypatch, OWN)
    os.utime(weights_path(OWN))
    process.remove("mine")
    assert weights_path(OWN).exists(), "another search may just have written it"
    os.utime(weights_path(OWN), (0, 0))
    fill("", monkeypatch)
    process.remove("mine")
    assert list(weights_path(OWN).parent.iterdir()) == []


def test_weights_that_a_later_run_has_again_are_not_swept(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill("", monkeypatch, OWN)
    os.utime(weights_path(OWN))
    process.remove("mine")
    fill("", monkeypatch, OWN)
    Store.write().create_run("empty", RunConfig())
    store = Store.write()
    store.update_run(store.run("empty")["id"], exit=ENDED)
    process.remove("empty")
    assert weights_path(OWN).exists()


def test_no_note_holds_a_password(home: Path) -> None:
    from rosearch_engine.store.neighbours import remember, used_elsewhere

    remember("postgresql://someone:secret@nowhere/db")
    (note,) = (home / "stores").iterdir()
    assert note.read_text() == ""
    assert used_elsewhere("sqlite:///x.db", [OWN]) == {OWN}, "a server's weights are taken to be in use"
