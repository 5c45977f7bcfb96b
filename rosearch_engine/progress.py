"""What a long job tells of itself while it works, and how it is asked to stop."""

from __future__ import annotations

import threading
from typing import Any


class Stopped(Exception):
    """The job was asked to stop; what was finished before is kept."""


class Progress:
    """Facts about the job in hand, read from other threads; `advance` raises `Stopped` once a stop is asked for."""

    def __init__(self) -> None:
        self._facts: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def stage(self, name: str, total: int = 0, unit: str = "", **facts: Any) -> None:
        """Begin a stage of `total` units."""
        with self._lock:
            self._facts |= {"stage": name, "done": 0, "total": total, "unit": unit, "loss": None, **facts}
        self.check()

    def advance(self, done: int, **facts: Any) -> None:
        """Say that `done` units of the stage are behind us."""
        with self._lock:
            self._facts |= {"done": done, **facts}
        self.check()

    def tell(self, **facts: Any) -> None:
        """Set facts that outlast a stage."""
        with self._lock:
            self._facts |= facts

    def facts(self) -> dict[str, Any]:
        with self._lock:
            return dict(self._facts)

    def stop(self) -> None:
        self._stop.set()

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def check(self) -> None:
        if self._stop.is_set():
            raise Stopped
