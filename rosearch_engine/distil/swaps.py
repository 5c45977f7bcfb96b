"""What an attack may make of the sentences, as token numbers: worked out once for every student of a code."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from rosearch_engine.attack.pieces import Text
from rosearch_engine.batching import Encoded
from rosearch_engine.ragged import Ragged

Tokens = Callable[[Sequence[str]], list[tuple[int, ...]]]
"""From words to the token numbers that a student reads for each."""


class SwapsOf(Protocol):
    """A lexicon, as `attack.lexicon.Lexicon`."""

    def words(self, text: Text) -> list[str]: ...

    def swaps(self, word: str) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class SwapTable:
    """The swaps of every word of some sentences.

    A *form* is a word as it is written, with what may stand in its place. Swaps that the student reads like the word
    itself are left out: they change nothing and teach nothing.

    However many the sentences, and however long, `options`, `tokens` and `candidates` grow with the distinct words and
    their swaps alone; `forms` and `places` have at most one number for each token that is read.

    Attributes:
        forms: of each sentence, the forms of its words that can be swapped, none of those that were cut off.
        options: of each form, its options: first the word itself, then its swaps.
        tokens: of each option, its token numbers.
        places: `(tokens,)` of each token of the sentences, the form that it is, -1 for none: of words of one token.
        candidates: of each form, the tokens that may stand in its place: of its swaps of one known token.
    """

    forms: Ragged
    options: Ragged
    tokens: Ragged
    places: np.ndarray
    candidates: Ragged

    @property
    def is_empty(self) -> bool:
        """Whether no word of any sentence can be swapped: then no adversary has anything to do."""
        return not len(self.forms.values)

    def placed(self, rows: np.ndarray, sentences: Encoded) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of every word of one token that may be swapped: its sentence among `rows`, its place in it, its form."""
        starts, lengths = sentences.starts[rows], sentences.lengths[rows]
        owners = np.repeat(np.arange(len(rows)), lengths)
        place = np.arange(len(owners)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        forms = self.places[starts[owners] + place]
        found = forms >= 0
        return owners[found], place[found], forms[found]


def tabulate(
    texts: Sequence[Text], encoded: Encoded, lexicons: Sequence[SwapsOf], tokens: Tokens, unknown: int
) -> SwapTable:
    """The swaps of the sentences' words.

    Args:
        encoded: the same sentences as the student reads them.
        lexicons: a word's swaps are those of all.
        tokens: see `Tokens`.
        unknown: number of the unknown token.
    """
    words = [lexicons[0].words(text) if lexicons else [] for text in texts]
    swaps = {
        word: tuple(dict.fromkeys(swap for lexicon in lexicons for swap in lexicon.swaps(word)))
        for word in dict.fromkeys(word for some in words for word in some)
    }
    everything = list(dict.fromkeys(part for word, others in swaps.items() for part in (word, *others)))
    read = dict(zip(everything, tokens(everything), strict=True))
    forms: dict[str, int] = {}
    options: list[list[tuple[int, ...]]] = []
    for word, others in swaps.items():
        own = read[word]
        different = [found for found in dict.fromkeys(read[other] for other in others) if found != own]
        if different:
            forms[word] = len(options)
            options.append([own, *different])
    places = np.full(len(encoded.ids), -1, dtype=np.int64)
    for number, some in enumerate(words):
        start, end = encoded.starts[number : number + 2]
        words[number] = some = _not_cut_off(some, encoded.ids[start:end], read)
        _place(some, encoded.ids[start:end], read, forms, places[start:end])
    counts = np.cumsum([0, *(len(some) for some in options)])
    return SwapTable(
        forms=Ragged([forms[word] for word in some if word in forms] for some in words),
        options=Ragged(range(first, last) for first, last in itertools.pairwise(counts.tolist())),
        tokens=Ragged(option for some in options for option in some),
        places=places,
        candidates=Ragged(_candidates(some, unknown) for some in options),
    )


def _not_cut_off(words: list[str], ids: np.ndarray, read: dict[str, tuple[int, ...]]) -> list[str]:
    """The words of a text that are read: of one too long for the model, those whose tokens are there."""
    if sum(len(read[word]) for word in words) <= len(ids):
        return words
    left, kept = Counter(ids.tolist()), []
    for word in words:
        own = Counter(read[word])
        if own and own <= left:
            left.subtract(own)
            kept.append(word)
    return kept


def _place(
    words: list[str],
    ids: np.ndarray,
    read: dict[str, tuple[int, ...]],
    forms: dict[str, int],
    places: np.ndarray,
) -> None:
    """Find the words of one token in their sentence, in their order."""
    begin = 0
    for word in words:
        own = read[word]
        if len(own) != 1:
            continue
        found = np.flatnonzero(ids[begin:] == own[0])
        if not len(found):
            continue
        begin += int(found[0]) + 1
        places[begin - 1] = forms.get(word, -1)


def _candidates(options: list[tuple[int, ...]], unknown: int) -> list[int]:
    if len(options[0]) != 1:
        return []
    return [option[0] for option in options[1:] if len(option) == 1 and option[0] != unknown]
