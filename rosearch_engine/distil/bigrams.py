"""The exact worst case of a sum over words and bigrams: the shortest path through a chain of options.

A swap changes a word and the two pairs that it stands in, so that what swaps do together is no sum over words. But
which option is best for a word depends on its neighbours alone: the least margin that any combination leaves is found
from left to right, one step a word (dynamic programming; Viterbi 1967). Swaps that are read as several tokens, or as an
unknown one, are left out here; certificates (`attack.chain`) have them all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from rosearch_engine.batching import Encoded
from rosearch_engine.distil.swaps import SwapTable
from rosearch_engine.student.bag import Bag
from rosearch_engine.student.modeling import bigram_key, bigram_rows, bigram_slot

FEWEST = 2
"""A pair of tokens that occurs less often says nothing."""


def bigram_keys(sentences: Encoded, rows: int, unknown: int) -> np.ndarray:
    """The pairs of neighbouring tokens that get a row: of those that fall on one, the most frequent.

    Returns:
        `(rows - 1,)`, as `student.modeling.bigram_rows` takes them.
    """
    inside = np.ones(max(0, len(sentences.ids) - 1), dtype=bool)
    inside[sentences.starts[1:-1] - 1] = False
    left, right = sentences.ids[:-1][inside].astype(np.int64), sentences.ids[1:][inside].astype(np.int64)
    known = (left != unknown) & (right != unknown)
    _, first, counts = np.unique(bigram_key(left[known], right[known]), return_index=True, return_counts=True)
    rarest_first = np.argsort(counts, kind="stable")
    rarest_first = rarest_first[counts[rarest_first] >= FEWEST]
    left, right = left[known][first[rarest_first]], right[known][first[rarest_first]]
    keys = np.full(rows - 1, -1, dtype=np.int64)
    keys[bigram_slot(left, right, rows - 1)] = bigram_key(left, right)  # of several, the last stays
    return keys


@dataclass(frozen=True)
class Lattice:
    """The options of every token of some sentences, and the pairs that neighbouring options make.

    Nodes stand place by place: all options at the sentences' first tokens, then all at their second ones.

    Attributes:
        tokens: `(nodes,)`.
        owners: `(nodes,)` the sentence of each, among those asked for.
        layers: `(places + 1,)` where the nodes of each place begin.
        before, after: `(edges,)` the nodes that each pair joins.
        edges: `(places + 1,)` where the pairs begin that lead to each place; none lead to the first.
        last: `(nodes,)` whether it stands at its sentence's last token.
    """

    tokens: np.ndarray
    owners: np.ndarray
    layers: np.ndarray
    before: np.ndarray
    after: np.ndarray
    edges: np.ndarray
    last: np.ndarray


def lattice(rows: np.ndarray, sentences: Encoded, swaps: SwapTable) -> Lattice:
    """Of the sentences `rows`: each token, and what may stand in its place (swaps of one known token)."""
    lengths = sentences.lengths[rows]
    place = np.concatenate([np.arange(length) for length in lengths])
    owner = np.repeat(np.arange(len(rows)), lengths)
    order = np.lexsort((owner, place))
    place, owner = place[order], owner[order]
    at = sentences.starts[rows][owner] + place
    forms = swaps.places[at]
    counts = np.ones(len(at), dtype=np.int64)
    can = forms >= 0
    counts[can] += swaps.candidates.lengths[forms[can]]
    first = np.cumsum(counts) - counts  # the token itself, before its swaps
    tokens = np.zeros(int(counts.sum()), dtype=np.int64)
    is_own = np.zeros(len(tokens), dtype=bool)
    is_own[first] = True
    tokens[first] = sentences.ids[at]
    tokens[~is_own] = swaps.candidates.take(forms[can])[0]
    # Of each token that is not its sentence's first, the one before it.
    number = np.empty((int(lengths.max(initial=0)), len(rows)), dtype=np.int64)
    number[place, owner] = np.arange(len(at))
    later = np.flatnonzero(place > 0)
    earlier = number[place[later] - 1, owner[later]]
    pairs = counts[earlier] * counts[later]
    inside = np.arange(int(pairs.sum())) - np.repeat(np.cumsum(pairs) - pairs, pairs)
    width = np.repeat(counts[later], pairs)
    places = np.arange(len(number) + 1)
    return Lattice(
        tokens=tokens,
        owners=np.repeat(owner, counts),
        layers=np.searchsorted(np.repeat(place, counts), places),
        before=np.repeat(first[earlier], pairs) + inside // width,
        after=np.repeat(first[later], pairs) + inside % width,
        edges=np.searchsorted(np.repeat(place[later], pairs), places),
        last=np.repeat(place == lengths[owner] - 1, counts),
    )


def least_margins(options: Lattice, bag: Bag, labels: torch.Tensor) -> torch.Tensor:
    """What the worst combination of swaps leaves of each margin, without the bias, `(sentences, classes)`.

    The margin of class j is what the sentence's own class is ahead of it; its own column is 0.

    Args:
        bag: with bigrams.
        labels: `(sentences,)`.
    """
    assert bag.bigrams is not None
    assert bag.keys is not None
    where = bag.table.device
    own = labels[_on(options.owners, where)]
    said = bag.table[_on(options.tokens, where)]
    said = said.gather(1, own[:, None]) - said  # (nodes, classes)
    rows = bigram_rows(options.tokens[options.before], options.tokens[options.after], bag.keys)
    pair = bag.bigrams[_on(rows, where)]
    pair = pair.gather(1, own[_on(options.after, where)][:, None]) - pair  # (edges, classes)
    before, after = _on(options.before, where), _on(options.after, where)
    layers = [said[: options.layers[1]]]
    for place in range(1, len(options.layers) - 1):
        (first, last), (begin, end) = options.layers[place : place + 2], options.edges[place : place + 2]
        reached = layers[-1][before[begin:end] - int(options.layers[place - 1])] + pair[begin:end]
        layers.append(said[first:last] + _least(reached, after[begin:end] - int(first), int(last - first)))
    ends = _on(np.flatnonzero(options.last), where)
    return _least(torch.cat(layers)[ends], _on(options.owners, where)[ends], len(labels))


def _least(values: torch.Tensor, owners: torch.Tensor, count: int) -> torch.Tensor:
    """The least of each owner's values `(n, classes)`, `(count, classes)`."""
    empty = torch.full((count, values.shape[1]), torch.inf, dtype=values.dtype, device=values.device)
    return empty.scatter_reduce(0, owners[:, None].expand_as(values), values, "amin", include_self=False)


def _on(values: np.ndarray, where: torch.device) -> torch.Tensor:
    return torch.from_numpy(values).to(where)
