"""From attacked sentences to the numbers that are reported, and what they were measured with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from rosearch_engine import resources
from rosearch_engine.attack.catalogue import ready_recipe
from rosearch_engine.attack.run import Result, Said
from rosearch_engine.config import AttackConfig, fingerprint


@dataclass(frozen=True)
class Score:
    """The four numbers that belong together, and what they rest on.

    Attributes:
        accuracy: clean accuracy on the validation sentences.
        accuracy_n: how many those are.
        robustness: after-attack accuracy: the share of ALL attacked sentences still classified rightly; one
            that was wrong from the start, or whose attack broke, counts as lost.
        held: how many sentences stand.
        attacked: how many there were.
        success_rate: fooled / classified rightly before the attack; None if none was.
        mean_queries: model queries a sentence, over those that were attacked.
        temperature: the calibration the attack faced.
    """

    accuracy: float
    accuracy_n: int
    robustness: float
    held: int
    attacked: int
    success_rate: float | None
    mean_queries: float
    temperature: float


def score(accuracy: float, accuracy_n: int, results: Sequence[Result], temperature: float) -> Score:
    """Sum up attacked sentences."""
    held = sum(result.stands for result in results)
    fooled = sum(result.outcome == "fooled" for result in results)
    queries = [result.queries for result in results if result.outcome not in ("already wrong", "failed")]
    return Score(
        accuracy,
        accuracy_n,
        held / len(results) if results else 0.0,
        held,
        len(results),
        fooled / (held + fooled) if held + fooled else None,
        sum(queries) / len(queries) if queries else 0.0,
        temperature,
    )


def protocol(config: AttackConfig, data: str) -> dict[str, Any]:
    """Recipe, settings and versions of a measurement, and one hash over them all."""
    recipe = ready_recipe(config.recipe)
    facts = {
        "recipe": recipe.name,
        "constraints": "as published",
        "query_budget": config.query_budget,
        "calibrated": True,
        "data": data,
        "textattack": version("textattack"),
        "resources": {need: resources.digest(need) for need in recipe.needs},
    }
    return facts | {"hash": fingerprint(facts)}


def example(result: Result) -> dict[str, Any]:
    """A result as the store keeps it."""
    return {
        "sentence": result.target.sentence,
        "outcome": result.outcome,
        "label": result.target.label,
        "before": _plain(result.before),
        "after": _plain(result.after),
        "queries": result.queries,
        "reason": result.reason,
    }


def _plain(said: Said) -> dict[str, Any]:
    text = said.text if isinstance(said.text, str) else list(said.text)
    return {"text": text, "class": said.label, "probabilities": said.probabilities}
