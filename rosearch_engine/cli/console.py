"""Text, tables and progress bars on a terminal."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Display
from rich.table import Table

from rosearch_engine.progress import Progress, Stage

_out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
_err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)


def say(text: str, error: bool = False) -> None:
    """A line for a person; errors go to standard error."""
    (_err if error else _out).print(text)


def say_json(value: object) -> None:
    """A value for a program. What JSON has no number for (a ratio to nothing is infinite) is null."""
    print(json.dumps(strict(value), indent=2, allow_nan=False))


def strict(value: Any) -> Any:
    """The value with None for every number that JSON has none for."""
    if isinstance(value, dict):
        return {name: strict(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [strict(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table as wide as the terminal."""
    grid = Table(title=title, title_justify="left", header_style="bold")
    for name in header:
        grid.add_column(name, overflow="fold")
    for row in rows:
        grid.add_row(*row)
    _out.print(grid, soft_wrap=False)


class Bars:
    """Draws the progress of a job; silent where there is no terminal."""

    def __init__(self, display: Display | None) -> None:
        self._display = display
        self._task = None if display is None else display.add_task(Stage.STARTING, total=None)
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    def follow(self, progress: Progress) -> None:
        """Draw its facts until the bars are closed."""
        if self._display is not None:
            self._thread = threading.Thread(target=self._draw, args=(progress,), daemon=True)
            self._thread.start()

    def close(self) -> None:
        self._done.set()
        if self._thread:
            self._thread.join()

    def _draw(self, progress: Progress) -> None:
        assert self._display is not None
        assert self._task is not None
        while not self._done.wait(0.2):
            facts = progress.facts()
            students = f"{facts['students']}/{facts['candidates']} students  " if "candidates" in facts else ""
            stage = ", ".join(filter(None, (facts["stage"], facts["detail"])))
            loss = f"  loss {facts['loss']:.3f}" if facts.get("loss") is not None else ""
            words = f"{students}{facts.get('student') or ''} {stage}{loss}"
            total = facts.get("total") or None
            self._display.update(self._task, description=words, total=total, completed=facts.get("done", 0))


@contextmanager
def bars(enabled: bool) -> Iterator[Bars]:
    """Progress bars on standard error, where that is a terminal."""
    if not enabled or not _err.is_terminal:
        shown = Bars(None)
        yield shown
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Display(*columns, console=_err, transient=True) as display:
        shown = Bars(display)
        try:
            yield shown
        finally:
            shown.close()
