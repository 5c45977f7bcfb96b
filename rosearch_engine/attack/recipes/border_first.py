"""A search that spends its queries on the class border: it skips what the victim reads alike and keeps several ways.

Importing this imports TextAttack, which `setup.textattack()` must have prepared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from textattack.goal_function_results import GoalFunctionResultStatus
from textattack.search_methods import SearchMethod
from textattack.shared.validators import transformation_consists_of_word_swaps_and_deletions


class BorderFirst(SearchMethod):
    """Beam search over words, the one whose best single swap comes nearest to the border first.

    A candidate that the victim reads like a text known already is not asked about. To read is not to ask: it tells
    what the tokenizer and the input code make of a text, nothing of what the model thinks, and is no query. A model
    wrapper without `read` is taken to tell all texts apart.

    Args:
        beam_width: texts that are kept after each word.
    """

    def __init__(self, beam_width: int = 5) -> None:
        self.beam_width = beam_width

    def perform_search(self, initial_result: Any) -> Any:
        """Ask about all single swaps, then combine them word by word until a whole pass changes nothing."""
        original = initial_result.attacked_text
        _, places = self.get_indices_to_order(original)
        known = dict(zip(self._read([original]), [initial_result], strict=True))
        at_place = {place: self._swaps([original], original, place) for place in sorted(map(int, places))}
        keys, over = self._ask([text for texts in at_place.values() for text in texts], known)
        best = min((known[key] for key in keys if key in known), key=_margin, default=initial_result)
        if over or _succeeded(best):
            return _first(best, initial_result)
        nearest = {place: self._nearest(texts, known) for place, texts in at_place.items() if texts}
        order = sorted(nearest, key=lambda place: (nearest[place], place))
        beam, before = [initial_result], None
        while beam != before:
            before = beam
            for place in order:
                texts = self._swaps([one.attacked_text for one in beam], original, place)
                keys, over = self._ask(texts, known)
                found = {id(one): one for one in [*beam, *(known[key] for key in keys if key in known)]}
                beam = sorted(found.values(), key=_margin)[: self.beam_width]
                if over or _succeeded(beam[0]):
                    return beam[0]
        return beam[0]

    def _swaps(self, texts: Sequence[Any], original: Any, place: int) -> list[Any]:
        """Every candidate that changes this word of one of the texts."""
        return [
            swap
            for text in texts
            for swap in self.get_transformations(text, original_text=original, indices_to_modify=[place])
        ]

    def _ask(self, texts: Sequence[Any], known: dict[Any, Any]) -> tuple[list[Any], bool]:
        """Ask about those that read like nothing known; returns their readings, and whether the budget is used."""
        keys = self._read(texts)
        new: dict[Any, Any] = {}
        for key, text in zip(keys, texts, strict=True):
            if key not in known:
                new.setdefault(key, text)
        results, over = self.get_goal_results(list(new.values())) if new else ([], False)
        # The budget may cut the answers short.
        known.update(zip(new, results, strict=False))
        return list(dict.fromkeys(keys)), over

    def _read(self, texts: Sequence[Any]) -> list[Any]:
        inputs = [text.tokenizer_input for text in texts]
        read = getattr(self.goal_function.model, "read", None)
        return read(inputs) if read and inputs else inputs

    def _nearest(self, texts: Sequence[Any], known: dict[Any, Any]) -> float:
        return min(_margin(known[key]) for key in self._read(texts))

    def check_transformation_compatibility(self, transformation: Any) -> bool:
        """Words keep their places, so only word for word."""
        return bool(transformation_consists_of_word_swaps_and_deletions(transformation))

    @property
    def is_black_box(self) -> bool:
        """Whether it needs no gradients."""
        return True

    def extra_repr_keys(self) -> list[str]:
        return ["beam_width"]


def _margin(result: Any) -> float:
    """How far the true class is ahead of the best other, in log-odds: it does not saturate where the class is sure."""
    logs = torch.as_tensor(result.raw_output).double().clamp_min(torch.finfo(torch.float64).tiny).log()
    label = result.ground_truth_output
    others = torch.cat([logs[:label], logs[label + 1 :]])
    return float(logs[label] - others.max())


def _succeeded(result: Any) -> bool:
    return bool(result.goal_status == GoalFunctionResultStatus.SUCCEEDED)


def _first(best: Any, initial: Any) -> Any:
    return best if _margin(best) < _margin(initial) else initial
