"""What the words say of the classes: the weights of a bag of words, and of every ledger's beginning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Bag:
    """A trained bag of words.

    Attributes:
        table: `(vocabulary, classes)` what each token says of each class.
        bias: `(classes,)`.
        bigrams: `(rows, classes)` what pairs of neighbouring tokens add; None: nothing.
        keys: `(rows - 1,)` which pair each row belongs to, see `student.modeling.bigram_rows`.
    """

    table: torch.Tensor
    bias: torch.Tensor
    bigrams: torch.Tensor | None = None
    keys: np.ndarray | None = None
