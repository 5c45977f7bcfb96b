"""Text, tables and progress bars on a terminal; plain text in a pipe."""

from __future__ import annotations

import json
import math
import textwrap
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Display
from rich.table import Table

from rosearch_engine.progress import Progress, Stage

_out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
_err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)

# Cells beyond this are prose, which may break into lines; names and figures never do.
_PROSE = 28
# Narrower prose is a column of single words: then a block a row reads better.
_NARROWEST = 24


# What would steer a terminal, or turn the direction of what follows, stands as a sign for itself: texts and names come
# from files of anybody.
_STEERING: dict[int, int | str] = {
    **{code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"},
    0x7F: 0x2421,
    **{code: f"\\x{code:02x}" for code in range(0x80, 0xA0)},
    **{code: f"\\u{code:04x}" for code in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))},
}


def visible(text: str) -> str:
    """A text as it may be printed on a terminal."""
    return text.translate(_STEERING)


def say(text: str, error: bool = False) -> None:
    """A line for a person; errors go to standard error."""
    (_err if error else _out).print(visible(text))


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


def explain(text: str) -> None:
    """Sentences for a person, broken between words on a terminal; one line in a pipe."""
    _out.print(visible(text), soft_wrap=not _out.is_terminal)


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], optional: Sequence[str] = ()) -> None:
    """A table that fits the terminal, without empty columns; in a pipe all columns, as wide as they need to be.

    Args:
        optional: columns that may be left out of a narrow terminal, in the order in which they leave.
    """
    title, header = visible(title), [visible(name) for name in header]
    rows = [[visible(cell) for cell in row] for row in rows]
    if not _out.is_terminal:
        _plain(title, header, rows)
        return
    shown = [place for place in range(len(header)) if any(row[place] for row in rows) or not rows]
    leaving = [header.index(name) for name in optional if name in header]
    left_out: list[int] = []
    while leaving and _width(_grid(title, *_only(header, rows, shown))) > _out.width:
        left_out.append(leaving.pop(0))
        shown = [place for place in shown if place not in left_out]
    grid = _grid(title, *_only(header, rows, shown))
    if _width(grid) <= _out.width:
        _out.print(grid, soft_wrap=False)
    else:
        _blocks(title, *_only(header, rows, shown))
    if left_out:
        hidden = ", ".join(header[place] for place in sorted(left_out))
        explain(f"Not shown at this width: {hidden}. A wider terminal, a pipe or --json has them.")


def _only(
    header: Sequence[str], rows: Sequence[Sequence[str]], shown: Sequence[int]
) -> tuple[list[str], list[list[str]]]:
    return [header[place] for place in shown], [[row[place] for place in shown] for row in rows]


def _grid(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    grid = Table(title=title, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for place, name in enumerate(header):
        cells = [row[place] for row in rows]
        widest = max(map(cell_len, cells), default=0)
        is_prose = widest > _PROSE
        grid.add_column(
            name if is_prose else "\n".join(textwrap.wrap(name, max(widest, 6), break_long_words=False)) or name,
            overflow="fold",
            no_wrap=not is_prose,
            min_width=_NARROWEST if is_prose else None,
            justify="right" if cells and all(map(_is_figure, cells)) else "left",
        )
    for row in rows:
        grid.add_row(*row)
    return grid


def _is_figure(cell: str) -> bool:
    return not cell or cell[0].isdigit() or (cell[0] in "+-−" and cell[1:2].isdigit())


def _width(grid: Table) -> int:
    """Columns that a table needs, its prose at the narrowest."""
    wide = _out.options.update(width=10_000)
    prose = sum(
        max((cell_len(str(cell)) for cell in column.cells), default=0) - _NARROWEST
        for column in grid.columns
        if column.min_width
    )
    return Measurement.get(_out, wide, grid).maximum - prose


def _blocks(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A row a block: its name, then a line for each cell that holds something."""
    _out.print(title, style="italic")
    label = max(map(cell_len, header), default=0)
    for row in rows:
        _out.print(f"\n{row[0]}", style="bold")
        for name, cell in zip(header[1:], row[1:], strict=True):
            if cell:
                hang = " " * (label + 4)
                text = textwrap.fill(cell, _out.width, initial_indent=hang, subsequent_indent=hang)
                _out.print(f"  {name:<{label}}  {text.lstrip()}", soft_wrap=True)
    _out.print("")


def _plain(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns parted by two spaces, without lines or colour, never broken."""
    cells = [[" ".join(cell.split()) for cell in row] for row in [header, *rows]]
    widths = [max(cell_len(row[place]) for row in cells) for place in range(len(header))]
    _out.print(title)
    for row in cells:
        line = "  ".join(cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True))
        _out.print(line.rstrip())
    _out.print("")


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
