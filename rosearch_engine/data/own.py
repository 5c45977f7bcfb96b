"""User-supplied sentences to attack: from a file or typed line by line, with or without labels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from rosearch_engine.config import DataConfig
from rosearch_engine.data import apart, columns
from rosearch_engine.data.encoding import decode
from rosearch_engine.data.table import Table
from rosearch_engine.data.values import plain, texts
from rosearch_engine.errors import UserError

# Maximum characters of a sentence where a user waits for the answer.
LONGEST = 1000
BETWEEN = "|"
# Not `splitlines`: form feeds and separators of paragraphs stand within sentences.
_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True)
class Sentence:
    """A text, and its class if it is known: by name or number; else the model's own answer is taken as right."""

    text: str | tuple[str, ...]
    label: str | None = None


@dataclass(frozen=True)
class Picked:
    """Columns of a table: those of the text, of its second sentence, and of the classes where there is one."""

    text: str
    pair: str | None
    label: str | None


def table(path: Path, pair: bool) -> Table:
    """The rows of a file; a text file holds one sentence a line, and two with a | between them for a task on pairs.

    Raises:
        UserError: naming the file and what to do.
    """
    with _as_own():
        if path.suffix.lower() != ".txt":
            return apart.read(path)
        try:
            return lines(decode(path.read_bytes(), path.name, "file"), pair, "file")
        except OSError as error:
            problem = f"{path.name} cannot be read ({error.strerror or error})."
            raise UserError("file", problem, "Check the file.") from None


def lines(text: str, pair: bool, field: str = "sentences") -> Table:
    """One sentence a line; with `pair`, two with a | between them. Only a line feed ends a line.

    Args:
        field: what a message calls the source.

    Raises:
        UserError: if there is none, or a line has no |.
    """
    rows = [(number, line.strip()) for number, line in enumerate(_LINE_END.split(text), start=1) if line.strip()]
    if not rows:
        raise UserError(field, "it contains no sentences.", "Write one per line.")
    if not pair:
        return Table(field, pd.DataFrame({"text": [line for _, line in rows]}, dtype=object))
    halves = [line.split(BETWEEN, 1) for _, line in rows]
    lone = next((number for (number, _), half in zip(rows, halves, strict=True) if len(half) == 1), None)
    if lone is not None:
        problem = f"line {lone} has no {BETWEEN}, but this model needs two sentences."
        raise UserError(field, problem, f"Write: first sentence {BETWEEN} second sentence.")
    return Table(field, pd.DataFrame(halves, columns=["sentence1", "sentence2"], dtype=object))


def guess(rows: Table) -> Picked:
    """The columns as their names and content have it; no label where none looks like a class.

    Raises:
        UserError: if no column holds text.
    """
    with _as_own():
        try:
            found = columns.choose(rows.train, DataConfig())
        except UserError as error:
            if error.field != "data.label":
                raise
            return Picked(*columns.texts(rows.train), None)
    return Picked(found.text, found.pair, found.label)


def look(rows: Table, most: int) -> pd.DataFrame:
    """The first rows as text, numbered from 1, as messages number them."""
    return rows.train.head(most).map(_shown).rename(lambda row: row + 1)


def _shown(value: object) -> str:
    try:
        return plain(value)
    except (TypeError, UnicodeDecodeError):
        return str(value)


def take(
    rows: Table, picked: Picked, classes: Sequence[str], longest: int | None = None
) -> tuple[list[Sentence], Counter[str]]:
    """The sentences of a table, and how many rows were left out, by reason.

    Args:
        classes: the model's.
        longest: most characters of a text; None for any length.

    Raises:
        UserError: if a label is none of the classes, or the column of labels holds measurements.
    """
    left_out: Counter[str] = Counter()
    with _as_own():
        first = texts(rows.train[picked.text], "data.text")
        second = texts(rows.train[picked.pair], "data.pair") if picked.pair else [None] * len(first)
        words = columns.labels(rows, rows.train, picked.label) if picked.label else [None] * len(first)
    sentences: list[tuple[int, str | tuple[str, ...], str | None]] = []
    for number, (a, b, label) in enumerate(zip(first, second, words, strict=True), start=1):
        if not a or b == "":
            left_out["without text"] += 1
        elif picked.label and label is None:
            left_out["without a label"] += 1
        elif longest and len(a) + len(b or "") > longest:
            left_out[f"longer than {longest:,} characters"] += 1
        else:
            sentences.append((number, a if b is None else (a, b), label))
    given = {number: label for number, _, label in sentences if label is not None}
    numbered = _are_numbers(given.values(), classes)
    for number, label in given.items():
        if not numbered and label not in classes:
            raise _no_class(label, classes, f"row {number}: ")
    # A number that is also another class's name goes on by its own.
    as_names = {label: classes[int(label)] for label in given.values() if numbered and label in classes}
    return [Sentence(text, as_names.get(label or "", label)) for _, text, label in sentences], left_out


def _are_numbers(labels: Collection[str], classes: Sequence[str]) -> bool:
    """Whether a column gives the classes' numbers from 0. Names win where every label is one."""
    return not all(label in classes for label in labels) and all(_is_number(label, classes) for label in labels)


def _is_number(label: str, classes: Sequence[str]) -> bool:
    return label.isascii() and label.isdigit() and int(label) < len(classes)


def class_of(label: str, classes: Sequence[str]) -> int:
    """The number of a class that is written by name or number.

    Raises:
        UserError: if there is no such class.
    """
    if label in classes:
        return list(classes).index(label)
    if _is_number(label, classes):
        return int(label)
    raise _no_class(label, classes)


def _no_class(label: str, classes: Sequence[str], where: str = "") -> UserError:
    problem = f"{where}'{label[:60]}' is not one of the classes."
    remedy = f"Use {', '.join(classes)}, or their numbers, starting at 0: the same way in all rows."
    return UserError("label", problem, remedy)


@contextmanager
def _as_own() -> Iterator[None]:
    """What is wrong with a file, under the names that it has here."""
    try:
        yield
    except UserError as error:
        name = error.field.removeprefix("data.")
        raise UserError("file" if name == "name" else name, error.problem, error.remedy) from None
