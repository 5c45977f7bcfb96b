"""What a student learns from: sentences, what the teacher said of them, and what an attack may make of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rosearch_engine.batching import Encoded, training_plan
from rosearch_engine.distil.swaps import SwapTable
from rosearch_engine.teacher import Outputs


@dataclass(frozen=True)
class Special:
    """Numbers of the tokens that are no words.

    Attributes:
        unknown: the unknown token.
        protected: those that frame a sentence, which no word may become and which may not become unknown.
    """

    unknown: int
    protected: tuple[int, ...]


@dataclass(frozen=True)
class Corpus:
    """The distillation sentences as one input code reads them. Nothing here depends on the student.

    Attributes:
        sentences: n sentences: those with a label, then those that only the teacher labelled.
        labels: `(n,)` their classes; the teacher's prediction where none was given.
        teacher: its outputs for these n.
        special: tokens that are no words.
        swaps: what an attack may make of the n; None where nobody asks.
    """

    sentences: Encoded
    labels: np.ndarray
    teacher: Outputs
    special: Special
    swaps: SwapTable | None = None

    @cached_property
    def counts(self) -> np.ndarray:
        """`(largest token + 1,)` how often each token occurs in the sentences."""
        return np.bincount(self.sentences.ids)

    def plan(self, tokens: int, epochs: float, seed: int) -> list[np.ndarray]:
        """Every batch of a training, cut by the lengths of its sentences to `tokens` padded tokens."""
        return [rows for _, rows in training_plan(lambda _: self.sentences.lengths, tokens, epochs, seed)]

    def targets(self, rows: np.ndarray) -> np.ndarray:
        """The teacher's logits `(batch, classes)` for sentences."""
        return np.asarray(self.teacher.logits[rows])

    def states(self, rows: np.ndarray, layers: Sequence[int]) -> np.ndarray:
        """The teacher's mean states `(batch, layers, width)`, float32, for sentences."""
        assert self.teacher.hidden is not None
        return np.asarray(self.teacher.hidden[np.ix_(rows, np.asarray(layers))], dtype=np.float32)
