"""Which column is the sentence, which the second sentence, which the class; and the classes in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from rosearch_engine.config import DataConfig
from rosearch_engine.data.doubts import refuse_row_as_names
from rosearch_engine.data.labels import is_whole, number
from rosearch_engine.data.labels import words as label_words
from rosearch_engine.data.table import Table
from rosearch_engine.errors import UserError

MAX_CLASSES = 200

# fmt: off
LABEL_NAMES = (
    "label", "labels", "class", "category", "sentiment", "target", "stars", "polarity", "gold_label",
    "coarse_label", "rating", "topic", "intent", "emotion",
)
TEXT_NAMES = (
    "sentence", "text", "review", "content", "comment", "tweet", "document", "body", "description",
    "sentence1", "premise", "question", "title",
)
# fmt: on
PAIR_NAMES = (
    ("sentence1", "sentence2"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("question", "sentence"),
    ("text_a", "text_b"),
    ("text1", "text2"),
    ("question", "passage"),
)


@dataclass(frozen=True)
class Columns:
    """The chosen columns; pair is None for single sentences."""

    text: str
    pair: str | None
    label: str


def choose(frame: pd.DataFrame, config: DataConfig) -> Columns:
    """The columns the config names, and for those it does not, the ones found by name, then by content.

    A second sentence is found only where neither `text` nor `pair` is named.

    Raises:
        UserError: a named column is not there, or none fits.
    """
    for name in ("text", "pair", "label"):
        column = getattr(config, name)
        if column is not None and column not in frame.columns:
            raise UserError(f"data.{name}", f"there is no column '{column}'.", f"Columns are: {_listed(frame)}.")
    if config.text is None or config.label is None:
        refuse_row_as_names(frame)
    text, pair = config.text, config.pair
    if text is None and pair is None:
        text, pair = _known_pair(frame)
    label = config.label or _label(frame, taken=[c for c in (text, pair) if c])
    text = text or _text(frame, taken=[c for c in (pair, label) if c])
    if text == label:
        raise UserError("data.text", f"'{text}' is also the label column.", f"Columns are: {_listed(frame)}.")
    if pair in (text, label):
        raise UserError("data.pair", f"'{pair}' is used twice.", f"Columns are: {_listed(frame)}.")
    return Columns(text=text, pair=pair, label=label)


def texts(frame: pd.DataFrame) -> tuple[str, str | None]:
    """The columns of the sentence and of the second one, of a table that need not be labelled.

    Raises:
        UserError: no column holds text.
    """
    first, second = _known_pair(frame)
    return first or _text(frame, taken=[]), second


def labels(table: Table, frame: pd.DataFrame, column: str) -> pd.Series:
    """A column's labels as words: integers without a point, ClassLabel integers by name, None where missing.

    Raises:
        UserError: the column holds measurements (fractions), not classes.
    """
    names = table.class_names.get(column)
    words = pd.Series(label_words(frame[column], names), index=frame.index, dtype=object)
    fractions = sorted({word for word in words.dropna() if number(word) is not None and not is_whole(word)})
    if fractions:
        shown = ", ".join(fractions[:3])
        problem = f"'{column}' contains fractions ({shown} …), so it looks like a measurement, not a class."
        raise UserError("data.label", problem, f"Choose a column of classes. Columns are: {_listed(frame)}.")
    return words.where(words.notna(), None)


def class_order(words: Sequence[str], names: tuple[str, ...] | None) -> tuple[str, ...]:
    """The distinct labels in order: as the source names them, else by number, else by alphabet."""
    found = set(words)
    if names is not None:
        return tuple(name for name in names if name in found)
    if all(number(word) is not None for word in found):
        return tuple(sorted(found, key=lambda word: (float(word), word)))
    return tuple(sorted(found))


def _known_pair(frame: pd.DataFrame) -> tuple[str | None, str | None]:
    by_lower = {column.lower(): column for column in frame.columns}
    for first, second in PAIR_NAMES:
        if first in by_lower and second in by_lower:
            return by_lower[first], by_lower[second]
    return None, None


def _label(frame: pd.DataFrame, taken: list[str]) -> str:
    free = [column for column in frame.columns if column not in taken]
    by_lower = {column.lower(): column for column in free}
    for name in LABEL_NAMES:
        if name in by_lower:
            return by_lower[name]
    few = [column for column in free if 2 <= _distinct(frame[column]) <= min(50, len(frame) // 4)]
    if len(few) == 1:
        return few[0]
    problem = "no column looks like a class column."
    if few:
        problem = f"several columns could be the class column: {', '.join(few)}."
    raise UserError("data.label", problem, f"Choose the label column. Columns are: {_listed(frame)}.")


def _text(frame: pd.DataFrame, taken: list[str]) -> str:
    free = [column for column in frame.columns if column not in taken]
    by_lower = {column.lower(): column for column in free}
    for name in TEXT_NAMES:
        if name in by_lower:
            return by_lower[name]
    lengths = {column: _mean_length(frame[column]) for column in free}
    longest = max(free, key=lambda column: lengths[column], default=None)
    if longest is None or lengths[longest] == 0:
        raise UserError("data.text", "no column contains text.", f"Columns are: {_listed(frame)}.")
    return longest


def _distinct(column: pd.Series) -> int:
    """How many classes a column would give; none where it holds what is no class."""
    try:
        return len(set(label_words(column, None)) - {None})
    except UserError:
        return 0


def _mean_length(column: pd.Series) -> float:
    strings = [value for value in column if isinstance(value, str | bytes)]
    return sum(map(len, strings)) / len(column) if len(column) else 0.0


def _listed(frame: pd.DataFrame) -> str:
    return ", ".join(map(str, frame.columns))
