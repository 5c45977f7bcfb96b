"""Rows of different lengths in one array."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np


class Ragged:
    """Rows of numbers, end to end, and where each begins.

    Attributes:
        values: `(total,)` integers.
        starts: `(rows + 1,)` offsets into `values`.
    """

    def __init__(self, rows: Iterable[Sequence[int] | np.ndarray]) -> None:
        kept = [np.asarray(row, dtype=np.int64) for row in rows]
        self.values = np.concatenate([np.zeros(0, dtype=np.int64), *kept])
        self.starts = np.concatenate([[0], np.cumsum([len(row) for row in kept], dtype=np.int64)])

    @classmethod
    def of(cls, values: np.ndarray, starts: np.ndarray) -> Ragged:
        """Rows that stand end to end already."""
        made = cls(())
        made.values, made.starts = values, starts
        return made

    @classmethod
    def joined(cls, parts: Sequence[Ragged]) -> Ragged:
        """The rows of all, in order."""
        ends = np.cumsum([0, *(len(part.values) for part in parts)])
        starts = [part.starts[1:] + end for part, end in zip(parts, ends[:-1], strict=True)]
        return cls.of(np.concatenate([part.values for part in parts]), np.concatenate([[0], *starts]))

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        """`(rows,)`."""
        return np.diff(self.starts)

    def take(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The values of some rows, end to end, and for each the place in `rows` that it belongs to."""
        lengths = self.lengths[rows]
        owners = np.repeat(np.arange(len(rows)), lengths)
        place = np.arange(len(owners)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return self.values[self.starts[rows][owners] + place], owners
