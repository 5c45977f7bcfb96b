"""The watch over single-step overfitting: what is measured at the end of a training against the adversary."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from rosearch_engine.config import build as settings_of
from rosearch_engine.distil.adversary import Adversary
from rosearch_engine.distil.loop import Distillation, Training
from rosearch_engine.distil.overfitting import SENTENCES, sample, under_attack
from rosearch_engine.progress import Progress
from rosearch_engine.search.context import Context, prepare
from rosearch_engine.search.evaluate import student
from rosearch_engine.student.modeling import RoSearchForSequenceClassification


@pytest.fixture(scope="module", params=["with a ledger", "without"])
def context(request: pytest.FixtureRequest, made_workshop: Any) -> Context:
    bound = "0.5" if request.param == "with a ledger" else "null"
    more = [f"space.ledger_bound={bound}", "space.vocabulary=words", "distil.adversary=gradient", "distil.epochs=0.5"]
    with made_workshop.entered():
        return prepare(settings_of("standard", None, [*made_workshop.settings, *more]), Progress())


def trained(
    context: Context, stretches: tuple[int, ...] = (), **changed: Any
) -> tuple[RoSearchForSequenceClassification, Training]:
    model = student(context.space.chain(1), 3, context)
    config = context.config.distil.model_copy(update=changed)
    training = Distillation(model, context.readings["plain"].corpus, config, 3)
    for until in stretches:
        assert training.run(until, Progress()).adversarial is None, "it is measured at the end"
    return model, training.run(training.steps, Progress())


def test_a_training_against_the_adversary_says_what_refinement_finds(context: Context) -> None:
    model, training = trained(context)
    assert training.adversarial is not None
    first, worst = training.adversarial
    assert np.isfinite([first, worst]).all()
    assert 0 < first <= worst
    assert all(weight.grad is None for weight in model.parameters()), "measuring taught it something"
    assert trained(context)[1].adversarial == training.adversarial
    assert trained(context, (2, 5))[1].adversarial == training.adversarial


def test_what_is_drawn_in_training_is_not_drawn_in_measuring(context: Context) -> None:
    """A student that learnt nothing is hurt alike, whatever share of its words the adversary swaps in a step."""
    still: dict[str, Any] = {"learning_rate": 1e-12, "epochs": 0.1}
    some = trained(context, adversary_share=0.3, unknown_share=0.4, **still)[1].adversarial
    every = trained(context, adversary_share=1.0, unknown_share=0.0, **still)[1].adversarial
    assert some == pytest.approx(every, rel=1e-4)


def test_without_an_adversary_nothing_is_measured(context: Context) -> None:
    assert trained(context, adversary="off", epochs=0.1)[1].adversarial is None


def test_copies_hurt_and_refinement_never_lowers_what_is_found(context: Context) -> None:
    """Held against the first copy made by hand, sentence by sentence."""
    corpus = context.readings["plain"].corpus
    model = trained(context, adversary="off")[0].train()
    assert corpus.swaps is not None
    adversary = Adversary(model, corpus.sentences, corpus.swaps, corpus.special, context.config.distil, 0)

    def losses(batch: dict[str, torch.Tensor], rows: np.ndarray) -> torch.Tensor:
        return F.cross_entropy(model(**batch).logits, torch.from_numpy(corpus.labels[rows]), reduction="none")

    where = torch.device("cpu")
    first, worst = under_attack(corpus, adversary, losses, 640, where)
    assert first < worst, "no refinement found anything: it is of no use"
    rows = sample(corpus)
    assert len(set(rows.tolist())) == min(SENTENCES, len(corpus.labels))
    batch = corpus.sentences.batch(rows, where)
    adversary.feel(losses(batch, rows).sum())
    copies = adversary.refined(rows, batch, batch["input_ids"])
    with torch.no_grad():
        clean, hurt = losses(batch, rows).mean().item(), losses(copies, rows).mean().item()
    assert clean < hurt
    assert first == pytest.approx(hurt, rel=1e-4)


def test_a_word_of_a_copy_becomes_one_of_its_swaps_or_what_it_was(context: Context) -> None:
    corpus = context.readings["plain"].corpus
    model = student(context.space.chain(1), 0, context).train()
    swaps, rows = corpus.swaps, np.arange(20)
    assert swaps is not None
    adversary = Adversary(model, corpus.sentences, swaps, corpus.special, context.config.distil, 0)
    batch = original = corpus.sentences.batch(rows, torch.device("cpu"))
    back = 0
    for turn in range(4):
        # The loss is turned about each time, so that words go back and forth.
        adversary.feel((-1) ** turn * model(**batch).logits[:, 0].sum())
        before, batch = batch, adversary.refined(rows, batch, original["input_ids"])
        for row, place in torch.nonzero(batch["input_ids"] != original["input_ids"]).tolist():
            form = int(swaps.places[corpus.sentences.starts[row] + place])
            assert int(batch["input_ids"][row, place]) in swaps.candidates.take(np.array([form]))[0]
        was_swapped = before["input_ids"] != original["input_ids"]
        back += int((was_swapped & (batch["input_ids"] == original["input_ids"])).sum())
    assert back > 0
