"""Exact robustness against single swaps: every one is asked about (protocol: no search, no score).

Predictions alone decide, so the figure is the same for raw and calibrated logits, and cannot be gained by
confidence. It bounds from above what is left under any attack over the same candidates.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from rosearch_engine.attack.result import Said, Swaps
from rosearch_engine.attack.task import ask
from rosearch_engine.attack.victim import softmax

# Texts asked about at a time: a long text has many thousand swaps.
AT_ONCE = 4_096


def all_swaps(attack: Any, example: Any, label: int, limit: int | None = None, two: bool = False) -> Swaps | None:
    """Ask about every text that one swap makes of a sentence; None if the sentence is wrong from the start.

    Runs within a task.

    Args:
        attack: a TextAttack `Attack`, for its transformation and constraints.
        example: the sentence, or an ordered mapping of a pair's columns.
        limit: ask about the first so many only.
        two: ask about every text that two swaps make, too; their number grows with the square of the length.
    """
    original = _attacked_text(example)
    if int(ask([original.tokenizer_input])[0].argmax()) != label:
        return None
    texts = dict.fromkeys(swap.tokenizer_input for swap in _reached(attack, original, two))
    texts.pop(original.tokenizer_input, None)
    asked = list(texts)[:limit]
    flips, worst, lowest = 0, None, np.inf
    for start in range(0, len(asked), AT_ONCE):
        logits = ask(asked[start : start + AT_ONCE])
        margins = margin(logits, label)
        flips += int((logits.argmax(axis=1) != label).sum())
        row = int(margins.argmin())
        if margins[row] < lowest:
            lowest = margins[row]
            chances = softmax(logits[row : row + 1].astype(np.float64))[0]
            worst = Said(asked[start + row], int(logits[row].argmax()), chances.tolist())
    return Swaps(len(asked), flips, worst)


def _reached(attack: Any, original: Any, two: bool) -> Iterator[Any]:
    for once in single_swaps(attack, original):
        yield once
        if two:
            yield from single_swaps(attack, original, once)


def single_swaps(attack: Any, original: Any, current: Any = None) -> Iterator[Any]:
    """Every candidate of the recipe that changes one word of `current` (else of the original), word by word."""
    current = original if current is None else current
    _, places = attack.get_indices_to_order(current)
    for place in sorted(map(int, places)):
        yield from attack.search_method.get_transformations(current, original_text=original, indices_to_modify=[place])


def margin(logits: np.ndarray, label: int) -> np.ndarray:
    """How far the class is ahead of the best other one, `(texts,)`, in units of the logits."""
    others = np.delete(logits, label, axis=1)
    return np.asarray(logits[:, label] - others.max(axis=1))


def _attacked_text(example: Any) -> Any:
    from textattack.shared import AttackedText  # here, since importing it takes long and `imports` makes it ready

    return AttackedText(example)
