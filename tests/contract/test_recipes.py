"""What an evaluation takes for granted of every attack recipe. A new one joins by its row in the catalogue."""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rosearch_engine import resources
from rosearch_engine.attack.imports import textattack
from rosearch_engine.attack.recipes.build import build
from rosearch_engine.attack.recipes.catalogue import FALLBACK, RECIPES, ready_recipe, recipes, settle
from rosearch_engine.attack.recipes.unavailable import UNAVAILABLE
from rosearch_engine.attack.run import Attacker, Target
from rosearch_engine.attack.victim import Victim
from rosearch_engine.config import Level
from rosearch_engine.errors import UserError
from rosearch_engine.resources import places
from tests.conftest import rosearch
from tests.ledger import WithLedger

BUDGET = 60
LEVELS: tuple[Level, ...] = ("standard", "strict")


@pytest.fixture
def victim(bench: Any) -> Victim:
    model: Any = WithLedger(bench.teacher.model)
    return Victim(model, bench.teacher.tokenizer, 128, temperature=1.0)


class Asked:
    """What TextAttack takes for the model; remembers the texts."""

    def __init__(self, victim: Victim) -> None:
        self.model = victim.model
        self.texts: list[Any] = []
        self._victim = victim

    def __call__(self, texts: Sequence[Any]) -> torch.Tensor:
        self.texts += texts
        return torch.from_numpy(self._victim.probabilities(list(texts)))


class AskedForTwo(Asked):
    """Says a guide's logits beside the probabilities, as a guided attack expects."""

    def __call__(self, texts: Sequence[Any]) -> torch.Tensor:
        found = super().__call__(texts)
        return torch.stack([found, found.log()], dim=1)


def asked_by(name: str, victim: Victim) -> Asked:
    return (AskedForTwo if RECIPES[name].guide else Asked)(victim)


every_recipe = pytest.mark.parametrize("name", RECIPES)
every_level = pytest.mark.parametrize("level", LEVELS)


@every_level
@every_recipe
def test_a_recipe_attacks_within_its_budget_and_says_what_it_did(
    name: str, level: Level, bench: Any, victim: Victim, stocked: Callable[..., Any]
) -> None:
    stocked(name, level)
    attacked = targets(bench, 4)
    results = Attacker(name, BUDGET, seed=1, level=level).attack(victim, attacked)
    assert [result.target for result in results] == attacked
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
        if level == "strict":
            assert meaning(str(result.before.text), [str(result.after.text)])[0] > 0.9 - 1e-5
    assert Attacker(name, BUDGET, seed=1, level=level).attack(victim, attacked) == results


@every_recipe
def test_a_built_attack_is_textattacks_own(name: str, bench: Any, victim: Victim, stocked: Callable[..., Any]) -> None:
    """Whoever has TextAttack can run it with TextAttack's own loop, and what it calls a success is one."""
    attack = build(stocked(name, "standard"), "standard", asked_by(name, victim))
    attack.goal_function.query_budget = 400
    assert isinstance(attack, textattack().Attack)
    seed(1)
    for target in targets(bench, 6):
        found = attack.attack(target.text, target.label)
        after = victim.probabilities([found.perturbed_result.attacked_text.tokenizer_input])[0]
        assert (type(found).__name__ == "SuccessfulAttackResult") == (
            found.original_result.output == target.label and after.argmax() != target.label
        )


@every_recipe
def test_strict_candidates_are_those_that_keep_the_meaning(
    name: str, bench: Any, victim: Victim, stocked: Callable[..., Any]
) -> None:
    standard = build(stocked(name, "standard"), "standard", Asked(victim))
    strict = build(stocked(name, "strict"), "strict", Asked(victim))
    kept = dropped = 0
    for text in sentences(bench, 3):
        loose, tight = candidates(standard, text), candidates(strict, text)
        assert set(tight) <= set(loose)
        likeness = meaning(text, loose)
        close = {one for one, cosine in zip(loose, likeness, strict=True) if cosine > 0.9 + 1e-5}
        far = {one for one, cosine in zip(loose, likeness, strict=True) if cosine < 0.9 - 1e-5}
        assert not far & set(tight)
        if RECIPES[name].kind_of_edit != "words":
            assert close <= set(tight)
        kept, dropped = kept + len(tight), dropped + len(loose) - len(tight)
    assert kept or name == "textfooler-vectors-minilm"
    assert dropped


