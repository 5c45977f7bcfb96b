"""Sentences as token numbers: encoded once, then cut into batches of like length."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from rosearch_engine.codes import PLAIN, Code
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

    def head(self, count: int) -> Encoded:
        """The first `count` sentences."""
        starts = self.starts[: count + 1]
        return Encoded(self.ids[: starts[-1]], self.types[: starts[-1]], starts, self.pad)

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


def encode_split(split: Split, tokenizer: PreTrainedTokenizerBase, max_length: int, code: Code = PLAIN) -> Encoded:
    """Token numbers of a split's sentences after an input code."""
    pairs = None if split.pairs is None else [code.read(text) for text in split.pairs]
    return encode([code.read(text) for text in split.texts], pairs, tokenizer, max_length)


def join(parts: Iterable[Encoded]) -> Encoded:
    """The sentences of several, one after the other."""
    parts = list(parts)
    starts = np.concatenate([[0], np.cumsum(np.concatenate([part.lengths for part in parts]))])
    ids, types = (np.concatenate([getattr(part, name) for part in parts]) for name in ("ids", "types"))
    return Encoded(ids, types, starts, parts[0].pad)


def training_batches(lengths: np.ndarray, tokens: int, rng: np.random.Generator) -> list[np.ndarray]:
    """One pass over all rows: batches of sentences of like length, of at most `tokens` padded tokens, in random order.

    A budget of tokens keeps every step's work and memory alike, whatever the sentences' lengths.
    """
    order = rng.permutation(len(lengths))
    # Sorting pools of some fifty batches leaves little padding and still mixes the data.
    pool = max(1, int(50 * tokens / max(1.0, lengths.mean())))
    batches: list[np.ndarray] = []
    for start in range(0, len(order), pool):
        rows = order[start : start + pool]
        batches += [rows[some] for some in reading_batches(lengths[rows], tokens)]
    return [batches[index] for index in rng.permutation(len(batches))]


def training_plan(
    lengths_of: Callable[[int], np.ndarray], tokens: int, epochs: float, seed: int
) -> list[tuple[int, np.ndarray]]:
    """Every batch of a training, each with the number of its pass over the rows, from 0.

    Args:
        lengths_of: the rows' lengths in a pass, by its number.
    """
    rng = np.random.default_rng(seed)
    plan: list[tuple[int, np.ndarray]] = []
    for number in range(math.ceil(epochs)):
        batches = training_batches(lengths_of(number), tokens, rng)
        share = min(1.0, epochs - number)
        plan += [(number, rows) for rows in batches[: max(1, round(share * len(batches)))]]
    return plan


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
