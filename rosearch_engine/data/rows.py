"""Every usable row of a source, before it is divided. Only this package reads it: parts leave, rows do not."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rosearch_engine import resources
from rosearch_engine.config import DataConfig
from rosearch_engine.data import apart, columns, doubts, files, hub, split
from rosearch_engine.data.columns import Columns
from rosearch_engine.data.dataset import Split
from rosearch_engine.data.table import Table
from rosearch_engine.data.values import texts
from rosearch_engine.errors import UserError
from rosearch_engine.given import given_path

FEWEST_ROWS = 40
FEWEST_OF_A_CLASS = 4
_FEWEST_OWN_EVALUATION = 20


@dataclass(frozen=True)
class Prepared:
    """Clean rows with their classes.

    Attributes:
        train: rows to divide.
        evaluation: rows of the source's own evaluation split, from which the held-out set then comes.
        dropped: rows left out, by reason.
        warnings: what was settled without being asked for, each a sentence.
    """

    name: str
    columns: Columns
    classes: tuple[str, ...]
    train: Split
    evaluation: Split | None
    dropped: dict[str, int]
    warnings: tuple[str, ...] = ()


def read(config: DataConfig) -> Table:
    """The source as it lies, with the columns it came with."""
    if config.name == "movie-reviews":
        table = files.read(resources.require("movie-reviews") / "movie-reviews.tsv")
        return Table(name=config.name, train=table.train)
    path = given_path(config.name, "data.name")
    if path.is_dir() or path.is_file() or files.suffix_of(config.name):
        return apart.read(path)
    if config.name.startswith((".", "/", "~")):
        raise UserError("data.name", f"{config.name} does not exist.", "Check the path.")
    return hub.read(config.name)


def prepare(table: Table, config: DataConfig) -> Prepared:
    """Choose the columns, clean the rows, settle the classes.

    Raises:
        UserError: naming the field and the remedy.
    """
    chosen = columns.choose(table.train, config)
    dropped: dict[str, int] = {}
    train = _clean(table, table.train, chosen, dropped)
    evaluation = _own_evaluation(table, chosen, dropped)
    if evaluation is not None:
        repeated = train["key"].isin(set(evaluation["key"]))
        train = _drop(train, repeated, "also in the evaluation split", dropped)
        short = evaluation["words"] < config.min_words
        evaluation = _drop(
            evaluation, short, f"of fewer than {config.min_words} words in the evaluation split", dropped
        )
    classes = _classes(table, train, chosen)
    if len(train) < FEWEST_ROWS:
        problem = f"{len(train)} usable rows are too few."
        raise UserError("data.name", problem, f"Provide at least {FEWEST_ROWS} different labelled sentences.")
    rows = _as_split(train, classes, chosen)
    if config.limit is not None and config.limit < len(rows):
        order = split.fair_order(np.arange(len(rows)), rows.labels, config.seed, "limit")
        rows = take(rows, np.sort(order[: config.limit]))
        _check_limit(rows, classes)
    held_out, warnings = None, _vanished(table, chosen, classes)
    named = {*classes, *([] if evaluation is None else evaluation["label"])}
    warnings += doubts.odd_classes(named)
    if evaluation is not None:
        unknown = ~evaluation["label"].isin(classes)
        evaluation = _drop(evaluation, unknown, "of a class that only the evaluation split has", dropped)
    if evaluation is not None and len(evaluation) >= _FEWEST_OWN_EVALUATION:
        held_out = _as_split(evaluation, classes, chosen)
    elif evaluation is not None:
        warnings += (
            f"The source's own evaluation split has only {len(evaluation)} usable rows: the held-out sentences are "
            "taken from the training rows.",
        )
    return Prepared(table.name, chosen, classes, rows, held_out, dropped, warnings)


def _vanished(table: Table, chosen: Columns, classes: tuple[str, ...]) -> tuple[str, ...]:
    """What is to be said of classes that the source has or names, and of which no usable row is left."""
    there = set(columns.labels(table, table.train, chosen.label).dropna())
    gone = sorted({*there, *table.class_names.get(chosen.label, ())} - set(classes))
    if not gone:
        return ()
    listed = ", ".join(f"'{name}'" for name in gone[:5]) + (" …" if len(gone) > 5 else "")
    return (f"No usable row is left of {len(gone)} {'classes' if len(gone) > 1 else 'class'}: {listed}.",)


def _own_evaluation(table: Table, chosen: Columns, dropped: dict[str, int]) -> pd.DataFrame | None:
    """The source's evaluation rows, cleaned; None where it has none with the chosen columns and labels."""
    needed = [column for column in (chosen.text, chosen.pair, chosen.label) if column is not None]
    if table.evaluation is None or not set(needed) <= set(table.evaluation.columns):
        return None
    if columns.labels(table, table.evaluation, chosen.label).isna().all():
        return None
    return _clean(table, table.evaluation, chosen, dropped)


