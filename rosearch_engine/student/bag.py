"""What the words say of the classes: the weights of a bag of words, and of every ledger's beginning."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Bag:
    """A trained bag of words.

    Attributes:
        table: `(vocabulary, classes)` what each token says of each class.
        bias: `(classes,)`.
        bigrams: `(rows, classes)` what pairs of neighbouring tokens add, see `student.modeling.bigram_rows`; None:
            nothing.
    """

    table: torch.Tensor
    bias: torch.Tensor
    bigrams: torch.Tensor | None = None
