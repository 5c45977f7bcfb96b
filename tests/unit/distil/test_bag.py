"""The exact worst case of a bag of words, against every combination of swaps."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from rosearch_engine.batching import Encoded
from rosearch_engine.distil.bag import WorstCase, train_bag, worst_case_loss
from rosearch_engine.distil.corpus import Corpus, Special
from rosearch_engine.distil.swaps import SwapTable, tabulate
from rosearch_engine.teacher import Outputs

VOCABULARY = ["[UNK]", "good", "fine", "nice", "bad", "poor", "film", "movie", "odd"]
SWAPS = {"good": ("fine", "nice", "well spent"), "bad": ("poor",), "film": ("movie", "odd film"), "odd": ("odd",)}
TEXTS = ["good film", "bad film odd", "odd", "good good bad film", "nice"]
LABELS = np.array([0, 1, 2, 0, 1])


class Words:
    """A lexicon of a few words."""

    def words(self, text: str | tuple[str, ...]) -> list[str]:
        assert isinstance(text, str)
        return text.split()

    def swaps(self, word: str) -> tuple[str, ...]:
        return SWAPS.get(word, ())


def tokens(words: object) -> list[tuple[int, ...]]:
    numbers = {word: number for number, word in enumerate(VOCABULARY)}
    return [tuple(numbers.get(part, 0) for part in word.split()) for word in words]  # type: ignore[attr-defined]


def encoded() -> Encoded:
    rows = tokens(TEXTS)
    ids = np.array([token for row in rows for token in row], dtype=np.int32)
    starts = np.cumsum([0, *(len(row) for row in rows)])
    return Encoded(ids, np.zeros(len(ids), dtype=np.int8), starts, 0)


@pytest.fixture
def swaps() -> SwapTable:
    return tabulate(TEXTS, encoded(), [Words()], tokens, 0)


def every_combination(text: str) -> list[str]:
    return [" ".join(some) for some in itertools.product(*((word, *SWAPS.get(word, ())) for word in text.split()))]


@pytest.mark.parametrize("classes", [2, 3, 20])
def test_the_worst_case_is_that_of_every_combination(swaps: SwapTable, classes: int) -> None:
    table = torch.randn(len(VOCABULARY), classes, generator=torch.Generator().manual_seed(classes))
    rows = np.array([3, 0, 2, 1, 4, 3])
    labels = torch.from_numpy(LABELS[rows] % classes)

    def margins(text: str, label: int) -> torch.Tensor:
        said = table[list(tokens([text])[0])].sum(dim=0)
        return said[label] - said

    lost = WorstCase(swaps, torch.device("cpu")).losses(table, rows, labels)
    for row, label, found in zip(rows, labels.tolist(), lost, strict=True):
        worst = torch.stack([margins(text, label) for text in every_combination(TEXTS[row])]).amin(dim=0)
        torch.testing.assert_close(found, worst - margins(TEXTS[row], label))
        assert found[label] == 0


def test_the_loss_is_the_cross_entropy_where_nothing_is_lost() -> None:
    logits, labels = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 2, 1, 1])
    expected = torch.nn.functional.cross_entropy(logits, labels)
    torch.testing.assert_close(worst_case_loss(logits, torch.zeros(4, 3), labels), expected)
    assert worst_case_loss(logits, torch.zeros(4, 3), labels, spare=1.0) > expected


def test_a_table_of_swaps(swaps: SwapTable) -> None:
    sentences = encoded()
    for place, form in enumerate(swaps.places.tolist()):
        options = swaps.options.take(np.array([max(form, 0)]))[0]
        if form >= 0:
            assert swaps.tokens.take(options[:1])[0].tolist() == [sentences.ids[place]], "first the word itself"
        assert (form >= 0) == (VOCABULARY[sentences.ids[place]] in ("good", "bad", "film"))
    _, owners = swaps.forms.take(np.arange(len(TEXTS)))
    assert np.bincount(owners, minlength=len(TEXTS)).tolist() == [2, 2, 0, 4, 0]
    good = swaps.places[0]
    assert swaps.candidates.take(np.array([good]))[0].tolist() == [2, 3], "swaps of one known token only"
    assert tabulate(TEXTS, sentences, [], tokens, 0).is_empty


def corpus(swaps: SwapTable | None) -> Corpus:
    return Corpus(encoded(), LABELS, Outputs(np.zeros((len(TEXTS), 3)), None), Special(0, ()), swaps)


def test_a_bag_is_the_same_for_the_same_seed_and_knows_nothing_of_the_unknown(swaps: SwapTable) -> None:
    one, again = (train_bag(corpus(swaps), len(VOCABULARY), 3, 0.5, seed=1) for _ in range(2))
    assert torch.equal(one.table, again.table)
    assert torch.equal(one.bias, again.bias)
    assert (one.table[0] == 0).all()
    plain = train_bag(corpus(swaps), len(VOCABULARY), 3, 0.0, seed=1)
    assert not torch.equal(one.table, plain.table)
    nothing = train_bag(corpus(None), len(VOCABULARY), 3, 0.5, seed=1)
    assert torch.equal(plain.table, nothing.table), "without swaps there is no worst case"


def test_kappa_pays_in_the_exact_worst_case(swaps: SwapTable) -> None:
    rows, labels = np.arange(len(TEXTS)), torch.from_numpy(LABELS)
    worst = {}
    for kappa in (0.0, 0.7):
        bag = train_bag(corpus(swaps), len(VOCABULARY), 3, kappa, seed=0)
        said = torch.stack([bag.table[list(row)].sum(dim=0) for row in tokens(TEXTS)]) + bag.bias
        lost = WorstCase(swaps, torch.device("cpu")).losses(bag.table, rows, labels)
        worst[kappa] = worst_case_loss(said, lost, labels).item()
    assert worst[0.7] < worst[0.0]
