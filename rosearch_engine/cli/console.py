"""Text, tables and progress bars on a terminal."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from rosearch_engine.progress import Progress as Job

_out = Console(highlight=False, soft_wrap=True, markup=False)
_err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)


def say(text: str, error: bool = False) -> None:
    """A line for a person; errors go to standard error."""
    (_err if error else _out).print(text)


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table as wide as the terminal."""
    grid = Table(title=title, title_justify="left", header_style="bold")
    for name in header:
        grid.add_column(name, overflow="fold")
    for row in rows:
        grid.add_row(*row)
    _out.print(grid, soft_wrap=False)


class Bars:
    """Shows what a job tells of itself; silent where there is no terminal."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._task = None if progress is None else progress.add_task("starting", total=None)
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    def follow(self, job: Job) -> None:
        """Draw the job's facts until the bars are closed."""
        if self._progress is not None:
            self._thread = threading.Thread(target=self._draw, args=(job,), daemon=True)
            self._thread.start()

    def close(self) -> None:
        self._done.set()
        if self._thread:
            self._thread.join()

    def _draw(self, job: Job) -> None:
        assert self._progress is not None
        assert self._task is not None
        while not self._done.wait(0.2):
            facts = job.facts()
            students = f"{facts['students']}/{facts['candidates']} students  " if "candidates" in facts else ""
            loss = f"  loss {facts['loss']:.3f}" if facts.get("loss") is not None else ""
            words = f"{students}{facts.get('student') or ''} {facts.get('stage', 'starting')}{loss}"
            total = facts.get("total") or None
            self._progress.update(self._task, description=words, total=total, completed=facts.get("done", 0))


@contextmanager
def bars(enabled: bool) -> Iterator[Bars]:
    """Progress bars on standard error, where that is a terminal."""
    if not enabled or not _err.is_terminal:
        shown = Bars(None)
        yield shown
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_err, transient=True) as progress:
        shown = Bars(progress)
        try:
            yield shown
        finally:
            shown.close()
