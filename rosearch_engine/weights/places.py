"""The two kinds of places that files lie in: a folder, and whatever fsspec reaches. Names are paths below the place."""

from __future__ import annotations

import os
import secrets
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from rosearch_engine.atomic import new_file

OBJECT_STORES = frozenset({"abfs", "abfss", "az", "gcs", "gs", "memory", "oci", "oss", "s3", "s3a", "tos"})
"""Protocols whose files are seen when all of their content has arrived, and as they were before until then."""

# What file systems call the time of a file's last change; there is no one name.
_CHANGED = ("mtime", "LastModified", "last_modified", "updated", "modified", "created")


class Place(Protocol):
    """Somewhere files lie by name. What it raises is its file system's own."""

    @property
    def shown(self) -> str:
        """Its address as it may be shown."""

    def put(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all, over one of that name."""

    def get(self, name: str) -> bytes:
        """Content of a file.

        Raises:
            FileNotFoundError: if there is none of that name.
        """

    def has(self, name: str) -> bool: ...

    def remove(self, name: str) -> None:
        """Delete a file, if it is there."""

    def ages(self, folder: str = "") -> dict[str, float | None]:
        """The files right below a folder by their name in it, each with the seconds since it was written; None where
        the file system does not say."""


class Folder:
    """A folder of this machine, or one that machines share by mounting it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def shown(self) -> str:
        return str(self._root)

    def put(self, name: str, content: bytes) -> None:
        with new_file(self._root / name) as draft:
            draft.write_bytes(content)

    def get(self, name: str) -> bytes:
        return (self._root / name).read_bytes()

    def has(self, name: str) -> bool:
        return (self._root / name).exists()

    def remove(self, name: str) -> None:
        (self._root / name).unlink(missing_ok=True)

    def ages(self, folder: str = "") -> dict[str, float | None]:
        try:
            with os.scandir(self._root / folder) as entries:
                files = [entry for entry in entries if entry.is_file() and not entry.name.startswith(".")]
        except FileNotFoundError:
            return {}
        found: dict[str, float | None] = {}
        for entry in files:
            with suppress(FileNotFoundError):  # another process may delete it meanwhile
                found[entry.name] = time.time() - entry.stat().st_mtime
        return found


class Remote:
    """A folder of a file system of fsspec's.

    An object store shows a file when all of it has arrived, so it is simply put there. Anywhere else it is written
    under the name of a draft and moved, and a draft that a killed process leaves behind is in nobody's way.

    Args:
        system: an `fsspec.AbstractFileSystem`.
        root: of the place, as the file system names it.
        shown: as `Place.shown`.
        puts_whole: whether it is an object store.
    """

    def __init__(self, system: Any, root: str, shown: str, *, puts_whole: bool) -> None:
        self._system, self._root, self._shown, self._puts_whole = system, root.rstrip("/"), shown, puts_whole

    @property
    def shown(self) -> str:
        return self._shown

    def put(self, name: str, content: bytes) -> None:
        path = self._path(name)
        if self._puts_whole:
            self._system.pipe_file(path, content)
            return
        folder, _, last = path.rpartition("/")
        self._system.makedirs(folder, exist_ok=True)
        draft = f"{folder}/.{last[:40]}-{secrets.token_hex(4)}.draft"
        try:
            self._system.pipe_file(draft, content)
            self._move(draft, path)
        except BaseException:
            with suppress(Exception):  # it may be what failed that would have to delete it
                self._system.rm_file(draft)
            raise

    def get(self, name: str) -> bytes:
        content: bytes = self._system.cat_file(self._path(name))
        return content

    def has(self, name: str) -> bool:
        self._system.invalidate_cache()  # listings are remembered, and others write there too
        return bool(self._system.exists(self._path(name)))

    def remove(self, name: str) -> None:
        try:
            self._system.rm_file(self._path(name))
        except Exception:  # not every file system says FileNotFoundError of a file that is not there
            if self.has(name):
                raise

    def ages(self, folder: str = "") -> dict[str, float | None]:
        self._system.invalidate_cache()
        try:
            entries = self._system.ls(self._path(folder), detail=True)
        except FileNotFoundError:
            return {}
        files = {entry["name"].rpartition("/")[2]: entry for entry in entries if entry["type"] == "file"}
        return {name: _age(entry) for name, entry in files.items() if not name.startswith(".")}

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    def _move(self, draft: str, path: str) -> None:
        try:
            self._system.mv(draft, path)
        except Exception:  # some file systems rename onto nothing that is there
            if not self._system.exists(path):
                raise
            self._system.rm_file(path)
            self._system.mv(draft, path)


def _age(entry: dict[str, Any]) -> float | None:
    changed = next((entry[name] for name in _CHANGED if entry.get(name) is not None), None)
    if isinstance(changed, str):
        with suppress(ValueError):
            changed = datetime.fromisoformat(changed)
    if isinstance(changed, datetime):
        changed = (changed if changed.tzinfo else changed.replace(tzinfo=UTC)).timestamp()
    return time.time() - changed if isinstance(changed, int | float) else None
