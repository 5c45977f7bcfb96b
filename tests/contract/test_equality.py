"""Outcomes are TextAttack's own: its `Attacker` with its `HuggingFaceModelWrapper`, sentence by sentence, in float32.

The full table, over 200 sentences and real students, is made by benchmarks/attack_equality.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from rosearch_engine.attack.as_shipped import attack_as_shipped
from rosearch_engine.attack.result import Result, Target
from rosearch_engine.attack.run import Attacker
from rosearch_engine.attack.victim import Victim
from rosearch_engine.search.context import targets

BUDGET = 200
NAMES = ("pwws", "deepwordbug", "textfooler-map-minilm", "textbugger-map-minilm", "iga-map", "leap")
SEED = 3


@pytest.fixture
def models(bench: Any, chain: Any) -> dict[str, Any]:
    """The tiny teacher, and a student of another architecture."""
    return {"teacher": bench.teacher.model, "student": chain}


@pytest.mark.parametrize("model", ["teacher", "student"])
@pytest.mark.parametrize(
    "name", ["pwws", "deepwordbug", "textfooler-map-minilm", "textbugger-map-minilm", "iga-map", "leap"]
)
def test_every_sentence_ends_as_with_textattack(
    name: str,
    model: str,
    bench: Any,
    models: dict[str, Any],
    stocked: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = stocked(name, "standard")
    sentences = targets(bench.data.search_attack.head(12), bench.data.columns)
    # One whose class is turned around is wrong from the start.
    sentences[3] = replace(sentences[3], label=1 - sentences[3].label)
    # TextAttack's wrapper pads to this; the workshop's longest sentence is far shorter.
    tokenizer = bench.teacher.tokenizer if model == "teacher" else bench.tokenizer
    monkeypatch.setattr(tokenizer, "model_max_length", 128)
    assert_equal(recipe, models[model], tokenizer, sentences)


@pytest.mark.parametrize("name", ["pwws", "textfooler-map-minilm"])
@pytest.mark.parametrize("columns", [("premise", "hypothesis"), ("sentence1", "sentence2")])
def test_pairs_too_by_the_recipes_own_rule(
    name: str, columns: tuple[str, str], bench: Any, models: dict[str, Any], stocked: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    recipe = stocked(name, "standard")
    texts = bench.data.search_attack.texts
    pairs = [Target(n, (texts[n], texts[n + 20]), n % 2, columns) for n in range(8)]
    monkeypatch.setattr(bench.teacher.tokenizer, "model_max_length", 128)
    results = assert_equal(recipe, models["teacher"], bench.teacher.tokenizer, pairs)
    attacked = [result for result in results if result.outcome != "already wrong"]
    assert attacked
    if name.startswith("textfooler") and columns[0] == "premise":
        assert all(result.after.text[0] == result.before.text[0] for result in attacked)


def assert_equal(recipe: Any, model: Any, tokenizer: Any, sentences: list[Target]) -> list[Result]:
    victim = Victim(model, tokenizer, 128, temperature=1.0)
    ours = Attacker(recipe.name, BUDGET, SEED, faces=("raw",)).attack(victim, sentences)
    theirs = attack_as_shipped(model, tokenizer, recipe, "standard", sentences, BUDGET, SEED)
    assert len({result.outcome for result in ours}) >= 2, "all alike would prove little"
    for mine, reference in zip(ours, theirs, strict=True):
        assert (mine.outcome, mine.queries) == (reference.outcome, reference.queries), mine.target.text
        assert mine.before.probabilities == pytest.approx(reference.before.probabilities, abs=1e-5)
        assert mine.after.probabilities == pytest.approx(reference.after.probabilities, abs=1e-5)
        if mine.after.text != reference.after.text:
            # A tie: two texts that read alike to the model differ in the last bit of its sums, and by what stands
            # beside them in a batch.
            tokens = [tokenizer(*flat(text))["input_ids"] for text in (mine.after.text, reference.after.text)]
            assert tokens[0] == tokens[1], (mine.after.text, reference.after.text)
    return ours


def flat(text: Any) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)
