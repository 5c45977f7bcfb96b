"""What the rest of the engine reads of a data set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rosearch_engine.data.columns import Columns


@dataclass(frozen=True)
class Split:
    """Some rows, in a fixed order of which every beginning is a fair sample of the classes.

    Attributes:
        ids: row numbers in the source, shape (n,), int64; for rows of a source's own evaluation split, the
            row numbers there.
        texts: n sentences.
        pairs: n second sentences, or None for single sentences.
        labels: positions in `Dataset.classes`, shape (n,), int64.
    """

    ids: np.ndarray
    texts: tuple[str, ...]
    pairs: tuple[str, ...] | None
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)

    def head(self, count: int) -> Split:
        """The first rows, at most `count`."""
        pairs = None if self.pairs is None else self.pairs[:count]
        return Split(self.ids[:count], self.texts[:count], pairs, self.labels[:count])


@dataclass(frozen=True)
class Dataset:
    """What a search may read.

    Attributes:
        name: the source, without folders of this machine.
        classes: names of the classes; a label is a position here.
        columns: the columns used.
        fingerprint: 16 hexadecimal digits over the content and the settings of the split.
        dropped: rows left out, by reason.
        counts: rows of each part, the held-out attack set included.
    """

    name: str
    classes: tuple[str, ...]
    columns: Columns
    fingerprint: str
    distillation: Split
    validation: Split
    search_attack: Split
    dropped: dict[str, int]
    counts: dict[str, int]


@dataclass(frozen=True)
class Preview:
    """The first rows and the shape of a data set, for choosing one.

    Attributes:
        rows: first rows as they are in the source, every column as text.
        balance: usable rows of each class.
        sizes: rows of each part, as the settings would divide them.
        sample: first usable texts.
        rows_in_all: rows of the source, before any is left out.
        warnings: what was settled without being asked for, each a sentence.
        fingerprint: as `Dataset` has it.
    """

    name: str
    columns: Columns
    all_columns: tuple[str, ...]
    rows: list[dict[str, str]]
    classes: tuple[str, ...]
    balance: dict[str, int]
    sizes: dict[str, int]
    dropped: dict[str, int]
    sample: tuple[str, ...] = ()
    rows_in_all: int = 0
    warnings: tuple[str, ...] = ()
    fingerprint: str = ""
