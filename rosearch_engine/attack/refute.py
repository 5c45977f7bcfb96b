"""Tries to refute certificates: combinations of swaps, drawn at random, searched by a beam, or all there are."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np

from rosearch_engine.attack.lexicon import Lexicon
from rosearch_engine.attack.victim import Victim


class Combinations:
    """All that combinations of a lexicon's swaps can make of a sentence.

    Attributes:
        options: of each word, in their order, itself and its swaps.
    """

    def __init__(self, text: str, lexicon: Lexicon) -> None:
        words = lexicon.words(text)
        self.options = [[word, *lexicon.swaps(word)] for word in words]
        self._between, end = list[str](), 0
        for word in words:
            begin = text.index(word, end)
            self._between.append(text[end:begin])
            end = begin + len(word)
        self._last = text[end:]

    @property
    def count(self) -> int:
        """How many there are, the sentence as it is among them."""
        return math.prod(map(len, self.options))

    def every(self) -> Iterator[str]:
        """All of them."""
        return map(self.text, itertools.product(*(range(len(some)) for some in self.options)))

    def draw(self, rng: np.random.Generator, n: int) -> list[str]:
        """Some at random, each with a share of its words swapped that is drawn too."""
        sizes = np.array([len(some) for some in self.options])
        shares = rng.random((n, 1))
        picked = np.where(rng.random((n, len(sizes))) < shares, rng.integers(0, sizes, (n, len(sizes))), 0)
        return [self.text(row) for row in picked]

    def text(self, picked: Sequence[int] | np.ndarray) -> str:
        """The sentence with the option of that number for each word; 0 leaves it."""
        words = (some[int(number)] for some, number in zip(self.options, picked, strict=True))
        return "".join(between + word for between, word in zip(self._between, words, strict=True)) + self._last


def beam(victim: Victim, all_of_it: Combinations, label: int, width: int = 5) -> list[str]:
    """Texts that a beam search asks about: word by word it keeps those that leave the label's margin least."""
    kept = [tuple(0 for _ in all_of_it.options)]
    asked: list[str] = []
    for place, options in enumerate(all_of_it.options):
        if len(options) == 1:
            continue
        tried = [(*row[:place], number, *row[place + 1 :]) for row in kept for number in range(len(options))]
        texts = [all_of_it.text(row) for row in tried]
        logits = victim.logits(texts)
        margins = logits[:, label] - np.delete(logits, label, axis=1).max(axis=1)
        asked += texts
        kept = [tried[row] for row in np.argsort(margins, kind="stable")[:width]]
    return asked
