"""Attacks: outcomes are TextAttack's own, whatever runs beside a sentence, and nothing it holds can break the rest."""

from __future__ import annotations

import copy
import gc
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rosearch_engine.attack import run as module
from rosearch_engine.attack.calibrate import fit_temperature
from rosearch_engine.attack.pieces import Text
from rosearch_engine.attack.protocol import example, protocol, score, swap_store_key
from rosearch_engine.attack.run import Attacker, Result, Said, Swaps, Target
from rosearch_engine.attack.task import Task
from rosearch_engine.attack.trial import Trial
from rosearch_engine.attack.victim import Victim, softmax
from rosearch_engine.batching import encode_split
from rosearch_engine.config import AttackConfig
from rosearch_engine.errors import UserError
from rosearch_engine.inference import predict
from rosearch_engine.search.context import targets

NO_LIMIT = 10**9


@pytest.fixture
def victim(bench, workshop) -> Victim:
    """The tiny teacher, at the full length of its positions."""
    return Victim(bench.teacher.model, bench.teacher.tokenizer, 512, temperature=1.0)


def some(bench, count: int) -> list[Target]:
    return targets(bench.data.search_attack.head(count), bench.data.columns)


def facts(results: Sequence[Result]) -> list[tuple[Any, ...]]:
    return [(r.outcome, r.before.text, r.after.text, r.after.label, r.queries) for r in results]


@pytest.mark.parametrize("recipe", ["pwws", "deepwordbug"])
def test_a_sentence_does_not_notice_what_runs_beside_it(
    bench, student: Victim, monkeypatch: pytest.MonkeyPatch, recipe: str
) -> None:
    sentences = some(bench, 16)
    together = Attacker(recipe, NO_LIMIT, seed=3).attack(student, sentences)
    monkeypatch.setattr(module, "ABREAST", 1)
    alone = Attacker(recipe, NO_LIMIT, seed=3).attack(student, sentences)
    backwards = Attacker(recipe, NO_LIMIT, seed=3).attack(student, sentences[::-1])[::-1]
    monkeypatch.setattr(module, "ABREAST", 3)
    few = Attacker(recipe, NO_LIMIT, seed=3).attack(student, sentences)
    assert facts(together) == facts(alone) == facts(backwards) == facts(few)


@pytest.mark.parametrize("recipe", ["pwws", "deepwordbug"])
def test_an_attacker_keeps_nothing_from_one_victim_to_the_next(
    bench, student: Victim, victim: Victim, recipe: str
) -> None:
    """A search attacks hundreds of students with one attacker; after `resume` it is a new one."""
    sentences = some(bench, 8)
    fresh = Attacker(recipe, NO_LIMIT).attack(student, sentences)
    used = Attacker(recipe, NO_LIMIT)
    used.attack(victim, sentences)
    used.attack(student, sentences[::-1])
    assert facts(used.attack(student, sentences)) == facts(fresh)


def test_random_recipes_follow_their_seed_and_leave_the_dice_alone(bench, student: Victim) -> None:
    sentences = some(bench, 6)
    np.random.seed(11)
    before = np.random.get_state(legacy=True)[1].copy()  # type: ignore[index]
    first = Attacker("deepwordbug", NO_LIMIT, seed=1).attack(student, sentences)
    assert (np.random.get_state(legacy=True)[1] == before).all()  # type: ignore[index]
    np.random.seed(12)
    assert facts(Attacker("deepwordbug", NO_LIMIT, seed=1).attack(student, sentences)) == facts(first)
    assert facts(Attacker("deepwordbug", NO_LIMIT, seed=2).attack(student, sentences)) != facts(first)


