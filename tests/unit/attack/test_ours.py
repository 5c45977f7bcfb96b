"""Our own attacks: they ask nothing twice, keep the budget, are no weaker than what they are made of, and a guide
guides while the final word decides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rosearch_engine.attack.pieces import Pieces, Text
from rosearch_engine.attack.run import Attacker, Target
from rosearch_engine.attack.victim import Victim
from rosearch_engine.errors import UserError
from rosearch_engine.search.context import targets
from tests.ledger import WithLedger

NO_LIMIT = 10**9


def some(bench: Any, count: int) -> list[Target]:
    return targets(bench.data.search_attack.head(count), bench.data.columns)


def test_border_first_asks_about_nothing_that_reads_alike(bench: Any, student: Victim) -> None:
    asked: dict[int, list[Text]] = {}

    def watch(sentence: int, texts: Any, _: np.ndarray) -> None:
        asked.setdefault(sentence, []).extend(texts)

    results = Attacker("border-first", NO_LIMIT).attack(student, some(bench, 12), watch=watch)
    for result in results:
        keys = student.pieces.read(asked[result.target.sentence])
        assert len(set(keys)) == len(keys) == result.queries


def test_border_first_is_no_weaker_than_its_single_swaps_nor_than_pwws(bench: Any, student: Victim) -> None:
    sentences = some(bench, 24)
    border = Attacker("border-first", NO_LIMIT, one_swap=True).attack(student, sentences)
    pwws = Attacker("pwws", NO_LIMIT).attack(student, sentences)
    for result in border:
        if result.swaps and result.swaps.flips:
            assert result.outcome == "fooled"
    assert sum(one.stands for one in border) <= sum(one.stands for one in pwws)


def test_a_victim_that_reads_everything_alike_is_asked_once(bench: Any, student: Victim) -> None:
    class Blind(Pieces):
        def read(self, texts: Any) -> list[bytes]:
            return [super(Blind, self).read(["same"])[0] for _ in texts]

    blind = Victim(student.model, student.tokenizer, 128, 1.0, pieces=Blind(student.tokenizer, 128))
    label = int(blind.logits(["same"])[0].argmax())
    (result,) = Attacker("border-first", 50).attack(blind, [Target(0, some(bench, 1)[0].text, label)])
    assert (result.outcome, result.queries) == ("held", 1)


@pytest.mark.parametrize("part", ["ledger", "context"])
def test_a_guide_needs_a_student_that_has_it(bench: Any, student: Victim, part: str) -> None:
    with pytest.raises(UserError, match=f"has no {part}") as caught:
        Attacker(f"pwws-by-{part}", 50).attack(student, some(bench, 1))
    assert caught.value.field == "attack.recipe"


@pytest.mark.parametrize("face", ["calibrated", "raw"])
def test_the_guide_guides_and_the_final_word_decides(bench: Any, face: Any) -> None:
    teacher = bench.teacher
    model: Any = WithLedger(teacher.model)
    victim = Victim(model, teacher.tokenizer, 128, temperature=1.0)
    sentences = some(bench, 16)
    plain, guided = (
        Attacker(name, NO_LIMIT, faces=(face,)).attack(victim, sentences) for name in ("pwws", "pwws-by-ledger")
    )
    for result in guided:
        final = int(victim.logits([result.after.text])[0].argmax())
        assert result.outcome != "failed", result.reason
        assert result.after.label == final
        assert (result.outcome == "fooled") == (final != result.target.label and result.before.label != final)
    assert [one.after.text for one in guided] != [one.after.text for one in plain], "the guide is not listened to"


def test_known_words_are_one_edit_away(bench: Any, student: Victim) -> None:
    Attacker("deepwordbug-two", 50)
    from rosearch_engine.attack.recipes.ours import KnownWords

    found = KnownWords()._get_replacement_words("Form")
    assert found
    assert all(word.istitle() and abs(len(word) - 4) <= 1 for word in found)


def test_two_edits_follow_their_seed_and_reach_further_than_one(bench: Any, student: Victim) -> None:
    sentences = some(bench, 8)
    first, again = (Attacker("deepwordbug-two", NO_LIMIT, seed=1).attack(student, sentences) for _ in range(2))
    assert first == again
    one = Attacker("deepwordbug", NO_LIMIT, seed=1).attack(student, sentences)
    assert sum(r.stands for r in first) <= sum(r.stands for r in one)
