"""Uploaded files lie in the home folder by their content, whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.uploads import Upload, keep, listed, remove
from rosearch_engine.config import build
from rosearch_engine.errors import UserError
from rosearch_engine.store import Store


def test_the_same_file_is_kept_once(home: Path) -> None:
    paths = {keep("my data.csv", b"text,label"), keep("my data.csv", b"text,label")}
    (path,) = paths
    assert Path(path).is_relative_to(home / "uploads")
    assert Path(path).name == "my_data.csv"
    assert Path(path).read_bytes() == b"text,label"
    assert keep("my data.csv", b"other") not in paths


def test_a_file_that_could_not_be_written_whole_is_written_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError("No space left on device")

    with monkeypatch.context() as full:
        full.setattr(Path, "write_bytes", half)
        with pytest.raises(OSError, match="No space left"):
            keep("data.csv", b"text,label")
    assert Path(keep("data.csv", b"text,label")).read_bytes() == b"text,label"


def test_uploads_are_counted_listed_and_removed(home: Path) -> None:
    first, second = keep("a.csv", b"text,label"), keep("b.csv", b"text,label,more")
    store = Store.write()
    run_id = store.create_run("mine", build("demo", settings=[f"data.name={second}"]))
    found = {one.name: one for one in listed()}
    assert {name: one.size for name, one in found.items()} == {"a.csv": 10, "b.csv": 15}
    assert found["b.csv"].used_by == ("mine",)
    remove(found["a.csv"])
    assert not Path(first).parent.exists()
    with pytest.raises(UserError, match="used by 'mine'"):
        remove(found["b.csv"])
    store.delete_run("mine")
    assert run_id
    remove(found["b.csv"])
    assert listed() == []


def test_only_an_uploaded_file_is_removed(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "mine.csv"
    other.write_text("text,label")
    remove(Upload(other, 10, 0.0, ()))
    assert other.exists()


def test_uploads_take_no_more_room_than_they_may(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROSEARCH_UPLOADS_MB", "1")
    path = keep("a.csv", b"x" * 600_000)
    with pytest.raises(UserError, match="exceeds 1 MB") as caught:
        keep("b.csv", b"y" * 600_000)
    assert "ROSEARCH_UPLOADS_MB" in caught.value.remedy
    assert keep("a.csv", b"x" * 600_000) == path, "what is kept already takes no more room"
    assert len(listed()) == 1


def test_a_long_name_is_cut_and_keeps_its_kind(home: Path) -> None:
    path = Path(keep("ä" * 400 + "data.csv", b"text,label"))
    assert path.name.endswith("data.csv")
    assert len(path.name) <= 150
