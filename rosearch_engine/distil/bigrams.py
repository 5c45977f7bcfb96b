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
from rosearch_engine.ragged import Ragged
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
    """What may stand at each place of some sentences, as a graph whose paths are the combinations of swaps.

    Options whose pairs with all that may stand beside them have no row differ only in what they say by themselves: of
    each place they are one node. Where a place has one node alone, every path goes through it, so that there a sentence
    falls into parts, each with a shortest path of its own.

    Attributes:
        tokens: of each sentence, its options.
        nodes: of each sentence, the node that each option belongs to, counted from its first one.
        layers: of each sentence, how many places each node is after the last one that every path goes through.
        before, after: of each sentence, the nodes that each edge joins.
        rows: of each sentence, the row that each edge adds.
    """

    tokens: Ragged
    nodes: Ragged
    layers: Ragged
    before: Ragged
    after: Ragged
    rows: Ragged


CHUNK = 200
"""Sentences whose pairs of options are looked up at once: a long text has tens of thousands."""


def lattice(sentences: Encoded, swaps: SwapTable, keys: np.ndarray, unknown: int) -> Lattice:
    """Of each token itself, and of what may stand in its place (swaps of one known token).

    Args:
        keys: see `student.modeling.bigram_rows`.
        unknown: number of the unknown token, which stands in no pair that has a row.
    """
    count = len(sentences.lengths)
    parts = [
        _part(np.arange(first, min(count, first + CHUNK)), sentences, swaps, keys, unknown)
        for first in range(0, count, CHUNK)
    ]
    return Lattice(*(Ragged.joined(ragged) for ragged in zip(*parts, strict=True)))


def _part(
    some: np.ndarray, sentences: Encoded, swaps: SwapTable, keys: np.ndarray, unknown: int
) -> tuple[Ragged, Ragged, Ragged, Ragged, Ragged, Ragged]:
    """The lattice of some neighbouring sentences, as its fields in order."""
    own, forms, sentence = _framed(some, sentences, swaps)
    places, is_frame = np.arange(len(own)), own < 0
    counts = np.where(forms >= 0, 1 + swaps.candidates.lengths[np.maximum(forms, 0)], ~is_frame)
    place = np.repeat(places, counts)
    is_own = np.arange(len(place)) == np.repeat(np.cumsum(counts) - counts, counts)
    tokens = np.empty(len(place), dtype=np.int64)
    tokens[is_own] = own[~is_frame]
    tokens[~is_own] = swaps.candidates.take(forms[forms >= 0])[0]
    later = places[1:][sentence[1:] == sentence[:-1]]
    stands = _stand_in_pairs(tokens, later, counts, keys)
    nodes_of, node = _nodes(place, stands, is_frame)
    first = np.cumsum(nodes_of) - nodes_of
    stands_for = np.full(int(nodes_of.sum()), unknown)
    stands_for[node[stands]] = tokens[stands]
    # How far each place is from the last one with a single node before it.
    is_cut = nodes_of == 1
    layer = places - np.maximum.accumulate(np.where(is_cut, places, 0))
    before, after, into = _between(later, nodes_of)
    rows = bigram_rows(stands_for[before], stands_for[after], keys)
    says = (rows < len(keys)) | ~(is_cut[into] & is_cut[into - 1])
    before, after, into, rows = before[says], after[says], into[says], rows[says]
    here = sentence - sentence[0]
    begin = first[np.flatnonzero(np.diff(here, prepend=-1))]  # first node of each sentence
    return (
        _by_sentence(tokens, here[place], len(some)),
        _by_sentence(node - begin[here[place]], here[place], len(some)),
        _by_sentence(np.repeat(layer, nodes_of), np.repeat(here, nodes_of), len(some)),
        _by_sentence(before - begin[here[into]], here[into], len(some)),
        _by_sentence(after - begin[here[into]], here[into], len(some)),
        _by_sentence(rows, here[into], len(some)),
    )


def _framed(some: np.ndarray, sentences: Encoded, swaps: SwapTable) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tokens, forms and sentences of all places, with one that has no token (-1) before and after each sentence."""
    lengths = sentences.lengths[some] + 2
    sentence = np.repeat(some, lengths)
    ends = np.cumsum(lengths)
    inside = np.ones(len(sentence), dtype=bool)
    inside[ends - 1] = inside[ends - lengths] = False
    read = slice(sentences.starts[some[0]], sentences.starts[some[-1] + 1])
    tokens, forms = np.full(len(sentence), -1), np.full(len(sentence), -1)
    tokens[inside], forms[inside] = sentences.ids[read], swaps.places[read]
    return tokens, forms, sentence


def _stand_in_pairs(tokens: np.ndarray, later: np.ndarray, counts: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """`(options,)` whether each makes a pair that has a row with anything that may stand beside it."""
    left, right, _ = _between(later, counts)
    has_row = bigram_rows(tokens[left], tokens[right], keys) < len(keys)
    stands = np.zeros(len(tokens), dtype=bool)
    stands[left[has_row]] = stands[right[has_row]] = True
    return stands


def _nodes(place: np.ndarray, stands: np.ndarray, is_frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many nodes each place has, `(places,)`, and the node of each option: first one for all that stand in no pair.

    Args:
        place: `(options,)` of each option.
        stands: `(options,)` whether it stands in a pair, and so has a node of its own.
        is_frame: `(places,)` places without an option, which have a node all the same.
    """
    alone = np.bincount(place[stands], minlength=len(is_frame))
    others = is_frame | (np.bincount(place[~stands], minlength=len(is_frame)) > 0)
    counts = alone + others
    first = np.cumsum(counts) - counts
    number = np.cumsum(stands) - 1 - (np.cumsum(alone) - alone)[place]  # among those of its place
    return counts, first[place] + stands * (others[place] + number)


