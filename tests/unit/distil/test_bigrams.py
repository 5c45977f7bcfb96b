"""Bags of words and bigrams: their exact worst case in training and in certificates, and the gene that makes them."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch

from rosearch_engine.attack.chain import said, worst_path
from rosearch_engine.attack.lexicon import Lexicon
from rosearch_engine.batching import Encoded
from rosearch_engine.config import build as settings_of
from rosearch_engine.distil.bigrams import bigram_keys, lattice, least_margins
from rosearch_engine.distil.swaps import SwapTable
from rosearch_engine.errors import UserError
from rosearch_engine.genome import Genome, Space, cost
from rosearch_engine.genome.operators import crossover, mutate, sample
from rosearch_engine.inference import predict
from rosearch_engine.progress import Progress
from rosearch_engine.ragged import Ragged
from rosearch_engine.search.context import Context, prepare
from rosearch_engine.search.evaluate import student
from rosearch_engine.student.bag import Bag
from rosearch_engine.student.modeling import bigram_key, bigram_rows, bigram_slot

ROWS = 997
SETTINGS = [
    "space.vocabulary=words",
    'space.contexts=["none","bounded"]',
    "space.kappas=[0.0,0.4]",
    f"space.bigrams=[0,{ROWS}]",
    'space.codes=["plain","characters"]',
    "distil.adversary=gradient",
]


@pytest.fixture(scope="module")
def context(made_workshop: Any) -> Context:
    """The workshop with whole words, where students without a graph may read bigrams."""
    with made_workshop.entered():
        return prepare(settings_of("standard", None, [*made_workshop.settings, *SETTINGS]), Progress())


@pytest.fixture(scope="module")
def model(context: Context) -> Any:
    return student(Genome.bag("plain", 0.4, ROWS), 0, context).eval()


def margins_of(tokens: np.ndarray, bag: Bag, label: int) -> torch.Tensor:
    assert bag.bigrams is not None
    total = bag.table[tokens].sum(dim=0) + bag.bigrams[bigram_rows(tokens[:-1], tokens[1:], bag.keys)].sum(dim=0)
    return total[label] - total


def test_the_least_margins_are_those_of_every_combination(context: Context) -> None:
    corpus = context.readings["plain"].corpus
    swaps, sentences = corpus.swaps, corpus.sentences
    assert swaps is not None
    draw = torch.Generator().manual_seed(0)
    words, pairs = (torch.randn(rows, 3, generator=draw) for rows in (len(context.read.pieces), ROWS))
    pairs[-1] = 0.0  # of pairs that have no row
    bag = Bag(words, torch.zeros(3), pairs, bigram_keys(sentences, ROWS, corpus.special.unknown))

    def options(row: int) -> list[list[int]]:
        start, end = sentences.starts[row : row + 2]
        return [
            [int(token), *(swaps.candidates.take(np.array([form]))[0].tolist() if form >= 0 else [])]
            for token, form in zip(sentences.ids[start:end], swaps.places[start:end], strict=True)
        ]

    sizes = [np.prod([float(len(each)) for each in options(row)]) for row in range(300)]
    rows = np.array([row for row, size in enumerate(sizes) if 4 < size < 3_000][:10])
    assert len(rows) == 10
    labels = torch.randint(3, (len(rows),), generator=draw)
    assert bag.keys is not None
    found = least_margins(lattice(sentences, swaps, bag.keys, corpus.special.unknown), rows, bag, labels)
    for place, row in enumerate(rows):
        every = [
            margins_of(np.array(chosen), bag, int(labels[place])) for chosen in itertools.product(*options(int(row)))
        ]
        assert torch.allclose(found[place], torch.stack(every).amin(dim=0), atol=1e-4)


def test_the_least_margins_of_random_sentences_are_exact() -> None:
    """Short ones too, with swaps that are the word itself, and rows that neighbours share with nobody."""
    rng, draw = np.random.default_rng(0), torch.Generator().manual_seed(0)
    for _ in range(60):
        lengths = rng.integers(0, 5, size=4)
        starts = np.concatenate([[0], np.cumsum(lengths)])
        ids, forms = rng.integers(1, 12, size=starts[-1]), rng.integers(-1, 4, size=starts[-1])
        others = [rng.integers(1, 12, size=rng.integers(3)) for _ in range(4)]
        swaps = SwapTable(Ragged([]), Ragged([]), Ragged([]), forms, Ragged(others))
        keys = np.full(36, -1)
        left, right = rng.integers(1, 12, size=(2, 30))
        keys[bigram_slot(left, right, 36)] = bigram_key(left, right)
        bag = Bag(torch.randn(12, 2, generator=draw), torch.zeros(2), torch.randn(37, 2, generator=draw), keys)
        bag.bigrams[-1] = 0.0  # type: ignore[index]
        rows = rng.permutation(4)
        options = lattice(Encoded(ids, ids, starts, 0), swaps, keys, unknown=0)
        found = least_margins(options, rows, bag, torch.zeros(4, dtype=torch.long))
        for place, row in enumerate(rows):
            of = range(starts[row], starts[row + 1])
            parts = [[ids[at], *(others[forms[at]] if forms[at] >= 0 else ())] for at in of]
            every = [margins_of(np.array(chosen, dtype=int), bag, 0) for chosen in itertools.product(*parts)]
            assert torch.allclose(found[place], torch.stack(every).amin(dim=0), atol=1e-4)


def test_the_worst_path_is_the_least_of_all_and_what_words_take_adds_up() -> None:
    rng = np.random.default_rng(0)
    for _ in range(40):
        words, pairs = rng.normal(size=30), rng.normal(size=400)
        keys = np.full(399, -1)
        left, right = rng.integers(30, size=(2, 600))
        keys[bigram_slot(left, right, 399)] = bigram_key(left, right)
        places = [
            [rng.integers(30, size=rng.integers(1, 3)).tolist() for _ in range(rng.integers(1, 4))] for _ in range(6)
        ]
        every = {}
        for path in itertools.product(*(range(len(options)) for options in places)):
            tokens = np.concatenate([places[at][one] for at, one in enumerate(path)])
            every[path] = float(said(tokens, words[:, None], pairs[:, None], keys)[0])
        worst = worst_path(places, words, pairs, keys)
        assert worst.margin == pytest.approx(min(every.values()))
        assert every[tuple(worst.path)] == pytest.approx(worst.margin)
        assert worst.taken.sum() == pytest.approx(every[(0,) * 6] - worst.margin)


def test_it_fits_what_words_alone_do_not(context: Context) -> None:
    corpus = context.readings["plain"].corpus
    right = [
        (
            predict(student(Genome.bag("plain", 0.0, rows), 0, context).eval(), corpus.sentences).argmax(axis=1)
            == corpus.labels
        ).mean()
        for rows in (0, ROWS)
    ]
    assert right[1] > right[0]


def test_a_student_says_what_its_words_and_pairs_add_up_to(context: Context, model: Any) -> None:
    sentences = context.readings["plain"].validation
    ledger = model.ledger
    bag = Bag(ledger.table.weight.detach(), ledger.bias.detach(), ledger.bigrams.weight.detach(), ledger.keys.numpy())
    assert (ledger.keys >= 0).any()
    logits = predict(model, sentences)
    for row in range(20):
        start, end = sentences.starts[row : row + 2]
        margins = margins_of(sentences.ids[start:end], bag, 0) + bag.bias[0] - bag.bias
        assert (logits[row, 0] - logits[row]) == pytest.approx(margins.numpy(), abs=1e-4)
    counted = cost(Genome.bag("plain", 0.4, ROWS), context.frame).weights
    assert counted == sum(weight.numel() for weight in model.parameters())


def test_no_combination_flips_what_is_certified_and_the_worst_one_is_met(
    context: Context, model: Any, workshop: Any
) -> None:
    certifier = context.certifier(model, "plain")
    assert certifier is not None
    lexicon, pieces = Lexicon("pwws"), context.readings["plain"].pieces
    data = context.data.validation
    texts = [" ".join(text.split()[:6]) for text in data.texts[:80]]
    labels = [int(label) for label in data.labels[:80]]
    proofs = certifier.certify(texts, labels)
    assert any(proof.certified for proof in proofs)
    tried = 0
    for text, label, proof in zip(texts, labels, proofs, strict=True):
        parts = [[word, *lexicon.swaps(word)] for word in lexicon.words(text)]
        if proof.reason or not 1 < np.prod([float(len(part)) for part in parts]) <= 2_000:
            continue
        tried += 1
        every = []
        for chosen in itertools.product(*parts):
            swapped, end = "", 0
            for word, new in zip(lexicon.words(text), chosen, strict=True):
                begin = text.index(word, end)
                swapped += text[end:begin] + new
                end = begin + len(word)
            every.append(swapped + text[end:])
        logits = predict(model, pieces.encoded(pieces.read(every)))
        least = float((logits[:, label] - np.delete(logits, label, axis=1).max(axis=1)).min())
        assert least == pytest.approx(proof.worst, abs=1e-4)
        assert sum(move.loss for move in proof.moves) == pytest.approx(proof.margin - proof.worst, abs=1e-4)
    assert tried >= 5


def test_the_gene_is_searched_where_the_space_has_it_and_leaves_all_else_as_it_was(context: Context) -> None:
    space = context.space
    rng = np.random.default_rng(0)
    drawn = [sample(space, rng) for _ in range(200)]
    assert {genome.bigrams for genome in drawn if genome.is_bag} == {0, ROWS}
    assert {genome.bigrams for genome in drawn if not genome.is_bag} == {0}
    parent, seen = Genome.bag("plain", 0.4, ROWS), set()
    for _ in range(200):
        child, words = mutate(parent, space, rng)
        seen.add(words.split(" ")[0])
        assert child != parent
        assert child.is_bag or child.bigrams == 0
        crossed = crossover(child, parent, space, rng)
        assert not crossed.bigrams or crossed.is_bag
    assert {"rows", "kappa", "code", "a"} <= seen
    assert Genome.from_dict(parent.as_dict()) == Genome.stored(parent.as_dict()) == parent
    assert "bigrams" not in Genome.bag("plain", 0.4).as_dict()
    config = context.config.space.model_copy(update={"bigrams": ()})
    without = Space.of(config, context.frame)
    draws = np.random.default_rng(7)
    assert not any(sample(without, draws).bigrams for _ in range(50))


@pytest.mark.parametrize("rows", [-1, 1, 5_000_000])
def test_rows_out_of_range_are_refused(rows: int) -> None:
    with pytest.raises(UserError, match="bigrams"):
        Genome.bag("plain", None, rows)
    with pytest.raises(UserError, match="bigrams"):
        settings_of("standard", None, [f"space.bigrams=[{rows}]"])


def test_beside_a_graph_there_are_none(context: Context) -> None:
    row = context.space.chain(1).as_dict() | {"bigrams": 8}
    with pytest.raises(UserError, match="beside a graph"):
        Genome.from_dict(row)


def test_a_row_belongs_to_the_most_frequent_pair_that_falls_on_it(context: Context) -> None:
    corpus = context.readings["plain"].corpus
    sentences = corpus.sentences
    counts = Counter(
        pair
        for start, end in itertools.pairwise(sentences.starts)
        for pair in itertools.pairwise(sentences.ids[start:end].tolist())
        if corpus.special.unknown not in pair
    )
    keys = bigram_keys(sentences, ROWS, corpus.special.unknown)
    owners: dict[int, int] = {}
    owned = [divmod(int(key), 2**24) for key in keys[keys >= 0]]
    for (left, right), count in counts.items():
        slot = int(bigram_slot(np.array(left), np.array(right), ROWS - 1))
        owners[slot] = max(owners.get(slot, 0), count)
        row = int(bigram_rows(np.array(left), np.array(right), keys))
        assert row in (slot, ROWS - 1)
    assert {int(slot) for slot in np.flatnonzero(keys >= 0)} == {slot for slot, count in owners.items() if count >= 2}
    for pair in owned:
        assert counts[pair] == owners[int(bigram_slot(np.array(pair[0]), np.array(pair[1]), ROWS - 1))]