def _clean(table: Table, frame: pd.DataFrame, chosen: Columns, dropped: dict[str, int]) -> pd.DataFrame:
    """Columns id, text, pair, label (words), key (what makes two rows the same), words; one row a key."""
    clean = pd.DataFrame({"id": np.arange(len(frame)), "text": texts(frame[chosen.text], "data.text")})
    clean["pair"] = texts(frame[chosen.pair], "data.pair") if chosen.pair else ""
    clean["label"] = columns.labels(table, frame, chosen.label).to_numpy()
    clean = _drop(clean, clean["label"].isna(), "without a label", dropped)
    if clean.empty:
        raise UserError("data.label", f"no row of '{chosen.label}' has a label.", "Choose another column.")
    empty = clean["text"] == ""
    if chosen.pair:
        empty |= clean["pair"] == ""
    clean = _drop(clean, empty, "empty text", dropped)
    if clean.empty:
        raise UserError("data.text", f"every text of '{chosen.text}' is empty.", "Choose another text column.")
    joined = clean["text"] + "\x1f" + clean["pair"]
    clean["key"] = joined.str.casefold()
    clean["words"] = [len(both.replace("\x1f", " ").split()) for both in joined]
    conflicting = clean.groupby("key")["label"].transform("nunique") > 1
    clean = _drop(clean, conflicting, "same text with different labels", dropped)
    return _drop(clean, clean.duplicated("key"), "repeated text", dropped)


def _drop(frame: pd.DataFrame, rows: pd.Series, reason: str, dropped: dict[str, int]) -> pd.DataFrame:
    if rows.any():
        dropped[reason] = dropped.get(reason, 0) + int(rows.sum())
    return frame[~rows]


def _classes(table: Table, train: pd.DataFrame, chosen: Columns) -> tuple[str, ...]:
    counts = train["label"].value_counts()
    if len(counts) > columns.MAX_CLASSES:
        problem = f"'{chosen.label}' has {len(counts):,} different values, like text or a measurement."
        raise UserError("data.label", problem, "Choose a column of classes.")
    if len(counts) == 1:
        problem = f"every row of '{chosen.label}' has the same class, '{counts.index[0]}'."
        raise UserError("data.label", problem, "Provide rows of two or more classes.")
    rare = [f"'{name}' ({count})" for name, count in counts.items() if count < FEWEST_OF_A_CLASS]
    if rare:
        problem = f"too few rows of class {', '.join(rare[:5])}."
        remedy = f"Provide at least {FEWEST_OF_A_CLASS} different rows per class, or none."
        raise UserError("data.label", problem, remedy)
    return columns.class_order(list(counts.index), table.class_names.get(chosen.label))


def _check_limit(train: Split, classes: tuple[str, ...]) -> None:
    counts = np.bincount(train.labels, minlength=len(classes))
    if counts.min() < FEWEST_OF_A_CLASS:
        problem = f"leaves {counts.min()} rows of the class '{classes[int(counts.argmin())]}'."
        raise UserError("data.limit", problem, f"Increase it until every class has {FEWEST_OF_A_CLASS}.")


def _as_split(clean: pd.DataFrame, classes: tuple[str, ...], chosen: Columns) -> Split:
    position = {name: i for i, name in enumerate(classes)}
    return Split(
        ids=clean["id"].to_numpy(np.int64),
        texts=tuple(clean["text"]),
        pairs=tuple(clean["pair"]) if chosen.pair else None,
        labels=np.array([position[name] for name in clean["label"]], dtype=np.int64),
    )


def take(rows: Split, positions: np.ndarray) -> Split:
    """The rows at these positions `(n,)`, in their order."""
    return Split(
        ids=rows.ids[positions],
        texts=tuple(rows.texts[i] for i in positions),
        pairs=None if rows.pairs is None else tuple(rows.pairs[i] for i in positions),
        labels=rows.labels[positions],
    )


def divide(prepared: Prepared, config: DataConfig) -> split.Parts:
    """Positions in `train` of each part.

    Raises:
        UserError: too few sentences are long enough.
    """
    train = prepared.train
    return split.divide(train.labels, _words(train), config, own_evaluation=prepared.evaluation is not None)


def _words(rows: Split) -> np.ndarray:
    pairs = rows.pairs or ("",) * len(rows)
    return np.array([len(f"{text} {pair}".split()) for text, pair in zip(rows.texts, pairs, strict=True)])


def fingerprint(prepared: Prepared, config: DataConfig) -> str:
    """Over what the rows say and how they are divided, never over where they lie."""
    fields = {"limit", "validation", "search_attack", "held_out", "min_words", "seed"}
    settings = config.model_dump(include=fields)
    digest = hashlib.sha256(json.dumps([settings, prepared.classes], sort_keys=True).encode())
    for part in (prepared.train, prepared.evaluation):
        if part is not None:
            content = [part.texts, part.pairs, part.labels.tolist()]
            digest.update(json.dumps(content).encode())
    return digest.hexdigest()[:16]
