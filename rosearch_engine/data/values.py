"""What a cell of a source may hold: the one place where values of foreign types become text, or are refused."""

from __future__ import annotations

import math
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd

from rosearch_engine.errors import UserError


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing: None, NaN and pandas' own marks; never a word such as "None" or "NA"."""
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def plain(value: Any) -> str:
    """A text with every run of white space made one blank; empty for a missing value.

    Raises:
        TypeError: the value is no text.
        UnicodeDecodeError: bytes that are not UTF-8.
    """
    if is_missing(value):
        return ""
    return " ".join(whole(scalar(value)).split())


def whole(text: str) -> str:
    """The text with "?" for half of a character (a lone surrogate, as JSON may escape): no tokenizer takes it."""
    return text.encode("utf-8", "replace").decode("utf-8")


def scalar(value: Any) -> str:
    """Text, bytes or a number as text.

    Raises:
        TypeError: any other type; a list or a mapping is no text.
        UnicodeDecodeError: bytes that are not UTF-8.
    """
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8")
    if isinstance(value, str | Number | np.bool_):
        return str(value)
    raise TypeError(type(value).__name__)


def texts(column: pd.Series, field: str) -> list[str]:
    """The cells of a column as plain texts.

    Raises:
        UserError: naming the first row that holds no text, and its type.
    """
    found = []
    for row, value in enumerate(column, start=1):
        try:
            found.append(plain(value))
        except (TypeError, UnicodeDecodeError) as error:
            raise refused(field, column.name, row, error) from None
    return found


def refused(field: str, column: object, row: int, error: TypeError | UnicodeDecodeError) -> UserError:
    """What is said of a cell that is no text and no class."""
    if isinstance(error, UnicodeDecodeError):
        problem = f"row {row} of '{column}' holds bytes that are not UTF-8 (byte {error.start})."
        return UserError(field, problem, "Save them as UTF-8 text.")
    problem = f"row {row} of '{column}' holds a value of type {error}, which is neither text nor a number."
    return UserError(field, problem, "Choose another column, or write text there.")
