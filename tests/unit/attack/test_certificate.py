"""Certificates: nothing that the lexicon allows flips a certified sentence, and every sum is what the model says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from rosearch_engine.attack.certificate import Certifier, _first_places
from rosearch_engine.attack.lexicon import Lexicon, named_lexicon
from rosearch_engine.attack.protocol import example, score
from rosearch_engine.attack.recipes.catalogue import lexicon_of
from rosearch_engine.attack.refute import Combinations, beam
from rosearch_engine.attack.result import refutation
from rosearch_engine.attack.run import Attacker, Target
from rosearch_engine.attack.victim import Victim
from rosearch_engine.config import build
from rosearch_engine.genome import Genome
from rosearch_engine.progress import Progress
from rosearch_engine.search.context import Context, prepare, targets
from rosearch_engine.search.evaluate import train

SETTINGS = ["space.vocabulary=words", "distil.kappa=0.5", "distil.epochs=1"]
CONTEXTS = {"bounded": ["space.ledger_bound=0.2"], "invariant": ["space.context=invariant", "space.coefficients=3"]}
MOST = 4_000  # combinations of a short sentence that are all tried
SHORT = 4  # words
BAG, BIGRAMS, INVARIANT = "bag of words", "bag of words and bigrams", "words weighed by an invariant graph"


@pytest.fixture(scope="module")
def contexts(made_workshop: Any) -> dict[str, Context]:
    with made_workshop.entered():
        return {
            name: prepare(build("standard", None, [*made_workshop.settings, *SETTINGS, *own]), Progress())
            for name, own in CONTEXTS.items()
        }


@pytest.fixture(scope="module")
def context(contexts: dict[str, Context]) -> Context:
    return contexts["bounded"]


@pytest.fixture(scope="module", params=[BAG, BIGRAMS, "ledger beside a graph", INVARIANT])
def trained(request: pytest.FixtureRequest, contexts: dict[str, Context], made_workshop: Any) -> Victim:
    context = contexts["invariant" if request.param == INVARIANT else "bounded"]
    bags = {BAG: Genome.bag("plain"), BIGRAMS: Genome.bag("plain", bigrams=997)}
    genome = bags.get(request.param) or context.space.chain(1)
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


@pytest.mark.parametrize("trained", [BAG, BIGRAMS, INVARIANT], indirect=True)
def test_a_sum_that_no_swap_moves_is_certified_exactly(
    trained: Victim, lexicon: Lexicon, sentences: list[Target]
) -> None:
    """The worst margin is reached: the sentence made of each word's worst swap has it."""
    assert trained.model.config.invariant or not trained.model.has_graph, "a graph may say less than its bound"
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


def has_seen_swaps(victim: Victim, lexicon: Lexicon, text: str) -> bool:
    """Whether an invariant graph reads some swap of a sentence otherwise than the word itself."""
    if not victim.model.has_graph:
        return False
    classes = victim.model.embedding.heads.numpy()
    read = [[victim.pieces.words([word, *lexicon.swaps(word)])] for word in lexicon.words(text)]
    return any(len({tuple(classes[list(ids)]) for ids in options}) > 1 for ((*options,),) in read)


@pytest.mark.parametrize("trained", [INVARIANT], indirect=True)
def test_swaps_leave_what_an_invariant_graph_says(trained: Victim, lexicon: Lexicon, sentences: list[Target]) -> None:
    """Whatever stands in the words' places, it weighs them alike and says the same beside them."""
    rng, compared = np.random.default_rng(0), 0
    for target in sentences:
        if has_seen_swaps(trained, lexicon, str(target.text)):
            continue
        texts = [str(target.text), *Combinations(str(target.text), lexicon).draw(rng, 5)]
        said = [trained.model(input_ids=torch.from_numpy(ids[None]).long()) for ids in trained.pieces.tokens(texts)]
        for other in said[1:]:
            assert torch.equal(other.coefficients, said[0].coefficients)
            assert torch.equal(other.context, said[0].context)
        compared += any(not torch.equal(other.ledger, said[0].ledger) for other in said[1:])
    assert compared > 10


def test_where_two_equal_tokens_leave_a_word_in_doubt_its_place_is_not_told() -> None:
    row = [2, 7, 7, 5, 3]  # a sign and a word that are both unknown
    assert _first_places([[7], [], [5]], row) == [1, None, 3]
    behind = _first_places([[5], [], [7]], row[::-1])
    assert behind is not None
    assert [len(row) - 1 - place for place in behind if place is not None] == [3, 2]
    assert _first_places([[5], [7]], row) is None


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