def test_results_come_in_order_and_are_told_as_they_end(bench, victim: Victim) -> None:
    sentences = some(bench, 10)
    told: list[int] = []
    seen: dict[int, int] = {}

    def watch(sentence: int, texts: Sequence[Text], probabilities: np.ndarray) -> None:
        assert probabilities.shape == (len(texts), 2)
        assert probabilities.sum(axis=1) == pytest.approx(1.0)
        seen[sentence] = seen.get(sentence, 0) + len(texts)

    results = Attacker("pwws", NO_LIMIT).attack(victim, sentences, lambda r: told.append(r.target.sentence), watch)
    assert [result.target for result in results] == sentences
    assert sorted(told) == sorted(target.sentence for target in sentences)
    for result in results:
        # TextAttack counts a text that it has asked before, which is answered from its memory.
        assert seen[result.target.sentence] <= max(1, result.queries)


def test_what_a_watcher_raises_ends_the_attack(bench, victim: Victim) -> None:
    def refuse(*_: object) -> None:
        raise InterruptedError

    attacker = Attacker("pwws", NO_LIMIT)
    with pytest.raises(InterruptedError):
        attacker.attack(victim, some(bench, 3), watch=refuse)
    assert len(attacker.attack(victim, some(bench, 3))) == 3


@pytest.mark.parametrize("recipe", ["pwws", "deepwordbug"])
@pytest.mark.parametrize("budget", [10, 37])
def test_the_query_budget_is_never_passed(bench, student: Victim, recipe: str, budget: int) -> None:
    asked: Counter[int] = Counter()

    def watch(sentence: int, texts: Sequence[Text], _: np.ndarray) -> None:
        asked[sentence] += len(texts)

    stubborn = times(student, 0.0)  # says the same of every sentence, so that no attack can end early
    label = int(stubborn.probabilities(["fine"]).argmax())
    sentences = [replace(target, label=label) for target in some(bench, 10)]
    results = Attacker(recipe, budget).attack(stubborn, sentences, watch=watch)
    assert max(asked.values()) <= budget
    assert {result.outcome for result in results} <= {"held", "budget used"}
    assert "budget used" in {result.outcome for result in results}
    for result in results:
        assert result.queries <= budget
        assert (result.outcome == "budget used") == (result.queries == budget)
        assert result.stands
    assert max(result.queries for result in Attacker(recipe, budget).attack(student, sentences)) <= budget


def test_known_sentences_have_known_outcomes(bench, victim: Victim) -> None:
    """What is fooled is fooled, what stands stands: asked of the model again."""
    results = Attacker("pwws", 2000).attack(victim, some(bench, 20))
    for result in results:
        before, after = victim.probabilities([result.before.text, result.after.text])
        assert result.before.text == result.target.text
        assert before.argmax() == result.before.label
        assert after.argmax() == result.after.label
        assert result.before.probabilities == pytest.approx(before.tolist(), abs=1e-5)
        right = result.before.label == result.target.label
        assert (result.outcome == "already wrong") == (not right)
        if right:
            assert (result.outcome == "fooled") == (result.after.label != result.target.label)
    assert {"fooled", "already wrong"} & {result.outcome for result in results}


STRANGE = {
    "empty": "",
    "blank": "   ",
    "one word": "dull",
    "only stop words": "it is what it is and that is that",
    "emoji": "🎬🍿😀 👍🏽",
    "right to left": "סרט נהדר עם שחקנים مبدعون",
    "one letter": "a",
    "punctuation": "?! ... --- ***",
    "control": "a\x00b\u200b fine\ttab",
    "half a character": "fine \ud83d film",
    "brackets": "[UNK] [MASK] <br> [[ ]]",
    "very long": "a truly dreadful and wonderful film " * 120,
    "numbers": "1234567890 3.14 50%",
}


