"""Classes of words that swaps join: what a graph may read of a word so that no swap changes it.

Two words are of one class if a chain of swaps leads from one to the other, in whichever direction (connected
components of the relation between words and their swaps). Most words with synonyms end up in one large class, about
which a graph then knows nothing but that one of its words stands there; words that nobody swaps, above all the stop
words that attacks leave alone, stay themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from rosearch_engine.distil.swaps import Tokens


def swap_classes(swaps: Mapping[str, Sequence[str]], tokens: Tokens, vocabulary: int, unknown: int) -> np.ndarray:
    """`(vocabulary,)` the class of each token, numbered by their first tokens.

    Swaps between words of more than one token join nothing: they change what a graph reads, and a sentence with such
    a word is not certified.

    Args:
        swaps: of each word, what may stand in its place.
        unknown: the unknown token: of the largest class, since a word that is not known may have any swap.
    """
    words = list(dict.fromkeys(part for word, others in swaps.items() for part in (word, *others)))
    read = {word: ids[0] if len(ids) == 1 else None for word, ids in zip(words, tokens(words), strict=True)}
    pairs = [(read[word], read[other]) for word, others in swaps.items() for other in others]
    joined = np.array([pair for pair in pairs if None not in pair], dtype=np.int64).reshape(-1, 2)
    relation = coo_matrix((np.ones(len(joined)), joined.T), shape=(vocabulary, vocabulary))
    count, of = connected_components(relation, directed=False)
    of[unknown] = np.bincount(of).argmax()
    first = np.full(count, vocabulary, dtype=np.int64)
    np.minimum.at(first, of, np.arange(vocabulary))
    place = np.empty(count, dtype=np.int64)
    place[np.argsort(first)] = np.arange(count)
    return np.asarray(place[of])
