"""Attacks of the published shapes with a neighbour source and a sentence encoder that can be had, and the strict level.

The shapes are those of TextAttack's classes, value for value. Instead of counter-fitted vectors: a map of their
neighbours (Jia et al. 2019), PPDB's synonyms, or neighbours worked out from vectors of the user; their cosine of at
least 0.5 is in the map, so no constraint on it is left. Instead of the Universal Sentence Encoder: MiniLM, under
the same threshold, which on another encoder is another strictness.

Importing this imports TextAttack, which `setup.textattack()` must have prepared.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any

from textattack import Attack
from textattack.attack_recipes import TextFoolerJin2019
from textattack.constraints.grammaticality import PartOfSpeech
from textattack.constraints.overlap import MaxWordsPerturbed
from textattack.constraints.pre_transformation import (
    InputColumnModification,
    RepeatModification,
    StopwordModification,
)
from textattack.goal_functions import UntargetedClassification
from textattack.search_methods import GreedyWordSwapWIR, ImprovedGeneticAlgorithm
from textattack.transformations import (
    CompositeTransformation,
    WordSwapHomoglyphSwap,
    WordSwapNeighboringCharacterSwap,
    WordSwapRandomCharacterDeletion,
    WordSwapRandomCharacterInsertion,
)

from rosearch_engine.attack.recipes.catalogue import KindOfEdit
from rosearch_engine.attack.recipes.encoder import MiniLMEncoder, SameMeaning
from rosearch_engine.attack.recipes.neighbours import NeighbourSwap

# Morris et al. 2020 ("Reevaluating Adversarial Examples in Natural Language") raise the thresholds until people
# find the meaning kept: 0.98 on the Universal Sentence Encoder, 0.9 on counter-fitted words. Those figures belong
# to their encoder. MiniLM spreads sentences otherwise, and this threshold is ours.
STRICT_COSINE = 0.9


def textfooler(model_wrapper: Any, source: str) -> Attack:
    """TextFooler's shape (Jin et al. 2020): greedy by word importance, over at most 50 neighbours a word."""
    constraints = [
        RepeatModification(),
        StopwordModification(stopwords=_textfooler_stop_words()),
        InputColumnModification(["premise", "hypothesis"], {"premise"}),
        PartOfSpeech(allow_verb_noun_swap=True),
        MiniLMEncoder(
            threshold=0.840845057,
            metric="angular",
            compare_against_original=False,
            window_size=15,
            skip_text_shorter_than_window=True,
        ),
    ]
    swap = NeighbourSwap(source, max_candidates=50)
    return Attack(UntargetedClassification(model_wrapper), constraints, swap, GreedyWordSwapWIR(wir_method="delete"))


def iga(model_wrapper: Any, source: str) -> Attack:
    """IGA's shape (Wang et al. 2021): an improved genetic algorithm in at most a fifth of the words."""
    constraints = [StopwordModification(), MaxWordsPerturbed(max_percent=0.2)]
    search = ImprovedGeneticAlgorithm(
        pop_size=60, max_iters=20, max_replace_times_per_index=5, post_crossover_check=False
    )
    swap = NeighbourSwap(source, max_candidates=50)
    return Attack(UntargetedClassification(model_wrapper), constraints, swap, search)


def textbugger(model_wrapper: Any, source: str) -> Attack:
    """TextBugger's shape (Li et al. 2019): four kinds of misspelling and the 5 nearest neighbours."""
    inner = {"random_one": True, "skip_first_char": True, "skip_last_char": True}
    bugs = [
        WordSwapRandomCharacterInsertion(letters_to_insert=" ", **inner),
        WordSwapRandomCharacterDeletion(**inner),
        WordSwapNeighboringCharacterSwap(**inner),
        _LookAlikes(),
        NeighbourSwap(source, max_candidates=5),
    ]
    constraints = [RepeatModification(), StopwordModification(), MiniLMEncoder(threshold=0.8, metric="angular")]
    goal, search = UntargetedClassification(model_wrapper), GreedyWordSwapWIR(wir_method="delete")
    return Attack(goal, constraints, CompositeTransformation(bugs), search)


BUILDERS: dict[str, Callable[[Any], Attack]] = {
    "textfooler-map-minilm": partial(textfooler, source="counter-fitted"),
    "textfooler-ppdb-minilm": partial(textfooler, source="ppdb"),
    "textfooler-vectors-minilm": partial(textfooler, source="counter-fitted-vectors"),
    "iga-map": partial(iga, source="counter-fitted"),
    "textbugger-map-minilm": partial(textbugger, source="counter-fitted"),
}


def tighten(attack: Attack, kind_of_edit: KindOfEdit) -> None:
    """Add the strict level's constraints: no verb for a noun where words are swapped, and the meaning of every
    sentence within STRICT_COSINE of the original.

    A misspelt word has no part of speech of its own, so recipes that misspell are held by the meaning alone.
    """
    if kind_of_edit == "words":
        taggers = [constraint for constraint in attack.constraints if isinstance(constraint, PartOfSpeech)]
        for tagger in taggers:
            tagger.allow_verb_noun_swap = False
        if not taggers:
            attack.constraints.append(PartOfSpeech(allow_verb_noun_swap=False))
    attack.constraints.append(SameMeaning(STRICT_COSINE))
    # As published, a child of two texts that both pass is not looked at again; here it must pass too.
    if isinstance(attack.search_method, ImprovedGeneticAlgorithm):
        attack.search_method.post_crossover_check = True


class _LookAlikes(WordSwapHomoglyphSwap):
    """TextAttack's swap of a letter for one that looks like it.

    Its last step reads a list that only differential evolution uses, and that TextAttack 0.3.11 comes without.
    """

    def __init__(self) -> None:
        with suppress(FileNotFoundError):
            super().__init__()


@lru_cache(maxsize=1)
def _textfooler_stop_words() -> frozenset[str]:
    """TextFooler's own list, which TextAttack keeps inside the function that builds its recipe."""
    source = ast.parse(textwrap.dedent(inspect.getsource(TextFoolerJin2019.build)))
    lists = [node for node in ast.walk(source) if isinstance(node, ast.List)]
    return frozenset(ast.literal_eval(max(lists, key=lambda node: len(node.elts))))
