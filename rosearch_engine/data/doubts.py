"""What is doubtful in a delimited file although it can be read: rows glued by a stray quote, names that are a row."""

from __future__ import annotations

import codecs
import csv
import io
import sys
import unicodedata
from collections.abc import Collection

import numpy as np
import pandas as pd

from rosearch_engine.data import labels
from rosearch_engine.errors import UserError

_FEW = 200
_MANY_LINES = 10
_MISSING = frozenset({"nan", "null", "<na>", "n/a", "#n/a"})
_SAME = {"true": "1", "false": "0"}
# What a file holds that is called otherwise: its first bytes, what it is, what to do.
_OTHERS = (
    (b"version https://git-lfs", "is a pointer of Git LFS, not the file itself", "Run `git lfs pull` where it lies."),
    (b"PK\x03\x04", "is a ZIP archive or a workbook of a spreadsheet", "Unpack it, or export it as CSV in UTF-8."),
    (b"\x1f\x8b", "is packed with gzip", "Unpack it, or add .gz to its name."),
    (b"PAR1", "is a Parquet file", "Name it .parquet."),
    (b"SQLite format 3", "is a SQLite database", "Export the table as CSV in UTF-8."),
    (b"%PDF", "is a PDF", "Provide a table of sentences and classes."),
)
_PAGES = (b"<!doctype html", b"<html", b"<?xml")


def refuse_other_kinds(head: bytes, name: str, own: bytes = b"") -> None:
    """Refuse a file that is something else than its name says.

    Args:
        head: its first bytes.
        own: the first bytes of its own kind.

    Raises:
        UserError: saying what it is.
    """
    for first, what, remedy in _OTHERS:
        if head.startswith(first) and first != own:
            raise UserError("data.name", f"{name} {what}.", remedy)
    if head.removeprefix(codecs.BOM_UTF8).lstrip().lower().startswith(_PAGES):
        raise UserError("data.name", f"{name} is a web page, not a table.", "Download the file itself.")


def odd_classes(names: Collection[str]) -> tuple[str, ...]:
    """What is to be said of classes that a reader could take for one, or for none: they stay as they are written."""
    groups: dict[str, list[str]] = {}
    for name in sorted(names):
        groups.setdefault(_key(name), []).append(name)
    alike = [" and ".join(map(repr, group)) for group in groups.values() if len(group) > 1]
    said: tuple[str, ...] = ()
    if alike:
        listed = "; ".join(alike[:5]) + ("; …" if len(alike) > 5 else "")
        said += (f"Classes that look alike are kept apart: {listed}. If they are one class, write it in one way.",)
    missing = sorted(name for name in names if name.casefold() in _MISSING)
    if missing:
        listed = ", ".join(map(repr, missing))
        said += (f"{listed} is kept as a class. Where a label is missing, leave its cell empty.",)
    return said


def _key(name: str) -> str:
    """What two names that look the same have in common, whatever the case and form of letters and numbers."""
    signs = unicodedata.normalize("NFKC", name)
    seen = "".join(sign for sign in signs if unicodedata.category(sign) not in ("Cf", "Cc"))
    key = " ".join(seen.split()).casefold()
    value = labels.number(_SAME.get(key, key))
    return key if value is None else repr(value)


def refuse_repeated_names(names: list[str]) -> None:
    """Refuse columns that cannot be told apart, as they are after blanks around them are gone.

    Raises:
        UserError: naming the columns.
    """
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise UserError("data.name", f"two columns are called '{twice}'.", "Rename one of them.")


def refuse_glued(frame: pd.DataFrame, text: str, name: str, separator: str) -> None:
    """Refuse a table in which one cell holds what looks like whole rows: a quote was never meant to open it.

    Raises:
        UserError: naming the lines between which a quote stands open.
    """
    broken = {column: frame[column].astype(str).str.contains("\n", regex=False) for column in frame}
    whole = frame[~pd.DataFrame(broken).any(axis=1)]
    if len(whole) == len(frame):
        return
    known = {place: _common(whole[column]) for place, column in enumerate(frame)}
    for place, column in enumerate(frame):
        for row in frame.index[broken[column]]:
            lines = str(frame[column].loc[row]).split("\n")[:-1]
            alike = [
                _looks_like_row(line, frame.shape[1], 0 if i else place, known, separator)
                for i, line in enumerate(lines)
            ]
            if 2 * alike.count("known") > len(lines) or (len(lines) >= _MANY_LINES and all(alike)):
                first, last = _lines_of(text, separator, int(row))
                problem = f"{name}, line {first}: a quote is opened and closed only in line {last}."
                raise UserError("data.name", problem, "Close it, or double it if it belongs to the text.")


def refuse_names_again(frame: pd.DataFrame, name: str) -> None:
    """Refuse a table in which its line of names comes again, as where files were put together.

    Raises:
        UserError: naming the first such row.
    """
    again = pd.Series(True, index=frame.index)
    for place, column in enumerate(frame):
        again &= frame.iloc[:, place].astype(str).str.strip() == str(column)
    if frame.shape[1] > 1 and again.any():
        problem = f"row {int(np.flatnonzero(again)[0]) + 1} of {name} repeats the columns' names."
        raise UserError("data.name", problem, "Delete that line.")


def refuse_row_as_names(frame: pd.DataFrame) -> None:
    """Refuse a table whose names are one of its rows: a name is a class, or a number among numbers.

    Raises:
        UserError: naming what gave it away.
    """
    names = [str(column) for column in frame.columns]
    if names == [str(place) for place in range(len(names))]:
        return  # a table that was written without names of its own
    for place, name in enumerate(names):
        column = frame.iloc[:, place]
        # First what is quick: most names are no value at all.
        alike = sum(isinstance(value, str | int | np.integer) and str(value) == name for value in column)
        if alike > 1 and name in _common(column):
            problem = f"the first line looks like a row: '{name}' is also a value of its column."
            raise UserError("data.name", problem, "Add a header line with the columns' names, or choose the columns.")


def _common(column: pd.Series) -> set[str]:
    """The values of a column of few values that occur more than once."""
    counts = column.map(_as_text).value_counts()
    if len(counts) > max(2, min(_FEW, len(column) // 4)):
        return set()
    return {str(value) for value in counts.index[counts > 1] if value}


def _as_text(value: object) -> str:
    try:
        return labels.word(value) or ""
    except (TypeError, UnicodeDecodeError):
        return ""


def _looks_like_row(line: str, width: int, start: int, known: dict[int, set[str]], separator: str) -> str:
    """ "known" where a cell of the line is a class of its column, "" where the line is no row."""
    try:
        cells = next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return ""
    if width < 2 or len(cells) != width - start:
        return ""
    return "known" if any(cell.strip() in known[start + i] for i, cell in enumerate(cells)) else "alike"


def _lines_of(text: str, separator: str, row: int) -> tuple[int, int]:
    """The first and the last line of a row, counted from 1."""
    before = csv.field_size_limit(sys.maxsize)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        ends, seen = [0], -1
        for cells in reader:
            seen += bool(cells)
            if cells and seen == row + 1:
                return ends[-1] + 1, reader.line_num
            ends.append(reader.line_num)
    finally:
        csv.field_size_limit(before)
    return row + 2, row + 2