@pytest.mark.parametrize("name", [name for name in RECIPES if name.startswith("textfooler")])
def test_textfoolers_encoder_looks_at_windows_of_long_sentences(
    name: str, bench: Any, victim: Victim, stocked: Callable[..., Any]
) -> None:
    attack = build(stocked(name, "standard"), "standard", Asked(victim))
    short, every = sentences(bench, 1)[0], sentences(bench, 32)
    longs = [" ".join(every[start : start + 4]) for start in range(0, 32, 4)]
    assert len(short.split()) < 15 < min(len(long.split()) for long in longs)
    kept = [candidates(attack, text) for text in (short, *longs)]
    (encoder,) = (one for one in attack.constraints if hasattr(one, "encode"))
    attack.clear_cache()
    attack.constraints.remove(encoder)
    free = [candidates(attack, text) for text in (short, *longs)]
    assert free[0] == kept[0]
    assert all(set(some) <= set(more) for some, more in zip(kept[1:], free[1:], strict=True))
    assert any(set(some) < set(more) for some, more in zip(kept[1:], free[1:], strict=True))


@every_level
@pytest.mark.parametrize("name", [name for name, recipe in RECIPES.items() if recipe.swaps])
def test_candidates_of_swaps_are_a_fixed_set(
    name: str, level: Level, bench: Any, victim: Victim, stocked: Callable[..., Any]
) -> None:
    recipe = stocked(name, level)
    texts = sentences(bench, 3)
    first, second = (build(recipe, level, Asked(victim)) for _ in range(2))
    seed(1)
    expected = [candidates(first, text) for text in texts]
    seed(2)
    assert [candidates(second, text) for text in reversed(texts)][::-1] == expected
    first.clear_cache()
    assert [candidates(first, text) for text in texts] == expected
    assert all(found == sorted(set(found)) for found in expected)


@pytest.mark.parametrize("name", ["pwws", "leap"])
def test_the_order_in_which_a_lexicon_names_synonyms_changes_nothing(
    name: str, bench: Any, victim: Victim, stocked: Callable[..., Any]
) -> None:
    """WordNet's come out of a set, whose order is another in every process."""
    attack = build(stocked(name, "standard"), "standard", Asked(victim))
    texts = sentences(bench, 12)
    expected = [candidates(attack, text) for text in texts]
    named = attack.transformation._get_replacement_words
    for order in (sorted, lambda words: sorted(words, reverse=True)):
        attack.clear_cache()
        attack.transformation._get_replacement_words = lambda word, order=order: order(named(word))
        assert [candidates(attack, text) for text in texts] == expected


@pytest.mark.parametrize("name", [name for name, recipe in RECIPES.items() if recipe.asks_all])
def test_a_search_that_asks_about_every_swap_does(
    name: str, bench: Any, victim: Victim, stocked: Callable[..., Any]
) -> None:
    asked = asked_by(name, victim)
    attack = build(stocked(name, "standard"), "standard", asked)
    for text in sentences(bench, 3):
        swaps = set(candidates(attack, text))
        attack.clear_cache()
        asked.texts.clear()
        attack.goal_function.query_budget = len(swaps) + len(text.split()) + 1
        attack.attack(text, int(victim.probabilities([text]).argmax()))
        assert swaps <= set(asked.texts)


