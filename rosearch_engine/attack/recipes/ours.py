"""Attacks of our own: other searches, lexicons, edits and guides over TextAttack's parts.

Importing this imports TextAttack, which `setup.textattack()` must have prepared.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import torch
from textattack import Attack
from textattack.attack_recipes import DeepWordBugGao2018, PWWSRen2019
from textattack.goal_function_results import ClassificationGoalFunctionResult
from textattack.goal_functions import UntargetedClassification
from textattack.transformations import CompositeTransformation, WordSwap
from textattack.transformations.word_swaps.word_swap_embedding import recover_word_case

from rosearch_engine.attack.recipes.border_first import BorderFirst
from rosearch_engine.attack.recipes.neighbours import NeighbourSwap


def border_first(model_wrapper: Any) -> Attack:
    """PWWS's transformation and constraints under the border-first beam search."""
    pwws = PWWSRen2019.build(model_wrapper)
    return Attack(pwws.goal_function, _constraints(pwws), pwws.transformation, BorderFirst())


def pwws_over(model_wrapper: Any, source: str) -> Attack:
    """PWWS's search and constraints over another lexicon."""
    pwws = PWWSRen2019.build(model_wrapper)
    swap = NeighbourSwap(source, max_candidates=50)
    return Attack(pwws.goal_function, _constraints(pwws), swap, pwws.search_method)


def pwws_guided(model_wrapper: Any) -> Attack:
    """PWWS whose search sees the margin of a part of the student, while its final word decides."""
    pwws = PWWSRen2019.build(model_wrapper)
    return Attack(Guided(model_wrapper), _constraints(pwws), pwws.transformation, pwws.search_method)


def deepwordbug_two(model_wrapper: Any) -> Attack:
    """DeepWordBug with one or two edits a word, and edits that give another known word."""
    bug = DeepWordBugGao2018.build(model_wrapper)
    edits = bug.transformation.transformations
    swap = CompositeTransformation([*edits, TwoEdits(edits), KnownWords()])
    return Attack(bug.goal_function, _constraints(bug), swap, bug.search_method)


BUILDERS: dict[str, Callable[[Any], Attack]] = {
    "border-first": border_first,
    "deepwordbug-two": deepwordbug_two,
    "pwws-counter-fitted": partial(pwws_over, source="counter-fitted"),
    "pwws-ppdb": partial(pwws_over, source="ppdb"),
    "pwws-by-ledger": pwws_guided,
    "pwws-by-context": pwws_guided,
}


class TwoEdits(WordSwap):
    """Every two of some edits one after the other.

    Args:
        edits: word swaps that edit a word's characters.
    """

    def __init__(self, edits: list[WordSwap]) -> None:
        super().__init__()
        self.edits = edits

    def _get_replacement_words(self, word: str) -> list[str]:
        once = [new for edit in self.edits for new in edit._get_replacement_words(word)]
        twice = [new for half in once for edit in self.edits for new in edit._get_replacement_words(half)]
        return [new for new in dict.fromkeys(twice) if new and new != word]

    @property
    def deterministic(self) -> bool:
        """Whether the same word has the same candidates each time."""
        return all(edit.deterministic for edit in self.edits)


class KnownWords(WordSwap):
    """The words of WordNet that one edit makes of a word: "god" of "good". A typo mender leaves them as they are."""

    def _get_replacement_words(self, word: str) -> list[str]:
        lower = word.lower()
        cuts = [(lower[:at], lower[at:]) for at in range(len(lower) + 1)]
        edited = [left + right[1:] for left, right in cuts if right]
        edited += [left + right[1] + right[0] + right[2:] for left, right in cuts if len(right) > 1]
        edited += [left + letter + right[1:] for left, right in cuts if right for letter in string.ascii_lowercase]
        edited += [left + letter + right for left, right in cuts for letter in string.ascii_lowercase]
        known = _known_words()
        return [recover_word_case(new, word) for new in dict.fromkeys(edited) if new in known and new != lower]


class Guided(UntargetedClassification):
    """Success by the final scores, the search's score by those of a guide.

    The model gives `(texts, 2, classes)`: the final scores (probabilities or logits), and the guide's logits.
    """

    def _process_model_outputs(self, inputs: Any, scores: Any) -> torch.Tensor:
        final = super()._process_model_outputs(inputs, scores[:, 0])
        return torch.stack([final, scores[:, 1].to(final.dtype)], dim=1)

    def _is_goal_complete(self, model_output: torch.Tensor, text: Any) -> bool:
        return bool(super()._is_goal_complete(model_output[0], text))

    def _get_score(self, model_output: torch.Tensor, _: Any) -> float:
        """The odds share of the best other class against the true one: of two classes, its probability."""
        guide, label = model_output[1].double(), self.ground_truth_output
        others = torch.cat([guide[:label], guide[label + 1 :]])
        return float(torch.sigmoid(others.max() - guide[label]))

    def _get_displayed_output(self, raw_output: torch.Tensor) -> int:
        return int(super()._get_displayed_output(raw_output[0]))

    def _goal_function_result_type(self) -> Callable[..., ClassificationGoalFunctionResult]:
        return _with_final_scores


def _with_final_scores(text: Any, raw_output: torch.Tensor, *others: Any) -> ClassificationGoalFunctionResult:
    return ClassificationGoalFunctionResult(text, raw_output[0], *others)


def _constraints(attack: Attack) -> list[Any]:
    return [*attack.pre_transformation_constraints, *attack.constraints]


@lru_cache(maxsize=1)
def _known_words() -> frozenset[str]:
    from nltk.corpus import wordnet

    return frozenset(word for word in wordnet.all_lemma_names() if word.isascii() and word.isalpha())
