"""The adversary's copies: the worst candidates to first order, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from rosearch_engine.config import DistilConfig
from rosearch_engine.distil.adversary import Adversary
from rosearch_engine.distil.corpus import Special
from rosearch_engine.distil.swaps import tabulate
from rosearch_engine.student.modeling import RoSearchConfig, RoSearchForSequenceClassification
from tests.unit.distil.test_bag import LABELS, SWAPS, TEXTS, VOCABULARY, Words, encoded, tokens

ROWS = np.array([3, 0, 1, 4])


def model_of(bound: float | None) -> RoSearchForSequenceClassification:
    torch.manual_seed(0)
    node = {"operation": "transformer", "heads": 2, "feed_forward": 16, "activation": "gelu", "teacher_layer": 1}
    sizes: dict[str, Any] = {"hidden_size": 8, "embedding_rank": 4, "head_size": 4, "max_position_embeddings": 16}
    config = RoSearchConfig(
        len(VOCABULARY), **sizes, nodes=[node], edges=[[0, 1], [1, 2]], ledger_bound=bound, num_labels=3
    )
    model = RoSearchForSequenceClassification(config).train()
    if model.ledger is not None:
        model.ledger.requires_grad_(False)
        torch.nn.init.normal_(model.ledger.table.weight)
    return model


def copies_of(model: RoSearchForSequenceClassification, **settings: float) -> tuple[torch.Tensor, torch.Tensor]:
    sentences = encoded()
    swaps = tabulate(TEXTS, sentences, [Words()], tokens, 0)
    config = DistilConfig(adversary="gradient", **{"unknown_share": 0.0} | settings)
    special = Special(0, (VOCABULARY.index("odd"),))
    adversary = Adversary(model, sentences, swaps, special, config, seed=0)
    batch = sentences.batch(ROWS, torch.device("cpu"))
    loss_of(model, batch).backward()
    return batch["input_ids"], adversary.copies(ROWS, batch)["input_ids"]


def loss_of(model: RoSearchForSequenceClassification, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(model(**batch).logits, torch.from_numpy(LABELS[ROWS]))


@pytest.mark.parametrize("bound", [None, 0.5])
def test_each_word_takes_its_worst_candidate_to_first_order(bound: float | None) -> None:
    model = model_of(bound)
    before, after = copies_of(model)
    batch = encoded().batch(ROWS, torch.device("cpu"))
    kept: list[torch.Tensor] = []

    def keep(module: torch.nn.Module, inputs: Any, states: torch.Tensor) -> None:
        kept.append(states)

    hook = model.embedding.register_forward_hook(keep)
    said = model(**batch)
    hook.remove()
    if bound is not None:
        ledger = said.ledger.detach().requires_grad_()
        context = said.context - said.context.mean(dim=-1, keepdim=True)
        logits = ledger + bound * torch.tanh(context / bound)
    else:
        ledger, logits = None, said.logits
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(LABELS[ROWS]))
    (gradient, *rest) = torch.autograd.grad(loss, [kept[0], *([] if ledger is None else [ledger])])
    felt = rest[0] if rest else None
    swapped = 0
    for row in range(len(ROWS)):
        for place, own in enumerate(before[row].tolist()):
            names = [swap for swap in SWAPS.get(VOCABULARY[own], ()) if swap in VOCABULARY and swap != VOCABULARY[own]]
            if not batch["attention_mask"][row, place]:
                names = []
            rises = {own: 0.0}
            for name in names:
                other, changed = VOCABULARY.index(name), before.clone()
                changed[row, place] = other
                with torch.no_grad():
                    step = model.embedding(changed, None)[row, place] - kept[0][row, place]
                    rise = step @ gradient[row, place]
                    if felt is not None and model.ledger is not None:
                        table = model.ledger.table.weight
                        rise = rise + (table[other] - table[own]) @ felt[row]
                rises[other] = rise.item()
            assert after[row, place] == max(rises, key=rises.__getitem__)
            swapped += int(after[row, place] != own)
    assert swapped, "some word can be made worse"


def test_unknown_words_are_made_and_what_frames_a_sentence_stays() -> None:
    before, after = copies_of(model_of(None), unknown_share=0.5)
    protected = before == VOCABULARY.index("odd")
    assert protected.any()
    assert torch.equal(after[protected], before[protected])
    assert (after == 0)[before != 0].any()


def test_the_graph_moves_no_class_further_than_its_bound() -> None:
    model = model_of(0.5).eval()
    with torch.no_grad():
        model.classifier.weight.mul_(1e4)
        said = model(**encoded().batch(np.arange(len(TEXTS)), torch.device("cpu")))
    moved = (said.logits - said.ledger).abs()
    assert moved.max() <= 0.5 + 1e-6
    assert moved.max() > 0.49