@every_level
@every_recipe
def test_the_recipe_says_which_side_of_a_pair_may_change(
    name: str, level: Level, bench: Any, victim: Victim, stocked: Callable[..., Any]
) -> None:
    attack = build(stocked(name, level), level, Asked(victim))
    premise, hypothesis = sentences(bench, 2)
    seed(1)
    found = candidates(attack, OrderedDict(premise=premise, hypothesis=hypothesis))
    changed = {side for text in found for side in (0, 1) if text[side] != (premise, hypothesis)[side]}
    assert changed <= ({1} if name.startswith("textfooler") else {0, 1})
    if level == "standard":
        assert changed == ({1} if name.startswith("textfooler") else {0, 1})
    columns = Target(0, (premise, hypothesis), int(victim.probabilities([(premise, hypothesis)]).argmax()))
    (result,) = Attacker(name, BUDGET, seed=1, level=level).attack(victim, [columns])
    assert result.outcome != "failed", result.reason
    assert isinstance(result.after.text, tuple)


STRANGE = {
    "empty": "",
    "one word": "dull",
    "only stop words": "it is what it is and that is that",
    "emoji": "🎬🍿😀 👍🏽",
    "right to left": "סרט נהדר עם שחקנים مبدعون",
    "control": "a\x00b\u200b fine\ttab\x1b[0m",
    "half a character": "fine \ud83d film",
    "brackets": "[UNK] [MASK] <br> [[ ]]",
    "TextAttack's own mark": "a fine <SPLIT> film",
    "letters that grow": "İstanbul'da ﬁne film ẞ",
}


@every_level
@every_recipe
def test_strange_texts_end_by_themselves(name: str, level: Level, victim: Victim, stocked: Callable[..., Any]) -> None:
    stocked(name, level)
    labels = victim.probabilities(list(STRANGE.values())).argmax(axis=1)
    attacked = [Target(row, text, int(labels[row])) for row, text in enumerate(STRANGE.values())]
    results = Attacker(name, BUDGET, seed=1, level=level).attack(victim, attacked)
    for kind, result in zip(STRANGE, results, strict=True):
        assert result.outcome != "already wrong", kind
        # TextAttack's population-based searches have nothing to take the best of where there is no word.
        may_fail = kind == "TextAttack's own mark" or (kind in ("empty", "emoji") and name in ("leap", "iga-map"))
        assert result.outcome != "failed" or (may_fail and result.reason), (kind, result.reason)
        if kind == "only stop words":
            assert result.stands
            assert result.after.text == result.before.text


@every_recipe
def test_a_recipe_is_described(name: str, stocked: Callable[..., Any]) -> None:
    recipe = stocked(name, "strict")
    assert set(recipe.needs_at("standard")) == set(recipe.needs) <= set(recipe.needs_at("strict"))
    assert set(recipe.needs_at("strict")) <= set(resources.RESOURCES)
    row = next(row for row in recipes() if row["name"] == name)
    assert (row["ready"], row["missing"], row["note"]) == (True, [], "")
    assert (row["strict"], row["strict_missing"]) == (True, [])
    assert row["title"]
    assert row["kind"]
    assert row["source"]
    if recipe.factory:
        assert hasattr(textattack().attack_recipes, recipe.factory)
    else:
        shaped = name.startswith(("textfooler", "iga", "textbugger"))
        assert ("-shaped" in recipe.title) == shaped
        sources = {"map": "counter-fitted", "fitted": "counter-fitted", "ppdb": "ppdb", "minilm": "minilm"}
        sources["vectors"] = "counter-fitted-vectors"
        stated = {sources[part] for part in name.split("-")[1:] if part in sources}
        assert stated == {need for need in recipe.needs if need in sources.values()}
    assert name in rosearch("doctor").out
    assert row in rosearch("doctor", "--json").json["recipes"]


