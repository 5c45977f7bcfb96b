"""Uploaded files lie in the home folder by their content, whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.uploads import keep


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
