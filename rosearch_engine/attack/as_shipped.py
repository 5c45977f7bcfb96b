"""The same recipes run as TextAttack ships them: its `Attacker`, its `HuggingFaceModelWrapper`, one text after another.

What `Attacker` of this package is measured against, in outcomes and in time.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rosearch_engine.attack.imports import textattack
from rosearch_engine.attack.recipes.build import build
from rosearch_engine.attack.recipes.catalogue import Recipe
from rosearch_engine.attack.result import Result, Said, Target
from rosearch_engine.config import Level
from rosearch_engine.store.rows import Outcome

_OUTCOMES: dict[str, Outcome] = {
    "SuccessfulAttackResult": "fooled",
    "FailedAttackResult": "held",
    "SkippedAttackResult": "already wrong",
}


def attack_as_shipped(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    recipe: Recipe,
    level: Level,
    targets: Sequence[Target],
    query_budget: int,
    seed: int,
) -> list[Result]:
    """Attack every target with TextAttack's own runner and wrapper, which pads to the tokenizer's `model_max_length`.

    A recipe that draws random numbers is given the seed of each sentence, as `Attacker` gives it.
    """
    library = textattack()
    wrapper = library.models.wrappers.HuggingFaceModelWrapper(model, tokenizer)
    attack = build(recipe, level, wrapper)
    rows = [(target.text, target.label) for target in targets]
    kept = random.getstate(), np.random.get_state(), torch.get_rng_state()
    if recipe.random:
        runs = [([row], target.seed(seed)) for row, target in zip(rows, targets, strict=True)]
    else:
        runs = [(rows, seed)]
    found: list[Any] = []
    for some, dice in runs:
        settings = library.AttackArgs(
            num_examples=len(some),
            query_budget=query_budget,
            random_seed=dice % 2**32,
            disable_stdout=True,
            silent=True,
        )
        dataset = library.datasets.Dataset(some, input_columns=_columns(targets[0]))
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            found += library.Attacker(attack, dataset, settings).attack_dataset()
    random.setstate(kept[0])
    np.random.set_state(kept[1])
    torch.set_rng_state(kept[2])
    return [_result(target, one, query_budget) for target, one in zip(targets, found, strict=True)]


def _columns(target: Target) -> list[str]:
    return ["text"] if isinstance(target.text, str) else list(target.columns)


def _result(target: Target, found: Any, query_budget: int) -> Result:
    outcome = _OUTCOMES[type(found).__name__]
    before, after = Said.of(found.original_result), Said.of(found.perturbed_result)
    queries = found.perturbed_result.num_queries
    if outcome == "already wrong":
        after = before
    elif outcome == "held" and queries >= query_budget:
        outcome = "budget used"
    return Result(target, outcome, before, after, queries)
