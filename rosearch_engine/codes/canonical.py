"""Rewrites a text's words into canonical words. Travels with exported checkpoints: standard library only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_PART = r"[^\W_]+(?:['’][^\W_]+)*"
# As attacks see one: letters and digits, with apostrophes and hyphens inside ("don't", "first-class").
WORD = re.compile(rf"{_PART}(?:-{_PART})*")
# Special tokens are no words: an attack blanks one out by "[UNK]".
_PIECES = re.compile(rf"(\[[A-Z]+\]|</?[a-z]+>|{WORD.pattern})")

# Of one or two letters so little is left after an edit that the most frequent neighbour is rarely the word meant.
_SHORTEST_MISSPELT = 3
_REMEMBERED = 2**17


class Canonical:
    """A deterministic rule from texts to texts; applied to what it gives, it changes nothing more.

    First a misspelt word becomes a word of the lexicon that is one edit away (a letter put in, left out or replaced,
    or two neighbours swapped: Damerau 1964): the most frequent that lost a letter or had two swapped, or else the most
    frequent of all. Words of one or two letters and words with a digit have no spelling. Then a word that has a head,
    or is one, becomes the head in lower case. All else stays as it is.

    Args:
        heads: from a lower-case word to its canonical word.
        lexicon: known words in lower case, most frequent first; empty: no spelling rule. Words of `heads` are known
            too, but no misspelt word becomes one that is not in the lexicon.

    Raises:
        ValueError: if a head has another head, or a head or known word is not one lower-case word.
    """

    RULES = 1

    def __init__(self, heads: Mapping[str, str], lexicon: Iterable[str] = ()) -> None:
        self.heads = dict(heads)
        self.lexicon = list(lexicon)
        own = set(self.heads.values())
        for word in (*own, *self.lexicon):
            if word != word.lower() or not WORD.fullmatch(word) or "’" in word:
                raise ValueError(f"{word!r} is not one lower-case word")
        if chained := sorted(own & self.heads.keys()):
            raise ValueError(f"{chained[0]!r} is a head and has one")
        self._tied = own | self.heads.keys()
        self._known = self._tied.union(self.lexicon)
        self._misspelt: dict[str, tuple[int, ...]] | None = None
        self._memory = _Memory(self)

    def __call__(self, text: str) -> str:
        """The text in canonical words."""
        return "".join(map(self._memory.__getitem__, _PIECES.split(text)))

    def to_dict(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return {"rules": self.RULES, "heads": self.heads, "lexicon": self.lexicon}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Canonical:
        """What `to_dict` gave.

        Raises:
            ValueError: if it was made for other rules, or is no such thing.
        """
        if content.get("rules") != cls.RULES:
            raise ValueError(f"made for rules {content.get('rules')!r}, not {cls.RULES}")
        return cls(content["heads"], content["lexicon"])

    def __reduce__(self) -> tuple[type[Canonical], tuple[dict[str, str], list[str]]]:
        return Canonical, (self.heads, self.lexicon)

    def read(self, word: str) -> str:
        """The canonical word of one word."""
        key = word.lower().replace("’", "'")
        if key in self._tied:
            return self.heads.get(key, key)
        if not self.lexicon or key in self._known:
            return word
        spelt = self._nearest(key)
        if spelt is not None:
            return self.read(_in_case_of(word, spelt))
        # What no lexicon lists as a whole ("fsat-paced") is spelt part by part.
        parts = "-".join(map(self._spelt_part, word.split("-"))) if "-" in word else word
        return word if parts == word else self.read(parts)

    def _spelt_part(self, part: str) -> str:
        key = part.lower().replace("’", "'")
        spelt = None if key in self._known else self._nearest(key)
        return part if spelt is None or "-" in spelt else _in_case_of(part, spelt)

    def _nearest(self, word: str) -> str | None:
        """The likeliest word of the lexicon that is one edit away, if any.

        A word has few ways to lose a letter and many to be given another, so that of two words equally frequent the
        one that lost a letter is the likelier to be meant (the noisy channel, Kernighan et al. 1990).
        Symmetric deletion (Garbe 2012): words one edit apart meet where a letter is left out of one or both.
        """
        if len(word) < _SHORTEST_MISSPELT or any(map(str.isdigit, word)):
            return None
        if self._misspelt is None:
            self._misspelt = {}
            for rank, known in enumerate(self.lexicon):
                for shorter in {known, *_shorter(known)}:
                    self._misspelt[shorter] = (*self._misspelt.get(shorter, ()), rank)
        ranks = {rank for shorter in (word, *_shorter(word)) for rank in self._misspelt.get(shorter, ())}
        near = [self.lexicon[rank] for rank in sorted(ranks)]
        near = [known for known in near if _is_one_edit(word, known)]
        return next((known for known in near if _is_likely(word, known)), near[0] if near else None)


class _Memory(dict[str, str]):
    """The pieces of text read before: attacks ask for the same words again and again."""

    def __init__(self, rule: Canonical) -> None:
        super().__init__()
        self._rule = rule

    def __missing__(self, piece: str) -> str:
        if len(self) >= _REMEMBERED:
            self.clear()
        self[piece] = read = self._rule.read(piece) if WORD.fullmatch(piece) else piece
        return read


def _shorter(word: str) -> Iterator[str]:
    """The word with one letter left out, each in turn."""
    return (word[:i] + word[i + 1 :] for i in range(len(word)))


def _is_likely(word: str, known: str) -> bool:
    """Whether a known word one edit away lost a letter, or had two swapped, to become the word."""
    return len(known) > len(word) or (len(known) == len(word) and sorted(known) == sorted(word))


def _is_one_edit(one: str, other: str) -> bool:
    """Whether the restricted Damerau-Levenshtein distance of two words is 1."""
    if len(one) != len(other):
        short, long = sorted((one, other), key=len)
        return short in _shorter(long)
    places = [i for i, (a, b) in enumerate(zip(one, other, strict=True)) if a != b]
    if len(places) == 2:
        first, second = places
        return second == first + 1 and one[first] == other[second] and one[second] == other[first]
    return len(places) == 1


def _in_case_of(word: str, other: str) -> str:
    """The other word, with a capital if the word has one and the capital's small letter is the one it replaces."""
    capital = other[0].upper() + other[1:]
    return capital if word[0].isupper() and capital.lower() == other else other
