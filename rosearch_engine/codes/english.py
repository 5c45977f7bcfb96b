"""Whether a text is English, as far as the program's own word lists can tell."""

from __future__ import annotations

from typing import NamedTuple

from rosearch_engine import resources
from rosearch_engine.codes.clusters import stop_words, synsets, words

# Of fewer words a name or a slip decides; in English about nine in ten are known, in German about three.
_FEWEST = 3
_SHARE = 0.5


class Known(NamedTuple):
    """How many of a text's words are English: WordNet's, or stop words.

    Attributes:
        words: all of them; numbers and signs are none.
    """

    known: int
    words: int

    @property
    def looks_english(self) -> bool:
        """No where no word is known, or of some words less than half."""
        if self.words < _FEWEST:
            return self.known > 0 or self.words == 0
        return self.known >= _SHARE * self.words


def known_words(text: str) -> Known | None:
    """Count the English words of a text; None where the word lists are not on this machine."""
    if not resources.is_ready("wordnet") or not resources.is_ready("stopwords"):
        return None
    found = [word for word in words(text) if not any(sign.isdigit() for sign in word)]
    known = sum(word in stop_words() or bool(synsets(word.removesuffix("'s"))) for word in found)
    return Known(known, len(found))
