"""The attack recipes by name, and what each needs; read without importing TextAttack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from rosearch_engine import resources
from rosearch_engine.attack.recipes.unavailable import UNAVAILABLE, Unavailable
from rosearch_engine.config import Level
from rosearch_engine.errors import UserError

Guide = Literal["ledger", "context"]
KindOfEdit = Literal["words", "characters", "both"]
# Raised whenever a recipe or a constraint of ours changes: results before and after do not compare.
REVISION = 2
LEXICAL = ("pwws", "pwws-counter-fitted", "pwws-ppdb")
"""Recipes whose candidates depend on the word alone."""

_SAME_SWAPS = {"border-first": "pwws"}
"""Recipes that put the same into a word's place as one of those, and only search in another way."""


@dataclass(frozen=True)
class Recipe:
    """An attack that runs here: one of TextAttack's, or one of ours made of TextAttack's parts.

    Attributes:
        needs: resources that must be on this machine.
        factory: name of its class in `textattack.attack_recipes`; None for one of ours.
        kind_of_edit: whether it changes words, characters or both.
        random: whether it draws random numbers; each sentence then has a seed of its own.
        swaps: whether its candidates are a fixed set, so that exact one-swap robustness is defined.
        asks_all: whether its search asks about every single swap of the original anyway.
        guide: the part of the student whose margin guides the search, while its final word decides; None: that word.
    """

    name: str
    title: str
    kind: str
    source: str
    needs: tuple[str, ...]
    factory: str | None = None
    kind_of_edit: KindOfEdit = "words"
    random: bool = False
    swaps: bool = False
    asks_all: bool = False
    guide: Guide | None = None

    def needs_at(self, level: Level) -> tuple[str, ...]:
        """Resources that it needs at a constraint level: `strict` compares the meaning and, of words, the part
        of speech."""
        more = ("tagger", "minilm") if self.kind_of_edit == "words" else ("minilm",)
        return tuple(dict.fromkeys((*self.needs, *(more if level == "strict" else ()))))


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="pwws",
            title="PWWS",
            kind="swaps words for WordNet synonyms, most salient first",
            source="Ren et al. 2019, ACL",
            needs=("stopwords", "wordnet"),
            factory="PWWSRen2019",
            swaps=True,
            asks_all=True,
        ),
        Recipe(
            name="border-first",
            title="Border-first (beam over PWWS's swaps)",
            kind="swaps words for WordNet synonyms with a different input code, most harmful first, beam of five",
            source="ours; candidates: Ren et al. 2019, ACL",
            needs=("stopwords", "wordnet"),
            swaps=True,
        ),
        Recipe(
            name="deepwordbug",
            title="DeepWordBug",
            kind="swaps, drops, inserts and replaces characters",
            source="Gao et al. 2018, DLS",
            needs=("stopwords",),
            factory="DeepWordBugGao2018",
            kind_of_edit="characters",
            random=True,
        ),
        Recipe(
            name="deepwordbug-two",
            title="DeepWordBug, two edits per word",
            kind="one or two of DeepWordBug's edits per word, and edits that give another known word",
            source="ours; edits and search: Gao et al. 2018, DLS",
            needs=("stopwords", "wordnet"),
            kind_of_edit="characters",
            random=True,
        ),
        Recipe(
            name="pruthi",
            title="Pruthi's typos",
            kind="one keyboard typo in one word",
            source="Pruthi et al. 2019, ACL",
            needs=("stopwords",),
            factory="Pruthi2019",
            kind_of_edit="characters",
            random=True,
        ),
        Recipe(
            name="leap",
            title="LEAP",
            kind="particle swarm over WordNet synonyms; slow",
            source="Ge et al. 2023",
            needs=("stopwords", "wordnet"),
            factory="LEAP2023",
            random=True,
            swaps=True,
            asks_all=True,
        ),
        Recipe(
            name="pwws-counter-fitted",
            title="PWWS (counter-fitted neighbours)",
            kind="swaps words for counter-fitted neighbours, most salient first",
            source="search: Ren et al. 2019, ACL; neighbours: Jia et al. 2019, EMNLP",
            needs=("stopwords", "counter-fitted"),
            swaps=True,
            asks_all=True,
        ),
        Recipe(
            name="pwws-ppdb",
            title="PWWS (PPDB)",
            kind="swaps words for PPDB synonyms, most salient first",
            source="search: Ren et al. 2019, ACL; synonyms: Mrkšić et al. 2016, NAACL",
            needs=("stopwords", "ppdb"),
            swaps=True,
            asks_all=True,
        ),
        Recipe(
            name="pwws-by-ledger",
            title="PWWS, guided by the ledger",
            kind="PWWS whose search sees only the ledger's margin; for students with a ledger",
            source="ours; candidates and search: Ren et al. 2019, ACL",
            needs=("stopwords", "wordnet"),
            swaps=True,
            asks_all=True,
            guide="ledger",
        ),
        Recipe(
            name="pwws-by-context",
            title="PWWS, guided by the context",
            kind="PWWS whose search sees only the context's margin; for students with a ledger",
            source="ours; candidates and search: Ren et al. 2019, ACL",
            needs=("stopwords", "wordnet"),
            swaps=True,
            asks_all=True,
            guide="context",
        ),
        Recipe(
            name="textfooler-map-minilm",
            title="TextFooler-shaped (neighbour map, MiniLM)",
            kind="swaps words for up to 8 counter-fitted neighbours, same part of speech, most important first",
            source="shape: Jin et al. 2020, AAAI; neighbours: Jia et al. 2019, EMNLP",
            needs=("stopwords", "tagger", "minilm", "counter-fitted"),
            swaps=True,
        ),
        Recipe(
            name="textfooler-ppdb-minilm",
            title="TextFooler-shaped (PPDB, MiniLM)",
            kind="swaps words for PPDB synonyms, same part of speech, most important first",
            source="shape: Jin et al. 2020, AAAI; synonyms: Mrkšić et al. 2016, NAACL",
            needs=("stopwords", "tagger", "minilm", "ppdb"),
            swaps=True,
        ),
        Recipe(
            name="textfooler-vectors-minilm",
            title="TextFooler-shaped (counter-fitted vectors, MiniLM)",
            kind="swaps words for up to 50 counter-fitted neighbours, same part of speech, most important first",
            source="shape: Jin et al. 2020, AAAI; vectors: Mrkšić et al. 2016, NAACL",
            needs=("stopwords", "tagger", "minilm", "counter-fitted-vectors"),
            swaps=True,
        ),
        Recipe(
            name="iga-map",
            title="IGA-shaped (neighbour map)",
            kind="genetic search over counter-fitted neighbours, in at most a fifth of the words; slow",
            source="shape: Wang et al. 2021, UAI; neighbours: Jia et al. 2019, EMNLP",
            needs=("stopwords", "counter-fitted"),
            random=True,
            swaps=True,
        ),
        Recipe(
            name="textbugger-map-minilm",
            title="TextBugger-shaped (neighbour map, MiniLM)",
            kind="splits words, drops, swaps and disguises characters, swaps words for 5 counter-fitted neighbours",
            source="shape: Li et al. 2019, NDSS; neighbours: Jia et al. 2019, EMNLP",
            needs=("stopwords", "minilm", "counter-fitted"),
            kind_of_edit="both",
            random=True,
        ),
    )
}

