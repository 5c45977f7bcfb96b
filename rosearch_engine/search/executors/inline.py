"""One student at a time, in the search's own process."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rosearch_engine.progress import Progress
from rosearch_engine.search.context import Context
from rosearch_engine.search.evaluate import Clock
from rosearch_engine.search.executors import Event
from rosearch_engine.search.executors.worker import Worker
from rosearch_engine.search.outcome import Reached, Step
from rosearch_engine.search.turn import Turn


class Inline:
    """The search's own process works while it waits."""

    def __init__(self, progress: Progress, clock: Clock = time.perf_counter) -> None:
        self._progress, self._clock = progress, clock
        self._worker: Worker | None = None
        self._next: tuple[Turn, Callable[[], Step]] | None = None
        self._is_free = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._worker = None

    def prepare(self, context: Context, run: str) -> None:
        self._worker = Worker(context, run, self._progress, self._clock)

    def has_room(self) -> bool:
        return self._is_free

    def start(self, turn: Turn) -> None:
        worker = self._own()
        self._next, self._is_free = (turn, lambda: worker.begin(turn)), False

    def go_on(self, turn: Turn, goes_on: bool) -> None:
        worker = self._own()
        self._next = (turn, lambda: worker.go_on(goes_on))

    def wait(self) -> Event | None:
        assert self._next is not None, "nothing to wait for"
        turn, work = self._next
        step = work()
        self._is_free = not isinstance(step, Reached)
        return Event(turn, step)

    def _own(self) -> Worker:
        assert self._worker is not None, "not prepared"
        return self._worker
