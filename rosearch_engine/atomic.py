"""Files and folders that appear whole or not at all.

What is written goes to a draft beside its place, with a name of its own that begins with a dot, and is moved there in
one step. A draft that a killed process leaves behind is in nobody's way. What appears has the permissions that the
umask gives to any new file, whoever wrote the draft: some libraries make theirs readable by the owner alone.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def new_file(path: Path, *, keep: bool = False, durable: bool = True) -> Iterator[Path]:
    """A file that appears at `path` when the block ends, and never if it raises. Yields the draft to write to.

    Args:
        keep: leave a file that is there by then as it is, rather than replace it.
        durable: wait until the content is on the disk, so that no power cut leaves an empty or half a file.

    Raises:
        OSError: if it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft(path)
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    mode = _mode(draft)
    try:
        yield draft
        draft.chmod(mode)
        if durable:
            _sync(draft)
        if keep:
            _link(draft, path)
        else:
            os.replace(draft, path)
        if durable:
            _sync_folder(path.parent)
    finally:
        draft.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(path: Path, *, keep: bool = False, durable: bool = True) -> Iterator[Path]:
    """A folder that appears at `path` when the block ends, and never if it raises. Yields the draft to fill.

    Args:
        keep: leave a folder that is there by then as it is, rather than raise.
        durable: as for `new_file`.

    Raises:
        OSError: if it cannot be written, or a folder that is not empty is there and not to be kept.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft(path)
    draft.mkdir()
    mode = _mode(draft)
    try:
        yield draft
        _settle(draft, mode, durable)
        try:
            os.replace(draft, path)
        except OSError:
            if not (keep and path.is_dir()):
                raise
        if durable:
            _sync_folder(path.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _draft(path: Path) -> Path:
    return path.with_name(f".{path.name[:40]}-{secrets.token_hex(4)}.draft")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _settle(folder: Path, mode: int, durable: bool) -> None:
    """Give a folder and all below it ordinary permissions, and wait for the disk if asked to."""
    for place, _, files in os.walk(folder, topdown=False):
        for name in files:
            file = Path(place, name)
            file.chmod(mode & 0o666)
            if durable:
                _sync(file)
        Path(place).chmod(mode)
        if durable:
            _sync_folder(Path(place))


def _link(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        if not path.exists():
            os.replace(draft, path)


def _sync(file: Path) -> None:
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where its file system can tell."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
