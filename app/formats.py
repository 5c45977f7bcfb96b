"""How a number or a time is written."""

from __future__ import annotations

import time

import pandas as pd

DIGITS = 4  # of a figure in a file
_FORMULAS = ("=", "+", "-", "@", "\t", "\n")


def percent(share: float | None, digits: int = 1) -> str:
    return "–" if share is None else f"{share:.{digits}%}"


def interval(bounds: tuple[float, float] | None) -> str:
    """Both ends, with a word joiner so that no line breaks between them."""
    return "–" if bounds is None else f"{100 * bounds[0]:.0f}–\u2060{100 * bounds[1]:.0f}%"


def times(factor: float | None) -> str:
    return "–" if factor is None or factor == float("inf") else f"{factor:.1f}×"


def count(number: float) -> str:
    """A count of weights or operations, in three digits: 4.05M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.0f}"


def milliseconds(time: float) -> str:
    """A latency: two digits where one would be nothing."""
    return f"{time:.1f} ms" if time >= 0.1 else f"{time:.2g} ms"


def duration(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def rough(seconds: float) -> str:
    """A time that is only an estimate: in two figures or so."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = seconds / 60
    if minutes < 90:
        return f"{minutes:.1f} min" if minutes < 10 else f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h"


def between(low: float, high: float) -> str:
    """A range of seconds, in the larger one's unit: "8 to 14 min"."""
    size, unit = (1, "s") if high < 90 else (60, "min") if high < 90 * 60 else (3600, "h")
    ends = [f"{end / size:.1f}" if unit == "h" else f"{end / size:.0f}" for end in (low, high)]
    if ends[0] == ends[1]:
        return f"about {ends[1]} {unit}"
    return f"up to {ends[1]} {unit}" if float(ends[0]) == 0 else f"{ends[0]} to {ends[1]} {unit}"


def ago(moment: float | None) -> str:
    """How long ago a time in seconds since 1970 was."""
    if moment is None:
        return "–"
    seconds = max(0.0, time.time() - moment)
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {unit}{'s' if number > 1 else ''} ago"
    return "just now"


def plural(number: int, noun: str, many: str = "") -> str:
    return f"{number:,} {noun if number == 1 else many or noun + 's'}"


def csv(table: pd.DataFrame) -> str:
    """A table as CSV, its figures in `DIGITS` decimals, small ones in as many significant digits.

    A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    return str(table.map(_as_cell).rename(columns=_as_cell).to_csv(index=False))


def _as_cell(value: object) -> object:
    if isinstance(value, float):
        return round(value, DIGITS) if abs(value) >= 1 else float(f"{value:.{DIGITS}g}")
    if not isinstance(value, str):
        return value
    text = value.replace("\r\n", "\n").replace("\r", "\n")  # a carriage return alone would not be quoted
    return f"'{text}" if text.startswith(_FORMULAS) else text