AUTO, DEFAULT, FALLBACK = "auto", "pwws", "deepwordbug"


def recipes(every: bool = False) -> list[dict[str, Any]]:
    """Every recipe that can be made ready, with `ready`, what is `missing`, and the command that brings it as `note`.

    `strict` says whether it is ready at the strict level too, `strict_missing` what that lacks.

    Args:
        every: also TextAttack's recipes that cannot run here: `missing` says in words what they lack, `note` the
            nearest that can.
    """
    ready = {status.name for status in resources.status() if status.ready}
    rows = [_row(recipe, ready) for recipe in RECIPES.values()]
    if every:
        rows += [_row_of_unavailable(recipe) for recipe in UNAVAILABLE.values()]
    return rows


def ready_recipe(name: str, level: Level = "standard") -> Recipe:
    """The recipe of that name.

    Raises:
        UserError: if it is not known, cannot run here, or a resource that it needs at that level is missing.
    """
    if name in UNAVAILABLE:
        raise _refusal(UNAVAILABLE[name])
    if name not in RECIPES:
        raise UserError("attack.recipe", f"'{name}' is not a recipe.", f"Choose one of: {', '.join(RECIPES)}.")
    recipe = RECIPES[name]
    missing = _missing(recipe.needs_at(level))
    if missing:
        at = "" if level == "standard" or _missing(recipe.needs) else f" at the {level} level"
        also = f", or attack with {FALLBACK}" if name != FALLBACK and resources.is_ready("stopwords") else ""
        raise UserError(
            "attack.recipe",
            f"'{name}'{at} needs {' and '.join(missing)}, which is not on this machine.",
            f"Run: {_command(missing)}{also}.{_by_hand(missing)}",
        )
    return recipe


