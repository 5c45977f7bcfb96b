"""Certificates: nothing that the lexicon allows flips a certified sentence, and every sum is what the model says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rosearch_engine.attack.certificate import Certifier
from rosearch_engine.attack.lexicon import Lexicon, lexicon_of, named_lexicon
from rosearch_engine.attack.protocol import example, score
from rosearch_engine.attack.refute import Combinations, beam
from rosearch_engine.attack.result import refutation
from rosearch_engine.attack.run import Attacker, Target
from rosearch_engine.attack.victim import Victim
from rosearch_engine.config import build
from rosearch_engine.genome import Genome
from rosearch_engine.progress import Progress
from rosearch_engine.search.context import Context, prepare, targets
from rosearch_engine.search.evaluate import train

SETTINGS = ["space.vocabulary=words", "space.ledger_bound=0.2", "distil.kappa=0.5", "distil.epochs=1"]
MOST = 4_000  # combinations of a short sentence that are all tried
SHORT = 4  # words
BAG = "bag of words"


@pytest.fixture(scope="module")
def context(made_workshop: Any) -> Context:
    with made_workshop.entered():
        return prepare(build("standard", None, [*made_workshop.settings, *SETTINGS]), Progress())


@pytest.fixture(scope="module", params=[BAG, "ledger beside a graph"])
def trained(request: pytest.FixtureRequest, context: Context, made_workshop: Any) -> Victim:
    genome = Genome.bag("plain") if request.param == BAG else context.space.chain(1)
    with made_workshop.entered():
        model, _ = train(genome, context.config.search.seed, context, Progress())
    pieces = context.readings["plain"].pieces
    return Victim(model, context.tokenizer, context.teacher.max_length, 1.0, pieces=pieces)


@pytest.fixture(scope="module")
def lexicon(made_workshop: Any) -> Lexicon:
    with made_workshop.entered():
        return named_lexicon("pwws")


@pytest.fixture(scope="module")
def sentences(context: Context) -> list[Target]:
    return targets(context.data.search_attack, context.data.columns)


def shortened(target: Target) -> Target:
    """The beginning of a sentence, few enough words to try every combination."""
    return replace(target, text=" ".join(str(target.text).split()[:SHORT]))


def certifier(victim: Victim, lexicon: Lexicon) -> Certifier:
    return Certifier(victim.model, victim.pieces, victim.max_length, lexicon)


def test_nothing_refutes_a_certificate(trained: Victim, lexicon: Lexicon, sentences: list[Target]) -> None:
    rng = np.random.default_rng(0)
    every = [*sentences, *map(shortened, sentences)]
    proofs = certifier(trained, lexicon).certify([one.text for one in every], [one.label for one in every])
    certified = [one for one, proof in zip(every, proofs, strict=True) if proof.certified]
    assert len(certified) > 5, "with fewer, this says little"
    whole = 0
    for target in certified:
        all_of_it = Combinations(str(target.text), lexicon)
        assert all_of_it.text([0] * len(all_of_it.options)) == target.text
        if all_of_it.count <= MOST:
            texts, whole = list(all_of_it.every()), whole + 1
        else:
            texts = [*all_of_it.draw(rng, 200), *beam(trained, all_of_it, target.label)]
        assert (trained.logits(texts).argmax(axis=1) == target.label).all(), target.text
    assert whole > 3, "with fewer, no exhaustive try was made"


@pytest.mark.parametrize("trained", [BAG], indirect=True)
def test_a_bag_of_words_is_certified_exactly(trained: Victim, lexicon: Lexicon, sentences: list[Target]) -> None:
    """Of a bag of words the worst margin is reached: the sentence made of each word's worst swap has it."""
    assert not trained.model.has_graph, "a graph may say less than its bound"
    reached = 0
    for target in sentences:
        (proof,) = certifier(trained, lexicon).certify([target.text], [target.label])
        if proof.reason:
            continue
        all_of_it, worst = Combinations(str(target.text), lexicon), iter(proof.moves)
        picked = []
        for options in all_of_it.options:
            swap = next(worst).swap if len(options) > 1 else None
            picked.append(0 if swap is None else options.index(swap))
        logits = trained.logits([all_of_it.text(picked)])[0]
        margin = logits[target.label] - np.delete(logits, target.label).max()
        assert margin == pytest.approx(proof.worst, abs=1e-3)
        assert proof.certified == (margin > 1e-3) or abs(margin) < 2e-3
        reached += 1
    assert reached > 10


def test_an_attack_and_its_certificates(trained: Victim, lexicon: Lexicon, sentences: list[Target]) -> None:
    """No attack flips what is certified; the counts and the stored rows say which sentences those are."""
    results = Attacker("pwws", 2000, faces=("calibrated", "raw"), one_swap=True).attack(trained, sentences[:20])
    assert score(0.5, 20, results, 1.0).certified is None
    proved = certifier(trained, lexicon).add_to(results)
    assert not any(result.refutes for result in proved)
    said = score(0.5, 20, proved, 1.0)
    assert said.certified == sum(bool(example(result)["certified"]) for result in proved)
    assert said.certified <= said.held
    certificate = replace(proved[0].certificate, certified=True)  # type: ignore[type-var]
    wrong = replace(proved[0], certificate=certificate, outcome="fooled")
    assert wrong.refutes
    assert "bug" in refutation("s0001", wrong)


def test_who_can_be_asked(trained: Victim, lexicon: Lexicon, chain: Any) -> None:
    assert Certifier.of(trained.model, trained.pieces, trained.max_length, None) is None
    assert Certifier.of(chain, trained.pieces, trained.max_length, lexicon) is None
    assert Certifier.of(trained.model, trained.pieces, trained.max_length, lexicon) is not None
    assert lexicon_of("deepwordbug") is None
    assert lexicon_of("border-first") == lexicon_of("pwws") == "pwws"


@pytest.mark.parametrize("text", ["a good’film", "a [good] film", "<good> film", "x" * 10 + "good_film"])
def test_where_the_sum_may_not_hold_nothing_is_certified(trained: Victim, lexicon: Lexicon, text: str) -> None:
    for label in (0, 1):
        (proof,) = certifier(trained, lexicon).certify([text], [label])
        assert not proof.certified or Combinations(text, lexicon).count == 1


def test_a_text_longer_than_the_model_reads_is_not_certified(trained: Victim, lexicon: Lexicon) -> None:
    (proof,) = certifier(trained, lexicon).certify(["good film " * 400], [1])
    assert not proof.certified
    assert "maximum length" in proof.reason
