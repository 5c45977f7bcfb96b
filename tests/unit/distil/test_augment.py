"""Copies with other words of the data."""

from __future__ import annotations

import numpy as np
import pytest

from rosearch_engine.data import Split
from rosearch_engine.distil.augment import WORD, swapped

TEXTS = ("A good film, isn't it?", "The plot is bad; the cast is good.", "42!")


def split(texts: tuple[str, ...] = TEXTS, pairs: tuple[str, ...] | None = None) -> Split:
    return Split(np.arange(len(texts)), texts, pairs, np.zeros(len(texts), dtype=np.int64))


def test_only_words_change_and_only_for_words_of_the_data() -> None:
    words = {word for text in TEXTS for word in WORD.findall(text)}
    for seed in range(50):
        copy = swapped(split(), 1.0, np.random.default_rng(seed))
        for before, after in zip(TEXTS, copy.texts, strict=True):
            assert WORD.sub("_", before) == WORD.sub("_", after)
            assert set(WORD.findall(after)) <= words
        assert (copy.labels == 0).all()


def test_equal_dice_give_equal_copies_and_pairs_are_swapped_too() -> None:
    one, again = (swapped(split(pairs=TEXTS), 0.9, np.random.default_rng(3)) for _ in range(2))
    assert one.texts == again.texts
    assert one.pairs == again.pairs != TEXTS


def test_the_share_of_swapped_words_is_drawn_evenly() -> None:
    many = split((*(("good " * 200,) * 400), "bad " * 40_000))
    copy = swapped(many, 0.8, np.random.default_rng(0))
    # Every third word of the data or so is "bad": what was swapped shows in two of three.
    bad = 40_000 / (40_000 + 400 * 200)
    shares = np.array([text.count("bad") / 200 / bad for text in copy.texts[:-1]])
    assert shares.mean() == pytest.approx(0.4, abs=0.03)
    assert np.percentile(shares, 25) == pytest.approx(0.2, abs=0.06)


def test_words_are_found_as_a_reader_finds_them() -> None:
    assert WORD.findall("isn't it well-made, 42x?") == ["isn't", "it", "well-made", "x"]
