"""Copies of sentences with some words swapped for others of the data: more text for the teacher to label."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from rosearch_engine.data import Split

# A word as an attack sees it: letters, with apostrophes and hyphens inside.
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


def swapped(split: Split, most: float, rng: np.random.Generator) -> Split:
    """A copy of every sentence, each with a share of its words swapped that is drawn evenly from 0 to `most`.

    The new words are drawn from those of all sentences, as often as they occur there (Tang et al. 2019, "Distilling
    task-specific knowledge from BERT", swap for words of like kind). A copy means something else than its
    sentence: only what the teacher says of the copy itself is true.
    """
    everything = [word for text in split.texts for word in WORD.findall(text)]

    def copy(text: str) -> str:
        share = most * rng.random()

        def swap(match: re.Match[str]) -> str:
            return everything[int(rng.integers(len(everything)))] if rng.random() < share else match[0]

        return WORD.sub(swap, text)

    pairs = None if split.pairs is None else tuple(map(copy, split.pairs))
    return replace(split, texts=tuple(map(copy, split.texts)), pairs=pairs)
