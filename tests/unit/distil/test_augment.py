"""Copies with other words of the data in place of their own."""

from __future__ import annotations

import numpy as np
import pytest

from rosearch_engine.data import Split
from rosearch_engine.distil.augment import WORD, swapped

TEXTS = ("A good film, isn't it?", "The plot is bad; the cast is good.", "42!")


def split(texts: tuple[str, ...] = TEXTS, pairs: tuple[str, ...] | None = None) -> Split:
    return Split(np.arange(len(texts)), texts, pairs, np.zeros(len(texts), dtype=np.int64))


def test_only_words_change_and_only_to_words_of_the_data() -> None:
    known = {word for text in TEXTS for word in WORD.findall(text)}
    copies = [swapped(split(), 1.0, np.random.default_rng(seed)) for seed in range(50)]
    for copy in copies:
        assert {word for text in copy.texts for word in WORD.findall(text)} <= known
        for before, after in zip(TEXTS, copy.texts, strict=True):
            assert WORD.sub("", before) == WORD.sub("", after)
    assert any(copy.texts[1] != TEXTS[1] for copy in copies)


def test_equal_dice_give_equal_copies_and_pairs_are_swapped_too() -> None:
    one, again = (swapped(split(pairs=TEXTS), 0.9, np.random.default_rng(3)) for _ in range(2))
    assert (one.texts, one.pairs) == (again.texts, again.pairs)
    assert one.pairs not in (None, TEXTS)


def test_the_share_of_swapped_words_is_drawn_evenly() -> None:
    other = ["fine", "film", "plot", "cast", "tone", "idea", "mood", "tale"]
    many = split((" ".join(other * 25),) * 400)
    copy = swapped(many, 0.8, np.random.default_rng(0))
    pairs = [zip(a.split(), b.split(), strict=True) for a, b in zip(many.texts, copy.texts, strict=True)]
    # One draw in eight is the word that stood there.
    shares = np.array([np.mean([a != b for a, b in pair]) for pair in pairs]) * 8 / 7
    assert shares.mean() == pytest.approx(0.4, abs=0.03)
    assert np.percentile(shares, 25) == pytest.approx(0.2, abs=0.05)
    assert shares.max() < 0.95


def test_new_words_come_as_often_as_they_occur() -> None:
    copy = swapped(split(("good good good film",) * 500), 1.0, np.random.default_rng(0))
    words = [word for text in copy.texts for word in text.split()]
    assert words.count("good") / len(words) == pytest.approx(0.75, abs=0.04)


def test_words_are_found_as_a_reader_finds_them() -> None:
    assert WORD.findall("isn't it well-made, 42x?") == ["isn't", "it", "well-made", "x"]