def _between(later: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs of what stands at neighbouring places: one of each, and the later place.

    Args:
        later: places that have one before them.
        counts: how many stand at each place; they are numbered from the first place on.
    """
    first = np.cumsum(counts) - counts
    sizes = counts[later - 1] * counts[later]
    inside = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    into = np.repeat(later, sizes)
    return first[into - 1] + inside // counts[into], first[into] + inside % counts[into], into


def _by_sentence(values: np.ndarray, owners: np.ndarray, count: int) -> Ragged:
    """Values in the order of their sentences, in half the memory of wide integers."""
    starts = np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=count))])
    return Ragged.of(values.astype(np.int32), starts)


def least_margins(options: Lattice, rows: np.ndarray, bag: Bag, labels: torch.Tensor) -> torch.Tensor:
    """What the worst combination of swaps leaves of each margin, without the bias, `(sentences, classes)`.

    The margin of class j is what the sentence's own class is ahead of it; its own column is 0.

    Args:
        rows: the sentences.
        bag: with bigrams, whose last row is 0.
        labels: `(sentences,)`.
    """
    assert bag.bigrams is not None
    where = bag.table.device
    tokens, of_token = options.tokens.take(rows)
    layers, of_node = options.layers.take(rows)
    edges, of_edge = options.rows.take(rows)
    shift = np.cumsum(options.layers.lengths[rows]) - options.layers.lengths[rows]
    # Nodes, and edges by the node they lead to, in the order of their layers.
    order = np.argsort(layers, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    owner = _on(of_node[order], where)
    bounds = np.searchsorted(layers[order], np.arange(int(layers.max(initial=0)) + 2))
    node = place[options.nodes.take(rows)[0] + shift[of_token]]
    before = place[options.before.take(rows)[0] + shift[of_edge]]
    after = place[options.after.take(rows)[0] + shift[of_edge]]
    in_order = np.argsort(after, kind="stable")
    before, after, edges, of_edge = before[in_order], after[in_order], edges[in_order], of_edge[in_order]
    edge_bounds = np.searchsorted(after, bounds)
    own = labels[_on(of_token, where)]
    said = bag.table[_on(tokens, where)]
    said = _least(said.gather(1, own[:, None]) - said, _on(node, where), len(order))
    said = torch.where(said.isinf(), 0.0, said)  # what frames a sentence has no option
    pair = bag.bigrams[_on(edges, where)]
    pair = pair.gather(1, labels[_on(of_edge, where)][:, None]) - pair
    at_before, at_after = _on(before, where), _on(after, where)
    # From layer to layer; what leads to a node of layer 0 ends there, and what comes after it begins anew.
    values = [torch.zeros_like(said[: bounds[1]])]
    for layer in range(1, len(bounds) - 1):
        (first, last), (begin, end) = bounds[layer : layer + 2], edge_bounds[layer : layer + 2]
        reached = values[-1][at_before[begin:end] - int(bounds[layer - 1])] + pair[begin:end]
        values.append(said[first:last] + _least(reached, at_after[begin:end] - int(first), int(last - first)))
    ending = edge_bounds[1]
    ends, to_end = np.unique(after[:ending], return_inverse=True)
    reached = _least(torch.cat(values)[at_before[:ending]] + pair[:ending], _on(to_end, where), len(ends))
    total = torch.zeros(len(rows), said.shape[1], dtype=said.dtype, device=where)
    total = total.index_add(0, owner[: bounds[1]], said[: bounds[1]])
    return total.index_add(0, owner[_on(ends, where)], reached)


def _least(values: torch.Tensor, owners: torch.Tensor, count: int) -> torch.Tensor:
    """The least of each owner's values `(n, classes)`, `(count, classes)`."""
    empty = torch.full((count, values.shape[1]), torch.inf, dtype=values.dtype, device=values.device)
    return empty.scatter_reduce(0, owners[:, None].expand_as(values), values, "amin", include_self=False)


def _on(values: np.ndarray, where: torch.device) -> torch.Tensor:
    return torch.from_numpy(values).long().to(where)
