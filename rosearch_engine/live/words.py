"""A sentence word by word: what each word weighs, and what an attack may put in its place."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TypedDict

from rosearch_engine.attack.diff import flat
from rosearch_engine.attack.lexicon import Lexicon
from rosearch_engine.attack.pieces import Text
from rosearch_engine.attack.victim import Victim
from rosearch_engine.codes.english import known_words

# Substitutes of a word that are told: some words have a hundred.
MOST_SWAPS = 40


class Weight(TypedDict):
    """How far the probability of the label falls without a word; below 0 where the word speaks against the label.

    `index` is its place among the sentence's words as spaces part them; the bar of a pair counts.
    """

    index: int
    word: str
    score: float


class Option(TypedDict):
    """What an attack may put in a word's place, sorted; `index` as in `Weight`."""

    index: int
    word: str
    swaps: list[str]


class English(TypedDict):
    """How many words are English, and whether that is enough to call the text so."""

    known: int
    words: int
    looks_english: bool


class About(TypedDict):
    """What is known of a sentence before it is attacked. None where a recipe or this machine cannot tell.

    `length` counts the words as the attack parts them.
    """

    importance: list[Weight]
    options: list[Option] | None
    length: int | None
    english: English | None


def about(victim: Victim, text: Text, label: int, sure: float, lexicon: Lexicon | None) -> About:
    """Ask the model about a sentence without each of its words, and the recipe what it may swap.

    Args:
        label: the class whose probability is looked at.
        sure: that probability for the whole sentence.
        lexicon: the recipe's; None where its swaps depend on more than the word.
    """
    known = known_words(flat(text))
    return {
        "importance": importance(victim, text, label, sure),
        "options": options(lexicon, text) if lexicon else None,
        "length": len(lexicon.words(text)) if lexicon else None,
        "english": known and {"known": known.known, "words": known.words, "looks_english": known.looks_english},
    }


def importance(victim: Victim, text: Text, label: int, sure: float) -> list[Weight]:
    """The weight of every word, stop words too; see `about`."""
    shorter = _each_left_out(text)
    chances = victim.probabilities([short for _, _, short in shorter])[:, label] if shorter else ()
    return [
        {"index": index, "word": word, "score": sure - float(chance)}
        for (index, word, _), chance in zip(shorter, chances, strict=True)
    ]


def options(lexicon: Lexicon, text: Text) -> list[Option]:
    """The words that can be swapped, in their order, each with its first `MOST_SWAPS` substitutes."""
    whole = flat(text)
    starts = [found.start() for found in re.finditer(r"\S+", whole)]
    begin, found = 0, list[Option]()
    for word in lexicon.words(text):
        place = whole.find(word, begin)
        if place < 0:
            continue
        begin = place + len(word)
        if swaps := lexicon.swaps(word):
            found.append({"index": bisect_right(starts, place) - 1, "word": word, "swaps": list(swaps[:MOST_SWAPS])})
    return found


def _each_left_out(text: Text) -> list[tuple[int, str, Text]]:
    """Of every word: its place, the word, the text without it. A sentence's only word leaves it empty."""
    parts = (text,) if isinstance(text, str) else text
    rows: list[tuple[int, str, Text]] = []
    before = 0
    for number, part in enumerate(parts):
        words = part.split()
        for place, word in enumerate(words):
            short = " ".join(words[:place] + words[place + 1 :])
            rows.append(
                (before + place, word, short)
                if isinstance(text, str)
                else (before + place, word, (*parts[:number], short, *parts[number + 1 :]))
            )
        before += len(words) + 1  # the bar between the sentences of a pair
    return rows