@pytest.mark.parametrize("recipe", ["pwws", "deepwordbug"])
def test_strange_texts_end_by_themselves_and_harm_no_other(bench, victim: Victim, recipe: str) -> None:
    plain = some(bench, 2)
    strange = [Target(1000 + n, text, n % 2) for n, text in enumerate(STRANGE.values())]
    results = Attacker(recipe, 60).attack(victim, [plain[0], *strange, plain[1]])
    expected = Attacker(recipe, 60).attack(victim, plain)
    assert facts([results[0], results[-1]]) == facts(expected)
    for name, result in zip(STRANGE, results[1:-1], strict=True):
        assert result.outcome in ("fooled", "held", "already wrong", "budget used", "failed"), name
        if result.outcome == "failed":
            assert result.reason, name
            assert not result.stands
    ends = dict(zip(STRANGE, results[1:-1], strict=True))
    assert ends["only stop words"].outcome in ("held", "already wrong")
    assert ends["one word"].outcome != "failed"
    assert ends["very long"].outcome != "failed"
    assert ends["emoji"].outcome != "failed"
    assert ends["right to left"].outcome != "failed"
    assert ends["half a character"].outcome != "failed"


def test_a_sentence_that_breaks_ends_alone(bench, victim: Victim, monkeypatch: pytest.MonkeyPatch) -> None:
    sentences = some(bench, 4)
    real = Trial._example

    def example_of(trial: Trial) -> Any:
        if trial.text == sentences[1].text:
            raise ZeroDivisionError("no such sentence")
        return real(trial)

    expected = Attacker("pwws", 200).attack(victim, sentences)
    monkeypatch.setattr(Trial, "_example", example_of)
    results = Attacker("pwws", 200).attack(victim, sentences)
    assert results[1].outcome == "failed"
    assert results[1].reason == "ZeroDivisionError: no such sentence"
    assert facts([results[0], *results[2:]]) == facts([expected[0], *expected[2:]])


def test_ten_thousand_words_are_cut_and_said_so(bench, victim: Victim) -> None:
    plain = some(bench, 1)[0]
    novel = Target(7, "a truly dreadful and wonderful film " * 1700, plain.label)
    label = int(victim.probabilities([novel.text])[0].argmax())
    found = Attacker("deepwordbug", 20).attack(victim, [replace(novel, label=label), plain])
    assert found[0].outcome in ("fooled", "held", "budget used")
    assert found[0].reason == "only the first 2,000 words were attacked"
    assert len(str(found[0].before.text).split()) == 2000
    assert facts(found[1:]) == facts(Attacker("deepwordbug", 20).attack(victim, [plain]))


def test_a_sentence_that_takes_too_long_is_lost_alone(bench, victim: Victim, monkeypatch: pytest.MonkeyPatch) -> None:
    sentences = some(bench, 4)
    expected = Attacker("pwws", 200).attack(victim, sentences)
    real = Trial._example

    def slow(trial: Trial) -> Any:
        if trial.text == sentences[1].text:
            trial._seconds = 0.0
        return real(trial)

    monkeypatch.setattr(Trial, "_example", slow)
    results = Attacker("pwws", 200, seconds=60.0, faces=("calibrated", "raw")).attack(victim, sentences)
    assert results[1].outcome == "failed"
    assert "exceeded the time limit" in results[1].reason
    assert not results[1].survives
    assert facts([results[0], *results[2:]]) == facts([expected[0], *expected[2:]])


