"""Sentences in batches: every row once, nothing but padding added, cut where the model ends."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from rosearch_engine.batching import Encoded, encode, reading_batches, training_batches
from tests.conftest import make_encoder

CPU = torch.device("cpu")
lengths = st.lists(st.integers(1, 200), min_size=1, max_size=300).map(np.array)

TEXTS = ["a fine film", "the plot is thin and the acting is worse", "fine"]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("tokenizer") / "encoder"
    make_encoder(folder, TEXTS * 3, [1, 0, 1] * 3)
    return AutoTokenizer.from_pretrained(folder)


@given(lengths, st.integers(1, 500), st.integers(0, 99))
def test_a_pass_of_training_sees_every_row_once(lengths: np.ndarray, tokens: int, seed: int) -> None:
    batches = training_batches(lengths, tokens, np.random.default_rng(seed))
    again = training_batches(lengths, tokens, np.random.default_rng(seed))
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    assert all(len(rows) == 1 or len(rows) * lengths[rows].max() <= tokens for rows in batches)
    assert all((a == b).all() for a, b in zip(batches, again, strict=True))


def test_passes_differ_and_training_batches_hold_like_lengths() -> None:
    lengths = np.random.default_rng(0).integers(1, 100, size=1000)
    rng = np.random.default_rng(0)
    first, second = training_batches(lengths, 1000, rng), training_batches(lengths, 1000, rng)
    assert not np.array_equal(np.concatenate(first), np.concatenate(second))
    padded = sum(len(rows) * lengths[rows].max() for rows in first)
    assert padded < 1.1 * lengths.sum()


@given(lengths, st.integers(1, 500))
def test_reading_sees_every_row_once_within_its_size(lengths: np.ndarray, tokens: int) -> None:
    batches = list(reading_batches(lengths, tokens))
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    assert all(len(rows) == 1 or len(rows) * lengths[rows].max() <= tokens for rows in batches)


def test_a_batch_is_the_sentences_and_padding(tokenizer) -> None:
    coded = encode(TEXTS, None, tokenizer, max_length=64)
    batch = coded.batch([2, 1], CPU)
    expected = tokenizer([TEXTS[2], TEXTS[1]], padding=True, return_tensors="pt")
    for name in ("input_ids", "attention_mask", "token_type_ids"):
        assert torch.equal(batch[name], expected[name]), name


def test_pairs_carry_their_types(tokenizer) -> None:
    coded = encode(TEXTS[:2], TEXTS[1:], tokenizer, max_length=64)
    expected = tokenizer(TEXTS[:2], TEXTS[1:], padding=True, return_tensors="pt")
    batch = coded.batch(np.arange(2), CPU)
    assert torch.equal(batch["input_ids"], expected["input_ids"])
    assert torch.equal(batch["token_type_ids"], expected["token_type_ids"])
    assert batch["token_type_ids"].max() == 1


def test_long_sentences_are_cut_and_empty_ones_kept(tokenizer) -> None:
    coded = encode(["fine " * 500, ""], None, tokenizer, max_length=16)
    assert coded.lengths.tolist() == [16, 2]
    assert coded.ids[coded.starts[1] - 1] == tokenizer.sep_token_id


def test_padding_is_the_tokenizers() -> None:
    coded = Encoded(np.array([5, 6, 7]), np.zeros(3, dtype=np.int8), np.array([0, 1, 3]), pad=9)
    batch = coded.batch([0, 1], CPU)
    assert batch["input_ids"].tolist() == [[5, 9], [6, 7]]
    assert batch["attention_mask"].tolist() == [[1, 0], [1, 1]]


def test_the_first_sentences_are_those_and_no_more(tokenizer) -> None:
    coded = encode(["a film", "a warm film", "dull"], None, tokenizer, 8)
    some = coded.head(2)
    assert some.lengths.tolist() == coded.lengths[:2].tolist()
    assert (some.batch([0, 1], CPU)["input_ids"] == coded.batch([0, 1], CPU)["input_ids"]).all()
    assert len(some.ids) == some.starts[-1]
    assert coded.head(99).lengths.tolist() == coded.lengths.tolist()
