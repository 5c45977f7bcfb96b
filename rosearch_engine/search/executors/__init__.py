"""Where students are trained and attacked: in this process, or by the workers of a Ray cluster.

The loop starts as many students as there is room for, and waits for whatever happens to any of them. What a worker does
is the same everywhere (`Worker`): equal seeds give equal students, whoever trains them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from rosearch_engine.config import ExecutorConfig
from rosearch_engine.progress import Progress
from rosearch_engine.search.context import Context
from rosearch_engine.search.evaluate import Clock
from rosearch_engine.search.outcome import Lost, Step
from rosearch_engine.search.turn import Turn


@dataclass(frozen=True)
class Event:
    """What happened to whom."""

    turn: Turn
    what: Step | Lost


class Executor(Protocol):
    """What the loop needs of it. As a context manager it lets go of all its workers at the end."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def prepare(self, context: Context, run: str) -> None:
        """Give the workers what all students of the run share.

        Raises:
            UserError: if no worker can use it.
        """

    def has_room(self) -> bool:
        """Whether a worker is free."""

    def start(self, turn: Turn) -> None:
        """Give a student, or the teacher, to a worker that is free."""

    def go_on(self, turn: Turn, goes_on: bool) -> None:
        """Answer a student that has reached a rung."""

    def wait(self) -> Event | None:
        """Wait for the next thing that happens; None: look again whether there is room.

        Raises:
            Stopped: if the progress says so.
            UserError: if no worker is left and none can come.
        """


Note = Callable[[str], None]
"""Tells the run's log."""


def make_executor(config: ExecutorConfig, progress: Progress, note: Note, clock: Clock = time.perf_counter) -> Executor:
    """The executor of these settings, its workers on their way.

    Raises:
        UserError: if it cannot be had.
    """
    if config.kind == "ray":
        from rosearch_engine.search.executors.on_ray import OnRay

        return OnRay(config, progress, note)
    from rosearch_engine.search.executors.inline import Inline

    return Inline(progress, clock)
