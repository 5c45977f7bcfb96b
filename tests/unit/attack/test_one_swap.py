"""Exact one-swap robustness: equal to asking every text by itself, and out of reach of confidence."""

from __future__ import annotations

import copy
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from rosearch_engine.attack.imports import textattack
from rosearch_engine.attack.one_swap import margin
from rosearch_engine.attack.protocol import score
from rosearch_engine.attack.run import Attacker, Target
from rosearch_engine.attack.victim import Victim
from rosearch_engine.errors import UserError
from rosearch_engine.search.context import targets


@pytest.fixture(scope="module")
def sentences(bench) -> list[Target]:
    return targets(bench.data.search_attack.head(12), bench.data.columns)


def substitutions(text: str) -> set[str]:
    """Every text with one word put for a WordNet synonym, worked out without our code or TextAttack's attack."""
    from nltk.corpus import stopwords, wordnet

    library = textattack()
    original = library.shared.AttackedText(text)
    found = set()
    for place, word in enumerate(original.words):
        if word in stopwords.words("english"):  # as written, so that "I" is none: TextAttack's own rule
            continue
        names = {name for synset in wordnet.synsets(word) for name in synset.lemma_names()}
        for name in names:
            if name != word and "_" not in name and len(library.shared.utils.words_from_text(name)) == 1:
                found.add(original.replace_word_at_index(place, name).text)
    return found - {text}


def test_it_equals_brute_force(bench, student: Victim, sentences: list[Target]) -> None:
    capital = "I thought the plot dull"
    sentences = [*sentences, Target(12, capital, int(student.logits([capital])[0].argmax()))]
    found = Attacker("pwws", 2000).swaps(student, sentences)
    assert any(swaps is None for swaps in found) or any(swaps and swaps.flips for swaps in found)
    for target, swaps in zip(sentences, found, strict=True):
        assert isinstance(target.text, str)
        if student.probabilities([target.text])[0].argmax() != target.label:
            assert swaps is None
            continue
        texts = sorted(substitutions(target.text))
        # One by one, so that no batch and no memory can help.
        logits = np.concatenate([Victim(student.model, student.tokenizer, 128, 1.0).logits([text]) for text in texts])
        assert swaps is not None
        assert (swaps.asked, swaps.flips) == (len(texts), int((logits.argmax(axis=1) != target.label).sum()))
        assert swaps.worst is not None
        assert margin(student.logits([swaps.worst.text]), target.label)[0] == pytest.approx(
            margin(logits, target.label).min(), abs=1e-5
        )


@pytest.mark.parametrize("factor", [0.01, 3.0, 50.0])
def test_no_rescaling_of_the_logits_changes_it(student: Victim, sentences: list[Target], factor: float) -> None:
    model = copy.deepcopy(student.model)
    with torch.no_grad():
        model.classifier.weight.mul_(factor)
        model.classifier.bias.mul_(factor)
    scaled = Victim(model, student.tokenizer, 128, temperature=1.0)
    attacker = Attacker("pwws", 2000)
    plain, other = attacker.swaps(student, sentences), attacker.swaps(scaled, sentences)
    assert [s and (s.asked, s.flips) for s in plain] == [s and (s.asked, s.flips) for s in other]


def test_it_is_never_above_clean_accuracy_nor_is_what_counts_as_held(student: Victim, sentences: list[Target]) -> None:
    attacker = Attacker("pwws", 2000, faces=("calibrated", "raw"), one_swap=True)
    results = attacker.attack(student, sentences)
    logits = student.logits([target.text for target in sentences])
    right = int((logits.argmax(1) == [t.label for t in sentences]).sum())
    said = score(0.0, 1, results, 1.0)
    assert said.one_swap_held is not None
    assert said.one_swap_held <= right
    assert said.held <= min(said.one_swap_held, said.calibrated_held or 0, said.raw_held or 0)
    alone = attacker.swaps(student, sentences)
    found = [result.swaps for result in results]
    assert [s and (s.asked, s.flips) for s in found] == [(s.asked, s.flips) if s else (0, 0) for s in alone]
    # A flip by one swap is within reach of a search that may swap more; where the search missed it, it still counts.
    for result in results:
        if result.swaps and result.swaps.flips:
            assert not result.survives


def test_already_wrong_sentences_are_not_asked_further(student: Victim, sentences: list[Target]) -> None:
    turned = [replace(target, label=1 - target.label) for target in sentences]
    for target, swaps in zip(turned, Attacker("pwws", 2000).swaps(student, turned), strict=True):
        wrong = student.probabilities([target.text])[0].argmax() != target.label
        assert (swaps is None) == wrong


def test_two_swaps_are_all_pairs(student: Victim) -> None:
    target = Target(0, "a dull film", 0)
    target = replace(target, label=int(student.logits([target.text])[0].argmax()))
    found = Attacker("pwws", 2000).swaps(student, [target], two=True)[0]
    assert found is not None
    once = substitutions("a dull film")
    words = [{text.split()[place] for text in once} for place in range(3)]
    pairs = {f"a {dull} {film}" for dull, film in product(words[1], words[2])} - {"a dull film"}
    assert found.asked == len(pairs)
    logits = student.logits(sorted(pairs))
    assert found.flips == int((logits.argmax(1) != target.label).sum())


def test_a_recipe_that_draws_its_candidates_has_no_such_set(student: Victim, sentences: list[Target]) -> None:
    with pytest.raises(UserError, match="sampled at random"):
        Attacker("deepwordbug", 100).swaps(student, sentences)
    assert Attacker("deepwordbug", 100, one_swap=True).attack(student, sentences[:2])[0].swaps is None
