"""What a student learns from: sentences, what the teacher said of them, and copies with their words swapped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rosearch_engine.batching import Encoded, training_plan
from rosearch_engine.teacher import Outputs


@dataclass(frozen=True)
class Corpus:
    """The distillation sentences as one input code reads them. Nothing here depends on the student.

    Attributes:
        sentences: n sentences.
        labels: `(n,)` their classes.
        teacher: its outputs for these n.
        copies: swapped copies, all of the first round, then all of the second …: copy `c` of sentence `i` is row
            `c * n + i`.
        copies_teacher: its outputs for the copies, in their order; None: what it said of the originals holds for them.
    """

    sentences: Encoded
    labels: np.ndarray
    teacher: Outputs
    copies: Encoded | None = None
    copies_teacher: Outputs | None = None

    @property
    def rounds(self) -> int:
        """How many copies there are of each sentence."""
        return 0 if self.copies is None else len(self.copies.lengths) // len(self.labels)

    @cached_property
    def counts(self) -> np.ndarray:
        """`(largest word piece + 1,)` how often each word piece occurs in the sentences."""
        return np.bincount(self.sentences.ids)

    def plan(self, tokens: int, epochs: float, seed: int) -> list[tuple[int, np.ndarray]]:
        """Every batch of a training: the number of its pass over the sentences, from 0, and its sentences.

        Batches are cut by the lengths of what their pass reads, to `tokens` padded tokens.
        """
        return training_plan(self._lengths, tokens, epochs, seed)

    def copies_in_turn(self, number: int, rows: np.ndarray, count: int) -> list[np.ndarray]:
        """Rows of `copies`: for pass `number` the copy whose turn it is, and the next ones, `count` in all."""
        n = len(self.labels)
        return [(number + i) % self.rounds * n + rows for i in range(min(count, self.rounds))]

    def targets(self, rows: np.ndarray, copied: np.ndarray | None = None) -> np.ndarray:
        """The teacher's logits `(batch, classes)` for sentences, or for the copies `copied` of them."""
        said, which = self._said(rows, copied)
        return said.logits[which]

    def states(self, rows: np.ndarray, copied: np.ndarray | None, layers: Sequence[int]) -> np.ndarray:
        """The teacher's mean states `(batch, layers, width)`, float32, for sentences, or for the copies of them."""
        said, which = self._said(rows, copied)
        assert said.hidden is not None
        return said.hidden[np.ix_(which, np.asarray(layers))].astype(np.float32)

    def _said(self, rows: np.ndarray, copied: np.ndarray | None) -> tuple[Outputs, np.ndarray]:
        if copied is None or self.copies_teacher is None:
            return self.teacher, rows
        return self.copies_teacher, copied

    def _lengths(self, number: int) -> np.ndarray:
        if self.copies is None:
            return self.sentences.lengths
        n, turn = len(self.labels), number % self.rounds
        return self.copies.lengths[turn * n : (turn + 1) * n]