def settle(recipe: str, level: Level = "standard") -> str:
    """The recipe that a setting stands for: 'auto' is PWWS, or DeepWordBug where WordNet is missing.

    Raises:
        UserError: if it is not known, cannot run here, or a resource that it needs is missing.
    """
    if recipe == AUTO:
        recipe = FALLBACK if _missing(RECIPES[DEFAULT].needs) else DEFAULT
    return ready_recipe(recipe, level).name


def _row(recipe: Recipe, ready: set[str]) -> dict[str, Any]:
    missing = [name for name in recipe.needs if name not in ready]
    strict_missing = [name for name in recipe.needs_at("strict") if name not in ready]
    return {
        "name": recipe.name,
        "title": recipe.title,
        "kind": recipe.kind,
        "source": recipe.source,
        "ready": not missing,
        "missing": missing,
        "note": _command(missing) if missing else "",
        "strict": not strict_missing,
        "strict_missing": strict_missing,
    }


def _row_of_unavailable(recipe: Unavailable) -> dict[str, Any]:
    return {
        "name": recipe.name,
        "title": recipe.title,
        "kind": recipe.kind,
        "source": recipe.source,
        "ready": False,
        "missing": list(recipe.lacks),
        "note": f"nearest: {recipe.instead[0]}" if recipe.instead else "",
        "strict": False,
        "strict_missing": list(recipe.lacks),
    }


def lexicon_of(recipe: str) -> str | None:
    """The one of `LEXICAL` that holds all that a recipe may put in a word's place; None where there is none such."""
    name = _SAME_SWAPS.get(recipe, recipe)
    return name if name in LEXICAL else None


def _refusal(recipe: Unavailable) -> UserError:
    problem = f"'{recipe.name}' cannot run here: it needs {' and '.join(recipe.lacks)}."
    near = next((name for name in recipe.instead if not _missing(RECIPES[name].needs)), None)
    if near:
        return UserError("attack.recipe", problem, f"The nearest recipe that is ready: {near}.")
    if recipe.instead:
        missing = _missing(RECIPES[recipe.instead[0]].needs)
        remedy = f"The nearest recipe is {recipe.instead[0]}; run: {_command(missing)}.{_by_hand(missing)}"
        return UserError("attack.recipe", problem, remedy)
    return UserError("attack.recipe", problem, f"Choose one of: {', '.join(RECIPES)}.")


def _missing(needs: tuple[str, ...]) -> list[str]:
    return [need for need in needs if not resources.is_ready(need)]


def _command(missing: list[str]) -> str:
    return f"python -m rosearch_engine fetch {' '.join(missing)}"


def _by_hand(missing: list[str]) -> str:
    """What to do first for resources that no server gives."""
    hints = (resources.RESOURCES[name].by_hand for name in missing)
    return "".join(f" Before that: {hint}." for hint in hints if hint)
