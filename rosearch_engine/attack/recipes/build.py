"""From a recipe's name and constraint level to a TextAttack `Attack`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from rosearch_engine import resources
from rosearch_engine.attack.imports import no_downloads, textattack
from rosearch_engine.attack.recipes.catalogue import Recipe
from rosearch_engine.attack.task import Question
from rosearch_engine.config import Level


def build(recipe: Recipe, level: Level, model_wrapper: Any) -> Any:
    """A new attack, after making ready what it needs; see `assemble`.

    Raises:
        UserError: if a resource that the recipe needs at that level is missing.
    """
    make_ready(recipe, level)
    return assemble(recipe, level, model_wrapper)


def make_ready(recipe: Recipe, level: Level) -> None:
    """Import TextAttack and find what the recipe needs.

    Raises:
        UserError: if a resource that the recipe needs at that level is missing.
    """
    for need in recipe.needs_at(level):
        resources.require(need)
    textattack()


@lru_cache(maxsize=64)
def describe(recipe: Recipe, level: Level) -> dict[str, Any]:
    """Transformation, constraints and search method of a recipe with their settings, as TextAttack prints them."""
    make_ready(recipe, level)
    attack = assemble(recipe, level, Question())
    constraints = sorted(repr(one) for one in [*attack.pre_transformation_constraints, *attack.constraints])
    parts = {"transformation": repr(attack.transformation), "search": repr(attack.search_method)}
    return {name: " ".join(text.split()) for name, text in parts.items()} | {
        "constraints": [" ".join(text.split()) for text in constraints]
    }


def assemble(recipe: Recipe, level: Level, model_wrapper: Any) -> Any:
    """A new attack: TextAttack's own recipe, or ours of TextAttack's parts; at the strict level with its constraints.

    Candidates come in a fixed order, that of their texts: `Attack.filter_transformations` sorts them, so the order
    in which a lexicon names synonyms (WordSwapWordNet's come out of a set) never reaches the search.

    Args:
        model_wrapper: what TextAttack takes for the model: called with texts, it returns `(texts, classes)`
            probabilities.
    """
    from textattack import attack_recipes

    from rosearch_engine.attack.recipes import ours, shaped

    with no_downloads():
        if recipe.factory:
            attack = getattr(attack_recipes, recipe.factory).build(model_wrapper)
        else:
            attack = (shaped.BUILDERS | ours.BUILDERS)[recipe.name](model_wrapper)
        if level == "strict":
            shaped.tighten(attack, recipe.kind_of_edit)
    return attack