@every_recipe
def test_a_recipe_whose_resource_is_missing_says_how_to_get_it(
    name: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NLTK_DATA", str(home / "nothing"))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(places, "nltk_roots", lambda: iter(()))  # one machine or another has NLTK's folders
    with pytest.raises(UserError, match="python -m rosearch_engine fetch stopwords") as caught:
        ready_recipe(name)
    assert caught.value.field == "attack.recipe"
    row = next(row for row in recipes() if row["name"] == name)
    assert not row["ready"]
    assert not row["strict"]
    assert "stopwords" in row["missing"]
    assert "fetch" in row["note"]


def test_what_no_server_gives_is_told_in_words(
    stocked: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ROSEARCH_HOME", str(tmp_path))
    monkeypatch.delenv("ROSEARCH_COUNTER_FITTED", raising=False)
    with pytest.raises(UserError) as caught:
        settle("iga-map")
    assert "fetch counter-fitted" in caught.value.remedy
    assert "set ROSEARCH_COUNTER_FITTED to its path" in caught.value.remedy
    assert FALLBACK in caught.value.remedy


def test_the_strict_level_has_needs_of_its_own(stocked: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    is_ready = resources.is_ready
    monkeypatch.setattr(resources, "is_ready", lambda name: name != "minilm" and is_ready(name))
    assert ready_recipe("deepwordbug").name == settle("deepwordbug") == "deepwordbug"
    with pytest.raises(UserError, match=r"'deepwordbug' at the strict level needs minilm") as caught:
        ready_recipe("deepwordbug", "strict")
    assert "fetch minilm" in caught.value.remedy
    assert RECIPES["pwws"].needs_at("strict") == ("stopwords", "wordnet", "tagger", "minilm")
    assert RECIPES["deepwordbug"].needs_at("strict") == ("stopwords", "minilm")


def test_an_unknown_recipe_names_those_there_are() -> None:
    with pytest.raises(UserError) as caught:
        ready_recipe("textfoolery")
    assert caught.value.field == "attack.recipe"
    assert all(name in caught.value.remedy for name in RECIPES)


@pytest.mark.parametrize("name", UNAVAILABLE)
def test_a_recipe_that_cannot_run_says_what_it_lacks(name: str, stocked: Callable[..., Any]) -> None:
    recipe = UNAVAILABLE[name]
    row = next(row for row in recipes(every=True) if row["name"] == name)
    assert not row["ready"]
    assert row["missing"] == list(recipe.lacks)
    assert name not in {row["name"] for row in recipes()}, "the app offers what can be made ready"
    assert set(recipe.instead) <= set(RECIPES)
    with pytest.raises(UserError) as caught:
        ready_recipe(name)
    assert all(lack in caught.value.problem for lack in recipe.lacks)
    if recipe.instead:
        assert any(instead in caught.value.remedy for instead in recipe.instead)


def test_the_nearest_recipe_is_one_that_is_ready(
    stocked: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    near = {"wordnet", "stopwords", "tagger", "minilm", "ppdb"}
    monkeypatch.setattr(resources, "is_ready", near.__contains__)
    with pytest.raises(UserError, match="is ready: textfooler-ppdb-minilm"):
        ready_recipe("bae")
    near.remove("ppdb")
    with pytest.raises(UserError, match="fetch counter-fitted-vectors") as caught:
        ready_recipe("bae")
    assert "ROSEARCH_COUNTER_FITTED_VECTORS" in caught.value.remedy


def test_every_recipe_of_textattack_is_accounted_for(stocked: Callable[..., Any]) -> None:
    library = textattack().attack_recipes
    theirs = {
        kind for kind, value in vars(library).items() if isinstance(value, type) and value is not library.AttackRecipe
        and issubclass(value, library.AttackRecipe)
    }  # fmt: skip
    ours = [recipe.factory for recipe in RECIPES.values() if recipe.factory]
    assert sorted(theirs) == sorted([*ours, *(recipe.factory for recipe in UNAVAILABLE.values())])


def test_neighbours_take_the_case_of_the_word(stocked: Callable[..., Any], tmp_path: Path) -> None:
    stocked("textfooler-map-minilm", "standard")
    textattack()
    from rosearch_engine.attack.recipes.neighbours import NeighbourSwap

    swap = NeighbourSwap("counter-fitted", max_candidates=3)
    plain = swap._get_replacement_words("movie")
    assert plain[0] == "film"
    assert len(plain) == 3
    assert swap._get_replacement_words("Movie") == [word.capitalize() for word in plain]
    assert swap._get_replacement_words("MOVIE") == [word.upper() for word in plain]
    assert swap._get_replacement_words("qwertyuiop") == []


def test_textfoolers_stop_words_are_its_own(stocked: Callable[..., Any]) -> None:
    stocked("textfooler-map-minilm", "standard")
    textattack()
    from rosearch_engine.attack.recipes.shaped import _textfooler_stop_words

    found = _textfooler_stop_words()
    assert len(found) > 250
    assert {"hereafter", "whither", "a", "you've"} <= found
    assert not {"film", "good"} & found


def test_an_embedding_does_not_depend_on_what_is_beside_it(bench: Any, stocked: Callable[..., Any]) -> None:
    stocked("deepwordbug", "strict")
    textattack()
    from rosearch_engine.attack.recipes.encoder import _Encoder

    texts = [*dict.fromkeys(sentences(bench, 50)), "", "half \ud83d", "long " * 3000]
    folder = resources.require("minilm")
    together = _Encoder(folder).embed(texts)
    assert together.norm(dim=1).tolist() == pytest.approx([1.0] * len(texts), abs=1e-5)
    assert torch.equal(together[:3], _Encoder(folder).embed(texts[:3]))
    one_by_one = _Encoder(folder)
    assert torch.equal(together, torch.cat([one_by_one.embed([text]) for text in texts]))
    assert torch.equal(together.flip(0), one_by_one.embed(texts[::-1]))
    assert (together[:5] @ together[0]).tolist() == pytest.approx(meaning(texts[0], texts[:5]), abs=1e-5)


def test_the_encoder_remembers_a_bounded_number_of_texts(
    bench: Any, stocked: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    stocked("deepwordbug", "strict")
    textattack()
    from rosearch_engine.attack.recipes import encoder

    monkeypatch.setattr(encoder, "REMEMBERED", 4)
    small = encoder._Encoder(resources.require("minilm"))
    texts = sentences(bench, 9)
    assert torch.equal(small.embed(texts), small.embed(texts))
    assert len(small._known) == 4


def targets(bench: Any, count: int) -> list[Target]:
    """The shortest sentences of the search's attack set: of words and characters, all candidates are few."""
    split = bench.data.search_attack
    split_rows = zip(split.ids, split.texts, split.labels, strict=True)
    rows = [Target(int(row), text, int(label)) for row, text, label in split_rows]
    return sorted(rows, key=lambda target: (len(target.text), target.text))[:count]


def sentences(bench: Any, count: int) -> list[str]:
    return [str(target.text) for target in targets(bench, count)]


def candidates(attack: Any, text: Any) -> list[Any]:
    """The texts that one step of the attack makes of a sentence or a pair, as the search gets them."""
    seed(3)
    original = textattack().shared.AttackedText(text)
    found = attack.get_transformations(original, original_text=original)
    return [one.tokenizer_input for one in found]


def meaning(original: str, texts: Sequence[str]) -> list[float]:
    """Cosines of texts with the original under MiniLM, worked out another way: padded, in one batch."""
    if not texts:
        return []
    model, tokenizer = _minilm(resources.require("minilm"))
    batch = tokenizer([original, *texts], padding=True, truncation=True, max_length=512, return_tensors="pt")
    mask = batch["attention_mask"].unsqueeze(-1)
    with torch.inference_mode():
        means = (model(**batch).last_hidden_state * mask).sum(1) / mask.sum(1)
    return torch.nn.functional.cosine_similarity(means[1:], means[:1]).tolist()


@lru_cache(maxsize=1)
def _minilm(folder: Path) -> tuple[Any, Any]:
    from transformers import AutoModel, AutoTokenizer

    return AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)


def seed(number: int) -> None:
    random.seed(number)
    np.random.seed(number)
