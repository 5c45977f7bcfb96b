"""The adversary of a training: copies of sentences that hurt the student most, as it is now, to first order.

The gradient of the loss at the word vectors tells of every candidate of every word how the loss would change if it
stood there (the first-order swap of Ebrahimi et al. 2018, "HotFlip"); all words take their worst candidate at once.
Copies of another model, or of this one earlier, teach little or do harm: they are never stored.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from rosearch_engine.batching import Encoded
from rosearch_engine.config import DistilConfig
from rosearch_engine.distil.corpus import Special
from rosearch_engine.distil.swaps import SwapTable
from rosearch_engine.student.modeling import RoSearchForSequenceClassification

AT_ONCE = 2**16
"""Candidates whose states are held at once: at a width of 256, 64 MB."""


class Adversary:
    """Swaps the words of batches.

    Args:
        model: the student in training; it must have a graph.
        sentences: what it learns from.
        swaps: of these sentences.
    """

    def __init__(
        self,
        model: RoSearchForSequenceClassification,
        sentences: Encoded,
        swaps: SwapTable,
        special: Special,
        config: DistilConfig,
        seed: int,
    ) -> None:
        self._embedding, self._sentences, self._swaps = model.embedding, sentences, swaps
        self._share, self._unknown_share = config.adversary_share, config.unknown_share
        self._special = special
        self._rng = np.random.default_rng([seed, 1])
        self._states: torch.Tensor | None = None
        self._ledger, self._ledger_logits = model.ledger, torch.zeros(0)
        # Without a reference to the hook's handle: it lives as long as the model trains, and reads only in training.
        model.embedding.register_forward_hook(self._keep)
        if model.ledger is not None:
            model.ledger.register_forward_hook(self._keep_ledger)

    def copies(self, rows: np.ndarray, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The batch with its words swapped. Ask after the backward pass of the batch itself.

        Args:
            rows: the sentences of the batch.
            batch: `input_ids` and what goes with them, each `(batch, length)`.
        """
        ids = batch["input_ids"].clone()
        sentence, place, form = self._swaps.placed(rows, self._sentences)
        if self._share < 1:
            drawn = self._rng.random(len(sentence)) < self._share
            sentence, place, form = sentence[drawn], place[drawn], form[drawn]
        self._swap(ids, sentence, place, *self._swaps.candidates.take(form))
        if self._unknown_share:
            ids[self._made_unknown(batch)] = self._special.unknown
        return batch | {"input_ids": ids}

    def feel(self, loss: torch.Tensor) -> None:
        """The backward pass of a batch for its words alone: no weight gathers a gradient."""
        assert self._states is not None
        loss.backward(inputs=[self._states] if self._ledger is None else [self._states, self._ledger_logits])

    def refined(
        self, rows: np.ndarray, batch: dict[str, torch.Tensor], original: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """The batch with every word swapped for its worst; nothing is drawn. Ask after its backward pass.

        Args:
            batch: the sentences themselves, or copies of them.
            original: `input_ids` of the sentences: a word of a copy may become again what it was.
        """
        ids = batch["input_ids"].clone()
        sentence, place, form = self._swaps.placed(rows, self._sentences)
        tokens, owner = self._swaps.candidates.take(form)
        before = original.cpu().numpy()[sentence, place]
        tokens, owner = np.concatenate([tokens, before]), np.concatenate([owner, np.arange(len(form))])
        self._swap(ids, sentence, place, tokens, owner)
        return batch | {"input_ids": ids}

    def _swap(
        self, ids: torch.Tensor, sentence: np.ndarray, place: np.ndarray, tokens: np.ndarray, owner: np.ndarray
    ) -> None:
        if not len(tokens):
            return
        swapped = self._worst(ids, sentence, place, tokens, owner)
        hurts = swapped >= 0
        where = (self._tensor(sentence[hurts]), self._tensor(place[hurts]))
        ids[where] = self._tensor(swapped[hurts]).to(ids.dtype)

    @torch.no_grad()
    def _worst(
        self, ids: torch.Tensor, sentence: np.ndarray, place: np.ndarray, tokens: np.ndarray, owner: np.ndarray
    ) -> np.ndarray:
        """For each word the candidate that raises the loss most, -1 where none raises it."""
        assert self._states is not None
        assert self._states.grad is not None
        at = (self._tensor(sentence), self._tensor(place))
        gradient = self._states.grad[at].float()
        own = (self._state(ids[at], at[1]) * gradient).sum(dim=1)
        of = self._tensor(owner)
        parts = zip(self._tensor(tokens).split(AT_ONCE), of.split(AT_ONCE), strict=True)
        rises = [(self._state(some, at[1][words]) * gradient[words]).sum(dim=1) for some, words in parts]
        rise = torch.cat(rises) - own[of]
        if self._ledger is not None and self._ledger_logits.grad is not None:
            # What the ledger says is linear in its words: here the first order is exact.
            table, felt = self._ledger.table.weight, self._ledger_logits.grad[at[0]].float()
            rise = rise + ((table[self._tensor(tokens)] - table[ids[at]][of]) * felt[of]).sum(dim=1)
        best = torch.zeros(len(sentence), device=rise.device).scatter_reduce(0, of, rise, "amax")
        chosen = torch.full((len(sentence),), -1, dtype=torch.long, device=rise.device)
        hits = (rise >= best[of]) & (rise > 0)
        chosen[of[hits]] = self._tensor(tokens)[hits]
        return chosen.cpu().numpy()

    def _state(self, ids: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        """The embedding's states `(words, width)` of words at their places: exact, since it reads each by itself."""
        parts = self._embedding
        states = parts.expand(parts.look_up(ids)) + parts.positions.weight[place]
        if parts.types is not None:
            states = states + parts.types.weight[0]
        normed: torch.Tensor = parts.norm(states)
        return normed.float()

    def _made_unknown(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        ids = batch["input_ids"].cpu().numpy()
        drawn = self._rng.random(ids.shape) < self._unknown_share
        return self._tensor(
            drawn & (batch["attention_mask"].cpu().numpy() > 0) & ~np.isin(ids, self._special.protected)
        )

    def _keep(self, module: torch.nn.Module, inputs: Any, states: torch.Tensor) -> None:
        if module.training and torch.is_grad_enabled():
            states.retain_grad()
            self._states = states

    def _keep_ledger(self, module: torch.nn.Module, inputs: Any, logits: torch.Tensor) -> None:
        if module.training and torch.is_grad_enabled():
            # The ledger does not learn; what the loss feels of it is asked for all the same.
            self._ledger_logits = logits.requires_grad_()
            logits.retain_grad()

    def _tensor(self, values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values).to(self._embedding.norm.weight.device)
