"""Sentences as token numbers: encoded once, then cut into batches of like length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from rosearch_engine.data import Split


@dataclass(frozen=True)
class Encoded:
    """Token numbers of many sentences, end to end, and where each begins.

    Attributes:
        ids: `(tokens,)` token numbers of all sentences.
        types: `(tokens,)` 0 in the first sentence of a pair, 1 in the second.
        starts: `(sentences + 1,)` offsets into `ids`.
        pad: the tokenizer's padding number.
    """

    ids: np.ndarray
    types: np.ndarray
    starts: np.ndarray
    pad: int

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each sentence, `(sentences,)`."""
        return np.diff(self.starts)

    def batch(self, rows: Sequence[int] | np.ndarray, where: torch.device) -> dict[str, torch.Tensor]:
        """`input_ids`, `attention_mask`, `token_type_ids`, each `(batch, length)`, padded to the longest row."""
        rows = np.asarray(rows)
        lengths = self.lengths[rows]
        place = np.arange(int(lengths.max()))
        real = place < lengths[:, None]
        where_from = np.where(real, self.starts[rows][:, None] + place, 0)
        ids = np.where(real, self.ids[where_from], self.pad).astype(np.int64)
        types = np.where(real, self.types[where_from], 0).astype(np.int64)
        mask = real.astype(np.int64)
        named = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        return {name: torch.from_numpy(values).to(where) for name, values in named.items()}


def encode(
    texts: Sequence[str], pairs: Sequence[str] | None, tokenizer: PreTrainedTokenizerBase, max_length: int
) -> Encoded:
    """Token numbers of sentences or pairs, cut at `max_length` word pieces."""
    ids: list[np.ndarray] = []
    types: list[np.ndarray] = []
    for start in range(0, len(texts), 4096):
        second = None if pairs is None else list(pairs[start : start + 4096])
        coded = tokenizer(
            list(texts[start : start + 4096]),
            second,
            truncation=True,
            max_length=max_length,
            return_token_type_ids=True,
            return_attention_mask=False,
        )
        ids += [np.asarray(row, dtype=np.int32) for row in coded["input_ids"]]
        types += [np.asarray(row, dtype=np.int8) for row in coded["token_type_ids"]]
    starts = np.concatenate([[0], np.cumsum([len(row) for row in ids])])
    pad = tokenizer.pad_token_id
    return Encoded(np.concatenate(ids), np.concatenate(types), starts, 0 if pad is None else int(pad))


def encode_split(split: Split, tokenizer: PreTrainedTokenizerBase, max_length: int) -> Encoded:
    return encode(split.texts, split.pairs, tokenizer, max_length)


def training_batches(lengths: np.ndarray, batch: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """One pass over all rows: random batches of sentences of like length."""
    order = rng.permutation(len(lengths))
    # Sorting pools of fifty batches leaves little padding and still mixes the data.
    pools = [order[i : i + 50 * batch] for i in range(0, len(order), 50 * batch)]
    rows = np.concatenate([pool[np.argsort(lengths[pool], kind="stable")] for pool in pools])
    batches = [rows[i : i + batch] for i in range(0, len(rows), batch)]
    for index in rng.permutation(len(batches)):
        yield batches[index]


def reading_batches(lengths: np.ndarray, tokens: int = 8192) -> Iterator[np.ndarray]:
    """All rows by length, in batches of at most `tokens` padded tokens: for inference."""
    order = np.argsort(lengths, kind="stable")
    start = 0
    while start < len(order):
        end = start + 1
        while end < len(order) and (end + 1 - start) * lengths[order[end]] <= tokens:
            end += 1
        yield order[start:end]
        start = end
