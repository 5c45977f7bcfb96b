"""What a long job tells of itself while it works, and how it is asked to stop."""

from __future__ import annotations

import threading
import time
from typing import Any

_START = {"stage": "starting", "done": 0, "total": 0, "unit": "", "loss": None, "student": None}


class Stopped(Exception):
    """The job was asked to stop; what was finished before is kept."""


class Progress:
    """Facts about the job in hand, read from other threads; `advance` raises `Stopped` once a stop is asked for."""

    def __init__(self) -> None:
        self._facts: dict[str, Any] = dict(_START)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._spent: dict[str, float] = {}
        self._since = time.perf_counter()

    def stage(self, name: str, total: int = 0, unit: str = "", **facts: Any) -> None:
        """Begin a stage of `total` units."""
        with self._lock:
            self._count_time()
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
        """All that was told last, and under `spent` the seconds that each stage has taken so far."""
        with self._lock:
            self._count_time()
            return self._facts | {"spent": dict(self._spent)}

    def stop(self) -> None:
        self._stop.set()

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def _count_time(self) -> None:
        now, stage = time.perf_counter(), self._facts["stage"]
        self._spent[stage] = self._spent.get(stage, 0.0) + now - self._since
        self._since = now

    def check(self) -> None:
        if self._stop.is_set():
            raise Stopped
