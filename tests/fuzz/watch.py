"""Sees what a hostile input makes this process do: files written outside of a folder, programs started."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_WRITES = {"os.mkdir", "os.remove", "os.rmdir", "os.rename", "os.link", "os.symlink", "os.truncate", "shutil.rmtree"}
_STARTS = {
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "pty.spawn",
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Watch:
    """Audit events of this thread while it watches. A hook cannot be taken away again, so there is one."""

    def __init__(self) -> None:
        self._inside: tuple[str, ...] = ()
        self._thread = 0
        self.writes: list[str] = []
        self.starts: list[str] = []
        sys.addaudithook(self._hear)

    @contextmanager
    def over(self, *folders: Path) -> Iterator[Watch]:
        """Watch; what is written below these folders is no matter."""
        self.writes.clear()
        self.starts.clear()
        self._inside, self._thread = tuple(os.path.realpath(one) for one in folders), threading.get_ident()
        try:
            yield self
        finally:
            self._thread = 0

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._thread != threading.get_ident():
            return
        if event in _STARTS:
            self.starts.append(f"{event} {arguments[:2]!r:.200}")
        elif (
            (event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING)
            or event in _WRITES
            or event == "sqlite3.connect"
        ):
            self._wrote(event, arguments[0])

    def _wrote(self, event: str, path: object) -> None:
        if isinstance(path, int) or path is None:
            return
        place = os.fsdecode(path) if isinstance(path, bytes | str | os.PathLike) else str(path)
        place = place.removeprefix("file://") if event == "sqlite3.connect" else place
        if place == os.devnull or "__pycache__" in place or place.startswith(":memory:"):
            return
        if not os.path.realpath(place).startswith(self._inside):
            self.writes.append(f"{event} {place[:200]}")
