"""Rows of different lengths in one array."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np


class Ragged:
    """Rows of numbers, end to end, and where each begins.

    Attributes:
        values: `(total,)`, int64.
        starts: `(rows + 1,)` offsets into `values`.
    """

    def __init__(self, rows: Iterable[Sequence[int] | np.ndarray]) -> None:
        kept = [np.asarray(row, dtype=np.int64) for row in rows]
        self.values = np.concatenate([np.zeros(0, dtype=np.int64), *kept])
        self.starts = np.concatenate([[0], np.cumsum([len(row) for row in kept], dtype=np.int64)])

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
