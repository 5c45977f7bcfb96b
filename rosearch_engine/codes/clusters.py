"""Star clusters of synonyms: each word is tied to a more frequent one that an attack may swap it for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from rosearch_engine import resources
from rosearch_engine.codes.canonical import WORD
from rosearch_engine.errors import UserError


def require_wordnet(field: str) -> None:
    """Find WordNet, before `synonyms` is asked.

    Raises:
        UserError: naming the field, if it is not on this machine.
    """
    try:
        resources.require("wordnet")
    except UserError as error:
        raise UserError(field, error.problem, error.remedy) from None


def synonyms(word: str) -> list[str]:
    """What the attack PWWS may put in a word's place, sorted: all one-word lemmas of all its WordNet synsets.

    The word's own forms are found as NLTK finds them (Princeton's Morphy). `require_wordnet` first.
    """
    found = {name for synset in synsets(word) for name in synset.lemma_names()}
    return sorted(name for name in found if name != word and "_" not in name and _is_one_word(name))


def synsets(word: str) -> list[Any]:
    """WordNet's entries of a word in any of its forms; none of a word that it does not know. As `synonyms`."""
    found: list[Any] = _wordnet().synsets(word)
    return found


@cache
def stop_words() -> frozenset[str]:
    """NLTK's English stop words, in lower case."""
    _find_nltk_data()
    from nltk.corpus import stopwords

    return frozenset(stopwords.words("english"))


def word_counts(texts: Iterable[str]) -> Counter[str]:
    """How often each word, in lower case, occurs in the texts."""
    return Counter(word for text in texts for word in words(text))


def words(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return WORD.findall(text.lower().replace("’", "'"))


def synonym_heads(counts: Mapping[str, int]) -> dict[str, str]:
    """The head of every word that has another one as head: of the words counted and all their synonyms.

    Star clusters: by falling count, in doubt by the alphabet, each word joins its most frequent neighbour that is a
    head, or becomes a head. Neighbours: the attack may swap one for the other.

    Args:
        counts: lower-case words and how often they occur.
    """
    near = _neighbours(counts)
    heads: dict[str, str] = {}
    is_head: set[str] = set()
    for word in sorted(near, key=lambda word: _rank(word, counts)):
        free = (other for other in near[word] if other in is_head)
        head = min(free, key=lambda other: _rank(other, counts), default=None)
        if head is None:
            is_head.add(word)
        else:
            heads[word] = head
    return heads


def _neighbours(counts: Mapping[str, int]) -> dict[str, set[str]]:
    """Of every word counted, and of all synonyms of these, the words that an attack may swap it for or make of it."""
    near: dict[str, set[str]] = {word: set() for word in counts}
    todo = list(counts)
    for word in todo:
        for other in _tied_names(word):
            near.setdefault(other, set())
    for word in near:
        for other in _tied_names(word):
            if other in near:
                near[word].add(other)
                near[other].add(word)
    return near


@cache
def _tied_names(word: str) -> tuple[str, ...]:
    names = {name.lower() for name in synonyms(word)} - {word}
    return tuple(sorted(name for name in names if WORD.fullmatch(name)))


def _rank(word: str, counts: Mapping[str, int]) -> tuple[int, str]:
    return -counts.get(word, 0), word


def _is_one_word(name: str) -> bool:
    """As TextAttack takes it: other characters than these part words, and at a word's ends these fall away."""
    return sum(bool(part.strip("'-_*@")) for part in re.split(r"[^\w'*@-]+", name)) == 1


@cache
def _wordnet() -> Any:
    _find_nltk_data()
    from nltk.corpus import wordnet

    wordnet.ensure_loaded()
    return wordnet


def _find_nltk_data() -> None:
    import nltk

    folder = str(resources.nltk_data())
    if folder not in nltk.data.path:
        nltk.data.path.insert(0, folder)
