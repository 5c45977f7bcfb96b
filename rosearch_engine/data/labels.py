"""Cells of a class column as words. How they are written stays: "007" and "7" are two classes."""

from __future__ import annotations

import math
import re
from numbers import Integral, Real

import numpy as np
import pandas as pd

from rosearch_engine.data import values
from rosearch_engine.errors import UserError

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", flags=re.IGNORECASE | re.ASCII)
# What a table does to whole numbers in a column with a gap.
_POINT_ZERO = re.compile(r"([+-]?\d+)\.0*", flags=re.ASCII)


def words(column: pd.Series, names: tuple[str, ...] | None) -> list[str | None]:
    """Each cell as a word, None where it is missing.

    Args:
        names: the classes' names where the source numbers them; -1 is missing there.

    Raises:
        UserError: naming the first row that holds no class.
    """
    found = []
    for row, value in enumerate(column, start=1):
        try:
            found.append(_named(value, names, column.name, row) if names is not None else word(value))
        except (TypeError, UnicodeDecodeError) as error:
            raise values.refused("data.label", column.name, row, error) from None
    return found


def word(value: object) -> str | None:
    """A cell as a word.

    Raises:
        TypeError: a list, a mapping or another type that is no class.
        UnicodeDecodeError: bytes that are not UTF-8.
    """
    if values.is_missing(value):
        return None
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, Real) and not isinstance(value, Integral) and is_whole(str(value)):
        return str(int(float(value)))
    text = values.plain(value)
    whole = _POINT_ZERO.fullmatch(text)
    return (whole[1] if whole else text) or None


def number(text: str) -> float | None:
    """The number that a word is, if it is one."""
    return float(text) if _NUMBER.fullmatch(text) else None


def is_whole(text: str) -> bool:
    """Whether a word is a number without a fraction."""
    found = number(text)
    return found is not None and math.isfinite(found) and found == int(found)


def _named(value: object, names: tuple[str, ...], column: object, row: int) -> str | None:
    text = word(value)
    if text is None or text == "-1":
        return None
    if text in names:
        return text
    if text.isascii() and text.isdigit() and int(text) < len(names):
        return names[int(text)]
    problem = f"row {row} of '{column}' is {text}, but the source names only {len(names)} classes, from number 0."
    raise UserError("data.label", problem, "Correct the row, or the source's names.")