def test_a_resource_that_disappears_meanwhile_is_named(
    bench, victim: Victim, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    attacker = Attacker("pwws", 200)
    done: list[Result] = []

    def lose(trial: Trial) -> Any:
        monkeypatch.setenv("ROSEARCH_HOME", str(tmp_path))
        monkeypatch.setenv("NLTK_DATA", str(tmp_path))
        raise LookupError("Resource wordnet not found")

    monkeypatch.setattr(Trial, "_example", lose)
    with pytest.raises(UserError, match="fetch") as caught:
        attacker.attack(victim, some(bench, 3), done.append)
    assert caught.value.field == "attack.recipe"


def test_an_attack_that_is_cancelled_keeps_what_has_ended(bench, victim: Victim) -> None:
    done: list[Result] = []

    def tell(result: Result) -> None:
        done.append(result)
        if len(done) == 3:
            raise KeyboardInterrupt

    sentences = some(bench, 8)
    with pytest.raises(KeyboardInterrupt):
        Attacker("pwws", 2000).attack(victim, sentences, tell)
    gc.collect()
    assert not [one for one in gc.get_objects() if isinstance(one, Task)], "nothing of it is left"
    whole = {r.target.sentence: r for r in Attacker("pwws", 2000).attack(victim, sentences)}
    assert facts(done) == facts([whole[result.target.sentence] for result in done])


def test_pairs_are_attacked_in_both_sentences(bench, victim: Victim) -> None:
    texts = bench.data.search_attack.texts
    pairs = [Target(n, (texts[n], texts[n + 10]), 0) for n in range(6)]
    labels = victim.probabilities([pair.text for pair in pairs]).argmax(axis=1)
    results = Attacker("pwws", 400).attack(
        victim, [replace(pair, label=int(label)) for pair, label in zip(pairs, labels, strict=True)]
    )
    for pair, result in zip(pairs, results, strict=True):
        assert result.outcome != "failed", result.reason
        assert result.before.text == pair.text
        assert isinstance(result.after.text, tuple)
        assert len(result.after.text) == 2
    changed = [r for r in results if r.after.text != r.before.text]
    assert changed


def times(victim: Victim, factor: float) -> Victim:
    """The same model with all logits multiplied: no prediction changes."""
    model = copy.deepcopy(victim.model)
    with torch.no_grad():
        model.classifier.weight.mul_(factor)
        model.classifier.bias.mul_(factor)
    return Victim(model, victim.tokenizer, victim.max_length, victim.temperature)


def test_confidence_does_not_pass_for_robustness(bench, victim: Victim) -> None:
    """Logits x 50 (Raina et al. 2024): no prediction changes, what is reported does not, and the raw figure beside it
    shows what another tool would have believed."""
    sentences, validation = some(bench, 40), encode_split(bench.data.validation, victim.tokenizer, 512)
    labels = bench.data.validation.labels
    loud = times(victim, 50.0)
    plain_logits, loud_logits = predict(victim.model, validation), predict(loud.model, validation)
    assert (plain_logits.argmax(1) == loud_logits.argmax(1)).all()
    victim.temperature, loud.temperature = fit_temperature(plain_logits, labels), fit_temperature(loud_logits, labels)
    assert loud.temperature == pytest.approx(50 * victim.temperature, rel=1e-4)
    texts = [target.text for target in sentences]
    np.testing.assert_allclose(loud.probabilities(texts), victim.probabilities(texts), atol=1e-5)

    attacker = Attacker("pwws", 2000, faces=("calibrated", "raw"), one_swap=True)
    calm, louder = (attacker.attack(one, sentences) for one in (victim, loud))
    # Of candidates that score alike to the last digits, times 50 may put another first.
    assert [(r.outcome, r.queries) for r in calm] == [(r.outcome, r.queries) for r in louder]
    before, after = (score(0.8, 10, results, 1.0) for results in (calm, louder))
    assert (after.robustness, after.held) == (before.robustness, before.held)
    assert after.calibrated_held == before.calibrated_held
    assert after.one_swap_held == before.one_swap_held
    assert before.raw_held is not None
    assert after.raw_held is not None
    assert after.raw_held > before.raw_held, "the illusion"


def test_softmax_keeps_what_a_float_can_hold() -> None:
    shares = softmax(np.array([[0.0, 40.0], [1e4, -1e4], [3.0, 3.0]]))
    assert shares.sum(axis=1) == pytest.approx(1.0)
    assert shares[0, 0] == pytest.approx(np.exp(-40.0))
    assert shares[2].tolist() == [0.5, 0.5]


def test_the_victim_agrees_with_the_model_asked_one_by_one(bench, victim: Victim) -> None:
    texts = [target.text for target in some(bench, 20)]
    victim.temperature = 3.0
    together = victim.probabilities(texts)
    for text, row in zip(texts, together, strict=True):
        batch = victim.tokenizer(text, return_tensors="pt")
        with torch.no_grad():
            alone = (victim.model(**batch).logits / 3.0).softmax(-1)[0]
        assert row == pytest.approx(alone.tolist(), abs=1e-5)


def result(outcome: Any, queries: int = 10) -> Result:
    said = Said("a film", 1, [0.2, 0.8])
    return Result(Target(1, "a film", 1), outcome, said, said, queries)


def test_the_four_numbers() -> None:
    results = [
        result("fooled", 20), result("fooled", 30), result("held", 40), result("budget used", 50),
        result("already wrong", 1), result("failed", 0),
    ]  # fmt: skip
    said = score(0.9, 100, results, 1.5)
    assert (said.held, said.attacked) == (2, 6)
    assert said.robustness == pytest.approx(2 / 6)
    assert said.success_rate == pytest.approx(0.5)
    assert said.mean_queries == pytest.approx(35)
    none = score(0.9, 100, [result("already wrong")], 1.5)
    assert (none.robustness, none.success_rate, none.mean_queries) == (0.0, None, 0.0)


def test_what_holds_holds_against_everything() -> None:
    def of(outcome: Any, raw: Any, flips: int | None) -> Result:
        swaps = None if flips is None else Swaps(9, flips, None)
        return replace(result(outcome), raw=result(raw), swaps=swaps)

    results = [
        of("held", "held", 0), of("held", "held", 1), of("fooled", "held", 0), of("held", "fooled", 0),
        of("already wrong", "already wrong", None), of("failed", "failed", None),
    ]  # fmt: skip
    said = score(0.9, 100, results, 1.5)
    assert (said.calibrated_held, said.raw_held, said.one_swap_held) == (3, 3, 3)
    assert said.held == 2, "of the calibrated 2 survive every swap too, of the raw 2"
    assert said.robustness == pytest.approx(2 / 6)
    alone = score(0.9, 100, [result("held"), result("fooled")], 1.5)
    assert (alone.held, alone.raw_held, alone.one_swap_held) == (1, None, None)


def test_a_result_is_stored_in_plain_values() -> None:
    import json

    pair = replace(result("fooled"), before=Said(("one", "two"), 1, [0.2, 0.8]))
    row = json.loads(json.dumps(example(pair)))
    assert row["before"] == {"text": ["one", "two"], "class": 1, "probabilities": [0.2, 0.8]}
    assert (row["sentence"], row["outcome"], row["label"], row["queries"]) == (1, "fooled", 1, 10)


def test_the_protocols_hash_tells_settings_and_data(workshop) -> None:
    base = AttackConfig(recipe="pwws")
    hashes = [
        protocol(config, data)["hash"]
        for config, data in (
            (base, "x"),
            (base, "y"),
            (base.model_copy(update={"query_budget": 99}), "x"),
            (base.model_copy(update={"recipe": "deepwordbug"}), "x"),
            (base.model_copy(update={"one_swap": False}), "x"),
            (base.model_copy(update={"precision": "bfloat16"}), "x"),
            (base.model_copy(update={"seconds": 9.0}), "x"),
        )
    ]
    assert len(set(hashes)) == 7
    assert protocol(base, "x")["hash"] == hashes[0]
    settings = str(protocol(base, "x")["settings"])
    assert "WordSwapWordNet" in settings
    assert "StopwordModification" in settings
    assert "0x" not in settings, "no address of this process"


def test_a_changed_constraint_is_another_protocol(workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    before = protocol(AttackConfig(recipe="pwws"), "x")["hash"], swap_store_key(AttackConfig(recipe="pwws"))
    monkeypatch.setattr("rosearch_engine.attack.protocol.REVISION", 999)
    after = protocol(AttackConfig(recipe="pwws"), "x")["hash"], swap_store_key(AttackConfig(recipe="pwws"))
    assert before[0] != after[0]
    assert before[1] != after[1]
