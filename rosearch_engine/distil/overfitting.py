"""Whether a student that learnt against one gradient step has only learnt to resist one.

Adversarial training with a single step can fail so that the loss on single-step copies stays low while that on
stronger ones rises (Wong et al. 2020, "Fast is better than free: Revisiting adversarial training"). So both are
measured, on the same sentences.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from rosearch_engine.batching import reading_batches
from rosearch_engine.distil.adversary import Adversary
from rosearch_engine.distil.corpus import Corpus

SENTENCES = 128
REFINEMENTS = 3

Batch = dict[str, torch.Tensor]
Losses = Callable[[Batch, np.ndarray], torch.Tensor]
"""From a batch and the numbers of its sentences to the loss of each `(batch,)`."""


def sample(corpus: Corpus) -> np.ndarray:
    """The sentences to ask about: the same for every student of a run."""
    count = len(corpus.labels)
    return np.random.default_rng(0).choice(count, min(SENTENCES, count), replace=False)


def under_attack(
    corpus: Corpus, adversary: Adversary, losses: Losses, tokens: int, where: torch.device
) -> tuple[float, float]:
    """Mean loss on first-order copies, and on the worst of these and `REFINEMENTS` copies of copies.

    Each refinement takes the gradient at the last copy and swaps again. No weight gathers a gradient.

    Args:
        tokens: padded tokens asked about at once.
    """
    rows = sample(corpus)
    first, worst = (np.zeros(len(rows)) for _ in range(2))
    for some in reading_batches(corpus.sentences.lengths[rows], tokens):
        batch = corpus.sentences.batch(rows[some], where)
        original, found = batch["input_ids"], []
        for _ in range(1 + REFINEMENTS):
            said = losses(batch, rows[some])
            found.append(said.detach())
            adversary.feel(said.sum())
            batch = adversary.refined(rows[some], batch, original)
        with torch.no_grad():
            found.append(losses(batch, rows[some]))
        _, *copies = (said.double().cpu().numpy() for said in found)
        first[some], worst[some] = copies[0], np.max(copies, axis=0)
    return float(first.mean()), float(worst.mean())
