"""The worst-case bag of words: the first baseline, and where a student's ledger begins.

A bag of words is a sum over words, so the worst that swaps can do to it is a sum too: of each word the option that
hurts most. It is trained on that exact worst case, over all words of a sentence at once, not on samples of it. With
bigrams it is trained on their exact worst case, see `distil.bigrams`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional as F

from rosearch_engine.batching import Encoded
from rosearch_engine.device import device
from rosearch_engine.distil.bigrams import Lattice, bigram_keys, lattice, least_margins
from rosearch_engine.distil.corpus import Corpus
from rosearch_engine.distil.swaps import SwapTable
from rosearch_engine.ragged import Ragged
from rosearch_engine.student.bag import Bag
from rosearch_engine.student.modeling import bigram_rows

BATCH = 128
LEARNING_RATE = 0.01
L2 = 1e-3
L2_BIGRAMS = 1e-2
PASSES = 20
STEPS = (200, 4_000)
"""Fewest and most, whatever the number of sentences."""


class WorstCase:
    """The exact worst case of a sum over words, over a table of swaps.

    Args:
        swaps: of the sentences that are asked about.
        where: the device of the table of weights.
    """

    def __init__(self, swaps: SwapTable, where: torch.device) -> None:
        self._swaps, self._where = swaps, where

    def losses(self, table: torch.Tensor, rows: np.ndarray, labels: torch.Tensor) -> torch.Tensor:
        """How much the swaps of sentences can take from each margin at worst, `(batch, classes)`, none positive.

        The margin of class j is what its own class `labels` `(batch,)` is ahead of it; its own column is 0.

        Args:
            table: `(vocabulary, classes)` weights of the words.
        """
        forms, owners = self._take(self._swaps.forms, rows)
        return self._losses(lambda tokens, _: table[tokens], forms, owners, labels)

    def weighed_losses(
        self,
        evidence: torch.Tensor,
        coefficients: torch.Tensor | None,
        rows: np.ndarray,
        sentences: Encoded,
        labels: torch.Tensor,
    ) -> torch.Tensor:
        """The same where a word counts by the coefficients at its place, which no swap changes: of words of one token.

        Args:
            evidence: `(vocabulary, 1 + n, classes)`, as `student.modeling.Ledger` has it.
            coefficients: `(batch, length, n)`; None: n is 0.
            sentences: those of the table of swaps.
        """
        owners, place, forms = self._swaps.placed(rows, sentences)
        if coefficients is None:
            return self._losses(lambda tokens, _: evidence[tokens, 0], forms, owners, labels)
        here = coefficients.float()[self._tensor(owners), self._tensor(place)]  # (forms, n)
        weights = torch.cat([torch.ones_like(here[:, :1]), here], dim=1)[..., None]
        return self._losses(lambda tokens, of: (evidence[tokens] * weights[of]).sum(dim=1), forms, owners, labels)

    def _losses(
        self,
        say: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
        forms: np.ndarray,
        owners: np.ndarray,
        labels: torch.Tensor,
    ) -> torch.Tensor:
        """Args:
        say: from tokens `(tokens,)`, and the place among `forms` that each stands at, to their logits.
        owners: the sentence of each of the forms.
        """
        options, of_form = self._take(self._swaps.options, forms)
        tokens, of_option = self._take(self._swaps.tokens, options)
        at = self._tensor(of_form)
        said = say(self._tensor(tokens), at[self._tensor(of_option)]).float()
        classes = said.shape[1]
        said = torch.zeros(len(options), classes, device=self._where).index_add(0, self._tensor(of_option), said)
        own = labels[self._tensor(owners)][at]
        margins = said.gather(1, own[:, None]) - said  # (options, classes)
        begin = self._tensor(self._first(options, of_form, len(forms)))
        least = torch.full((len(forms), classes), torch.inf, device=self._where)
        least = least.scatter_reduce(0, at[:, None].expand(-1, classes), margins, "amin", include_self=False)
        lost = torch.zeros(len(labels), classes, device=self._where)
        return lost.index_add(0, self._tensor(owners), least - margins[begin])

    def _take(self, ragged: Ragged, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return ragged.take(rows)

    def _tensor(self, values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values).to(self._where)

    @staticmethod
    def _first(options: np.ndarray, of_form: np.ndarray, forms: int) -> np.ndarray:
        """Where the word itself stands among the options of each form."""
        counts = np.bincount(of_form, minlength=forms)
        return np.cumsum(counts) - counts


def worst_case_loss(logits: torch.Tensor, lost: torch.Tensor, labels: torch.Tensor, spare: float = 0.0) -> torch.Tensor:
    """Cross-entropy of the margins that swaps leave, averaged over the batch.

    log sum_j exp(-m_j), the m_j being the worst margin to each class j (Jia et al. 2019, "Certified Robustness to
    Adversarial Word Substitutions", train such a bound; here it is exact).

    Args:
        logits: `(batch, classes)` of the sentences as they are.
        lost: what `WorstCase.losses` gives.
        spare: margin that must be left over: twice the bound B of a graph beside the ledger.
    """
    margins = logits.gather(1, labels[:, None]) - logits + lost
    others = F.one_hot(labels, logits.shape[1]) == 0
    return torch.logsumexp(torch.where(others, spare - margins, torch.zeros_like(margins)), dim=1).mean()


def steps_for(sentences: int) -> int:
    """How many optimiser steps a bag of words takes on so many sentences."""
    return int(np.clip(PASSES * sentences // BATCH, *STEPS))


def train_bag(
    corpus: Corpus, vocabulary: int, classes: int, kappa: float, seed: int, spare: float = 0.0, bigrams: int = 0
) -> Bag:
    """A bag of words trained on its exact worst case.

    Args:
        kappa: weight of the worst case; it rises from 0 over the first half of the steps.
        spare: margin that its worst case must leave: twice the bound B of a graph that stands beside it.
        bigrams: rows of its table of pairs of neighbouring tokens; 0: none.
    """
    sentences, labels, where = corpus.sentences, corpus.labels, device()
    swaps = corpus.swaps if corpus.swaps and not corpus.swaps.is_empty else None
    rng = np.random.default_rng(seed)
    table = torch.zeros(vocabulary, classes, device=where, requires_grad=True)
    bias = torch.zeros(classes, device=where, requires_grad=True)
    pairs = torch.zeros(bigrams, classes, device=where, requires_grad=True) if bigrams else None
    keys = bigram_keys(sentences, bigrams, corpus.special.unknown) if bigrams else np.empty(0, dtype=np.int64)
    weights = [table, bias] if pairs is None else [table, bias, pairs]
    optimiser = torch.optim.Adam(weights, lr=LEARNING_RATE)
    tokens = Ragged(np.split(sentences.ids, sentences.starts[1:-1]))
    worst = WorstCase(swaps, where) if swaps else None
    options = lattice(sentences, swaps, keys, corpus.special.unknown) if swaps and kappa and bigrams else None
    every = torch.from_numpy(labels).long().to(where)
    # Of what frames a sentence nothing is learnt, and of the unknown nothing is known.
    silent = torch.tensor([corpus.special.unknown, *corpus.special.protected], dtype=torch.long, device=where)
    steps = steps_for(len(labels))
    order = np.concatenate([rng.permutation(len(labels)) for _ in range(-(-steps * BATCH // len(labels)))])
    for step in range(steps):
        rows = order[step * BATCH : (step + 1) * BATCH]
        weight = kappa * min(1.0, 2 * step / steps) if worst else 0.0
        optimiser.param_groups[0]["lr"] = LEARNING_RATE * max(0.02, 1 - step / steps)
        found, owners = tokens.take(rows)
        said = table[torch.from_numpy(found).to(where)]
        logits = torch.zeros(len(rows), classes, device=where).index_add(0, torch.from_numpy(owners).to(where), said)
        logits, own = logits + bias, every[rows]
        loss = L2 / BATCH * table.square().sum()
        if pairs is not None:
            logits = logits + _of_bigrams(pairs, keys, found, owners, len(rows))
            loss = loss + L2_BIGRAMS / BATCH * pairs.square().sum()
        loss = loss + (1 - weight) * F.cross_entropy(logits, own)
        if worst and weight:
            lost = (
                _lost(logits, rows, options, Bag(table, bias, pairs, keys), own)
                if options
                else worst.losses(table, rows, own)
            )
            loss = loss + weight * worst_case_loss(logits, lost, own, spare)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            table[silent] = 0.0
            if pairs is not None:
                pairs[-1] = 0.0
    return Bag(table.detach().cpu(), bias.detach().cpu(), None if pairs is None else pairs.detach().cpu(), keys)


def _of_bigrams(
    pairs: torch.Tensor, keys: np.ndarray, tokens: np.ndarray, owners: np.ndarray, count: int
) -> torch.Tensor:
    """What the bigrams of sentences say, `(count, classes)`, from their tokens, end to end, and whose each is."""
    same = owners[:-1] == owners[1:]
    rows = bigram_rows(tokens[:-1][same], tokens[1:][same], keys)
    said = pairs[torch.from_numpy(rows).to(pairs.device)]
    return torch.zeros(count, pairs.shape[1], device=pairs.device).index_add(
        0, torch.from_numpy(owners[1:][same]).to(pairs.device), said
    )


def _lost(logits: torch.Tensor, rows: np.ndarray, options: Lattice, weights: Bag, own: torch.Tensor) -> torch.Tensor:
    """What `WorstCase.losses` gives, of words and bigrams; logits `(batch, classes)` of the sentences as they are."""
    least = least_margins(options, rows, weights, own)
    alone = logits - weights.bias
    return least - (alone.gather(1, own[:, None]) - alone)


class Bags:
    """The worst-case bags of words of one input code, each trained when it is first asked for."""

    def __init__(self, corpus: Corpus, vocabulary: int, classes: int) -> None:
        self._corpus, self._vocabulary, self._classes = corpus, vocabulary, classes
        self._trained: dict[tuple[float, int, float, int], Bag] = {}

    def over(self, corpus: Corpus) -> Bags:
        """These bags over a corpus with the same content."""
        same = Bags(corpus, self._vocabulary, self._classes)
        same._trained = dict(self._trained)
        return same

    def of(self, kappa: float, seed: int, spare: float = 0.0, bigrams: int = 0) -> Bag:
        """See `train_bag`."""
        key = (kappa, seed, spare, bigrams)
        if key not in self._trained:
            self._trained[key] = train_bag(self._corpus, self._vocabulary, self._classes, *key)
        return self._trained[key]
