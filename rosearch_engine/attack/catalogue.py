"""The attack recipes by name, and what each needs; read without importing TextAttack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rosearch_engine import resources
from rosearch_engine.errors import UserError


@dataclass(frozen=True)
class Recipe:
    """One of TextAttack's recipes.

    Attributes:
        factory: name of its class in `textattack.attack_recipes`.
        needs: resources that must be on this machine.
        random: whether it draws random numbers; each sentence then has a seed of its own.
    """

    name: str
    title: str
    kind: str
    factory: str
    needs: tuple[str, ...]
    random: bool
    source: str


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "pwws",
            "PWWS",
            "swaps words for WordNet synonyms, most salient first",
            "PWWSRen2019",
            ("stopwords", "wordnet"),
            False,
            "Ren et al. 2019, ACL",
        ),
        Recipe(
            "deepwordbug",
            "DeepWordBug",
            "swaps, drops, inserts and replaces characters",
            "DeepWordBugGao2018",
            ("stopwords",),
            True,
            "Gao et al. 2018, DLS",
        ),
        Recipe(
            "pruthi",
            "Pruthi's typos",
            "one keyboard-like typo in one word",
            "Pruthi2019",
            ("stopwords",),
            True,
            "Pruthi et al. 2019, ACL",
        ),
        Recipe(
            "leap",
            "LEAP",
            "particle swarm over WordNet synonyms; slow",
            "LEAP2023",
            ("stopwords", "wordnet"),
            True,
            "Ge et al. 2023",
        ),
    )
}

AUTO, DEFAULT, FALLBACK = "auto", "pwws", "deepwordbug"


def recipes() -> list[dict[str, Any]]:
    """Every recipe with `ready`, what is `missing`, and the command that brings it as `note`."""
    known = {status.name: status for status in resources.status()}
    rows = []
    for recipe in RECIPES.values():
        missing = [name for name in recipe.needs if not known[name].ready]
        rows.append(
            {
                "name": recipe.name,
                "title": recipe.title,
                "kind": recipe.kind,
                "source": recipe.source,
                "ready": not missing,
                "missing": missing,
                "note": f"python -m rosearch_engine fetch {' '.join(missing)}" if missing else "",
            }
        )
    return rows


def ready_recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        UserError: if it is not known, or a resource that it needs is missing.
    """
    if name not in RECIPES:
        raise UserError("attack.recipe", f"'{name}' is not a recipe.", f"Choose one of: {', '.join(RECIPES)}.")
    recipe = RECIPES[name]
    missing = [need for need in recipe.needs if not resources.is_ready(need)]
    if missing:
        also = f", or attack with {FALLBACK}" if name != FALLBACK and resources.is_ready("stopwords") else ""
        raise UserError(
            "attack.recipe",
            f"'{name}' needs {' and '.join(missing)}, not on this machine.",
            f"Run: python -m rosearch_engine fetch {' '.join(missing)}{also}.",
        )
    return recipe


def settle(recipe: str) -> str:
    """The recipe that a setting stands for: 'auto' is PWWS, or DeepWordBug where WordNet is missing.

    Raises:
        UserError: if it is not known, or a resource that it needs is missing.
    """
    if recipe == AUTO:
        recipe = DEFAULT if all(resources.is_ready(need) for need in RECIPES[DEFAULT].needs) else FALLBACK
    return ready_recipe(recipe).name
