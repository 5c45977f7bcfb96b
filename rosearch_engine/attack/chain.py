"""The worst that swaps can do to a sum over words and bigrams: the shortest path through a sentence's options, exact.

What a pair of neighbours says depends on both, so the worst option of a word depends on its neighbours' options and on
nothing else: one pass from left to right finds the least margin of all combinations (dynamic programming; Viterbi
1967), another one back finds the combination.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rosearch_engine.student.modeling import bigram_rows

Options = Sequence[Sequence[int]]
"""Of one place in a sentence, what may stand there: first what does, then its swaps; token numbers, at least one."""


@dataclass(frozen=True)
class Worst:
    """The worst combination.

    Attributes:
        margin: what it leaves of the margin, without the bias.
        path: the option that it takes at each place.
        taken: `(places,)` what each place takes from the margin where those before it have been swapped already; all
            together what the combination takes.
    """

    margin: float
    path: list[int]
    taken: np.ndarray


def said(tokens: np.ndarray, words: np.ndarray, pairs: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """What the words `(vocabulary, classes)` and pairs `(rows, classes)` of some tokens say in all, `(classes,)`."""
    total: np.ndarray = words[tokens].sum(axis=0) + pairs[bigram_rows(tokens[:-1], tokens[1:], keys)].sum(axis=0)
    return total


def worst_path(places: Sequence[Options], words: np.ndarray, pairs: np.ndarray, keys: np.ndarray) -> Worst:
    """The combination of options that leaves the least.

    Args:
        places: of a sentence, in order, at least one.
        words: `(vocabulary,)` what each token adds to the margin.
        pairs: `(rows,)` what each pair of neighbouring tokens adds.
        keys: of each pair its row, see `student.modeling.bigram_rows`.
    """
    inside = [_inside(options, words, pairs, keys) for options in places]
    between = [_between(before, after, pairs, keys) for before, after in itertools.pairwise(places)]
    least, came = inside[0], list[np.ndarray]()
    for own, pair in zip(inside[1:], between, strict=True):
        reached = least[:, None] + pair  # (options before, options)
        came.append(reached.argmin(axis=0))
        least = reached.min(axis=0) + own
    path = [int(least.argmin())]
    for back in reversed(came):
        path.append(int(back[path[-1]]))
    path.reverse()
    return Worst(float(least.min()), path, _taken(path, inside, between))


def _inside(options: Options, words: np.ndarray, pairs: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """What each option adds by itself."""
    if len(options) == 1 and len(options[0]) == 1:
        return words[[options[0][0]]]
    return np.array([said(np.asarray(tokens), words[:, None], pairs[:, None], keys)[0] for tokens in options])


def _between(before: Options, after: Options, pairs: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """What the pair adds that each two options of neighbouring places make, `(before, after)`."""
    left = np.array([tokens[-1] for tokens in before])
    right = np.array([tokens[0] for tokens in after])
    found: np.ndarray = pairs[bigram_rows(left[:, None], right[None, :], keys)]
    return found


def _taken(path: list[int], inside: list[np.ndarray], between: list[np.ndarray]) -> np.ndarray:
    taken = np.zeros(len(path))
    for at, option in enumerate(path):
        taken[at] = inside[at][0] - inside[at][option]
        if at:
            taken[at] += between[at - 1][path[at - 1], 0] - between[at - 1][path[at - 1], option]
        if at < len(between):
            taken[at] += between[at][0, 0] - between[at][option, 0]
    return taken
