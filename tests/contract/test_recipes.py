"""What an evaluation takes for granted of every attack recipe. A new one joins by its row in the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from rosearch_engine import resources
from rosearch_engine.attack.catalogue import RECIPES, ready_recipe, recipes
from rosearch_engine.attack.run import Attacker
from rosearch_engine.attack.setup import textattack
from rosearch_engine.attack.victim import Victim
from rosearch_engine.errors import UserError
from rosearch_engine.evaluate import targets

BUDGET = 80


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_attacks_within_its_budget_and_says_what_it_did(name: str, bench, workshop) -> None:
    victim = Victim(bench.teacher.model, bench.teacher.tokenizer, 128, temperature=1.0)
    sentences = targets(bench.data.search_attack.head(4))
    results = Attacker(name, BUDGET, seed=1).attack(victim, sentences)
    assert [result.target for result in results] == sentences
    for result in results:
        assert result.outcome != "failed", result.reason
        assert 0 < result.queries <= BUDGET
        assert result.before.text == result.target.text
        again = victim.probabilities([result.after.text])[0]
        assert result.after.label == again.argmax()
        assert result.after.probabilities == pytest.approx(again.tolist(), abs=1e-5)
        right = result.before.label == result.target.label
        assert (result.outcome == "already wrong") == (not right)
        if right:
            assert (result.outcome == "fooled") == (result.after.label != result.target.label)
    assert Attacker(name, BUDGET, seed=1).attack(victim, sentences) == results


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_described(name: str, workshop) -> None:
    recipe = ready_recipe(name)
    assert hasattr(textattack().attack_recipes, recipe.factory)
    assert set(recipe.needs) <= set(resources.RESOURCES)
    row = next(row for row in recipes() if row["name"] == name)
    assert (row["ready"], row["missing"], row["note"]) == (True, [], "")
    assert row["title"]
    assert row["kind"]
    assert row["source"]


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_whose_resource_is_missing_says_how_to_get_it(
    name: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NLTK_DATA", str(home / "nothing"))
    monkeypatch.setenv("HOME", str(home))
    if resources.is_ready("stopwords"):
        pytest.skip("this machine has the stop words in a folder of the system")
    with pytest.raises(UserError, match="python -m rosearch_engine fetch stopwords") as caught:
        ready_recipe(name)
    assert caught.value.field == "attack.recipe"
    row = next(row for row in recipes() if row["name"] == name)
    assert not row["ready"]
    assert "stopwords" in row["missing"]
    assert "fetch" in row["note"]


def test_an_unknown_recipe_names_those_there_are() -> None:
    with pytest.raises(UserError) as caught:
        ready_recipe("textfoolery")
    assert caught.value.field == "attack.recipe"
    assert all(name in caught.value.remedy for name in RECIPES)
