"""Files and folders that appear whole or not at all, with the permissions of any other new file."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rosearch_engine.atomic import new_file, new_folder
from tests.conftest import ROOT


@pytest.fixture(params=[0o022, 0o027], ids=["022", "027"])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_replaces_the_one_before_only_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    with new_file(path) as draft:
        draft.write_text("first")
        assert not path.exists()
    with new_file(path) as draft:
        draft.write_text("second")
        assert path.read_text() == "first"
    assert path.read_text() == "second"
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_is_to_be_kept_stays(tmp_path: Path) -> None:
    for content in ("first", "second"):
        with new_file(tmp_path / "file", keep=True) as draft:
            draft.write_text(content)
    assert (tmp_path / "file").read_text() == "first"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_that_is_to_be_kept_needs_no_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("no hard links on this file system")

    monkeypatch.setattr(os, "link", refuse)
    test_a_file_that_is_to_be_kept_stays(tmp_path)


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize("new", [new_file, new_folder])
def test_what_raises_leaves_nothing_behind(tmp_path: Path, new: Any, error: type[BaseException]) -> None:
    def write() -> None:
        with new(tmp_path / "place") as draft:
            (draft / "part" if draft.is_dir() else draft).write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("durable", [True, False])
def test_a_folder_appears_with_all_that_is_in_it(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "folder"
    path.mkdir()  # an empty one is in nobody's way
    with new_folder(path, durable=durable) as draft:
        (draft / "below").mkdir()
        (draft / "below" / "file").write_text("content")
        assert list(path.iterdir()) == []
    assert (path / "below" / "file").read_text() == "content"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_does_not_replace_one_that_holds_something(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    (path / "precious").write_text("mine")
    with pytest.raises(OSError, match="not empty"), new_folder(path) as draft:
        (draft / "other").write_text("yours")
    assert [file.name for file in path.iterdir()] == ["precious"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_made_by_another_process_meanwhile_is_as_good(tmp_path: Path) -> None:
    with new_folder(tmp_path / "key", keep=True) as draft:
        (draft / "mine").touch()
        (tmp_path / "key").mkdir()
        (tmp_path / "key" / "theirs").touch()
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
    assert [path.name for path in (tmp_path / "key").iterdir()] == ["theirs"]


def test_permissions_are_those_of_any_new_file(tmp_path: Path, umask: int) -> None:
    """Also where a library writes a file of its own, readable by nobody else, in the draft's place."""
    with new_file(tmp_path / "file") as draft:
        draft.unlink()
        os.close(os.open(draft, os.O_CREAT | os.O_WRONLY, 0o600))
    with new_folder(tmp_path / "folder") as draft:
        (draft / "below").mkdir(mode=0o700)
        os.close(os.open(draft / "below" / "file", os.O_CREAT | os.O_WRONLY, 0o600))
    (tmp_path / "plain").write_text("as anybody writes one")
    (tmp_path / "plain-folder").mkdir()
    assert mode(tmp_path / "plain") == 0o666 & ~umask
    assert mode(tmp_path / "file") == mode(tmp_path / "folder" / "below" / "file") == mode(tmp_path / "plain")
    assert mode(tmp_path / "folder") == mode(tmp_path / "folder" / "below") == mode(tmp_path / "plain-folder")


def test_content_is_on_the_disk_before_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut must not leave the name of a file whose content was still in memory."""
    steps: list[str] = []
    sync, replace = os.fsync, os.replace

    def note_sync(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    def note_move(source: Path, target: Path) -> None:
        steps.append("move")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_move)
    with new_file(tmp_path / "file") as draft:
        draft.write_text("content")
    assert steps == ["file", "move", "folder"]
    steps.clear()
    with new_folder(tmp_path / "folder") as draft:
        (draft / "one").write_text("content")
    assert steps == ["file", "folder", "move", "folder"]
    steps.clear()
    with new_file(tmp_path / "quick", durable=False) as draft:
        draft.write_text("content")
    assert steps == ["move"]


@pytest.mark.parametrize("new", ["new_file", "new_folder"])
def test_a_killed_process_leaves_a_draft_that_is_in_nobodys_way(tmp_path: Path, new: str) -> None:
    script = f"""
import os, signal, sys
from pathlib import Path
from rosearch_engine import atomic
with atomic.{new}(Path(sys.argv[1])) as draft:
    (draft / "part" if draft.is_dir() else draft).write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    path = tmp_path / "place"
    killed = subprocess.run([sys.executable, "-c", script, str(path)], cwd=ROOT)
    assert killed.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".place-")
    assert left.suffix == ".draft"
    if new == "new_file":
        with new_file(path) as draft:
            draft.write_text("whole")
        assert path.read_text() == "whole"
    else:
        with new_folder(path) as draft:
            (draft / "part").write_text("whole")
        assert (path / "part").read_text() == "whole"
