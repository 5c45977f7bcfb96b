"""Copies of sentences with their words swapped: what a student must read alike to hold under attack."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from rosearch_engine.codes import require_wordnet, synonyms
from rosearch_engine.config import SwapKind
from rosearch_engine.data import Split

Neighbours = Callable[[str], Sequence[str]]

# A word as an attack sees it: letters, with apostrophes and hyphens inside.
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SHORTEST_MISSPELT = 3


def neighbours(swaps: SwapKind, split: Split) -> Sequence[Neighbours]:
    """Where the replacements of a word come from: a lexicon, its misspellings, or any words of the sentences (as often
    as they occur there: Tang et al. 2019, "Distilling task-specific knowledge from BERT", swap for words of like kind).

    Raises:
        UserError: if WordNet is needed and missing.
    """
    if swaps == "words":
        everything = [word for text in split.texts for word in WORD.findall(text)]
        return [lambda word: everything]
    sources: dict[str, Sequence[Neighbours]] = {
        "synonyms": [synonyms],
        "characters": [misspellings],
        "both": [synonyms, misspellings],
    }
    if swaps in ("synonyms", "both"):
        require_wordnet("distil.swaps")
    return sources[swaps]


def swapped(split: Split, sources: Sequence[Neighbours], most: float, rng: np.random.Generator) -> Split:
    """A copy of every sentence, each with a share of its words swapped that is drawn evenly from 0 to `most`.

    Random word-substitution augmentation: the share varies, so that the student sees sentences near to the original
    and far from it.

    Args:
        sources: for each word that is to be swapped one of them is drawn.
    """
    known: list[dict[str, Sequence[str]]] = [{} for _ in sources]

    def swap(word: str) -> str:
        which = int(rng.integers(len(sources))) if len(sources) > 1 else 0
        found = known[which].get(word)
        if found is None:
            found = known[which].setdefault(word, sources[which](word))
        return found[int(rng.integers(len(found)))] if found else word

    def copy(text: str) -> str:
        share = most * rng.random()
        return WORD.sub(lambda match: swap(match[0]) if rng.random() < share else match[0], text)

    pairs = None if split.pairs is None else tuple(map(copy, split.pairs))
    return replace(split, texts=tuple(map(copy, split.texts)), pairs=pairs)


def misspellings(word: str) -> list[str]:
    """All words one edit away: two neighbours swapped, a letter replaced, left out or put in.

    The four edits of DeepWordBug (Gao et al. 2018, table 2). Words of one or two letters have none: what is left of
    them is often another word.
    """
    if len(word) < _SHORTEST_MISSPELT:
        return []
    cuts = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    swapped = [a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1]
    replaced = [a + letter + b[1:] for a, b in cuts if b for letter in _LETTERS]
    left_out = [a + b[1:] for a, b in cuts if b]
    put_in = [a + letter + b for a, b in cuts for letter in _LETTERS]
    return list(dict.fromkeys(w for w in (*swapped, *replaced, *left_out, *put_in) if w != word))
