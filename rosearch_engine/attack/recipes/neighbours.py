"""Word swaps over a map from a word to its neighbours.

Importing this imports TextAttack, which `setup.textattack()` must have prepared.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from textattack.shared.utils import is_one_word
from textattack.transformations import WordSwap
from textattack.transformations.word_swaps.word_swap_embedding import recover_word_case

from rosearch_engine import resources


class NeighbourSwap(WordSwap):
    """Replaces a word by its neighbours in a resource, in the case of the word; the order is the resource's.

    Args:
        source: name of a resource with a `neighbours.json`.
        max_candidates: most neighbours of a word, the nearest first.
    """

    def __init__(self, source: str, max_candidates: int) -> None:
        super().__init__()
        self.source = source
        self.max_candidates = max_candidates
        file = resources.require(source) / "neighbours.json"
        self._near = _read(file, file.stat().st_mtime_ns)

    def _get_replacement_words(self, word: str) -> list[str]:
        near = self._near.get(word.lower(), ())[: self.max_candidates]
        # What TextAttack would not read as one word would shift all that follow.
        return list(dict.fromkeys(recover_word_case(other, word) for other in near if is_one_word(other)))

    def extra_repr_keys(self) -> list[str]:
        return ["source", "max_candidates"]


@lru_cache(maxsize=4)
def _read(file: Path, changed: int) -> dict[str, list[str]]:
    """The map, once a process for every attack, until the file changes."""
    found: dict[str, list[str]] = json.loads(file.read_text(encoding="utf-8"))
    return found
