"""Texts as token numbers, remembered: every student of a run reads the same tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from lru import LRU
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase

from rosearch_engine.batching import Encoded
from rosearch_engine.codes import PLAIN, Code
from rosearch_engine.errors import UserError

Text = str | tuple[str, ...]

# Texts remembered: what single swaps make of some thousand sentences, in about 60 MB.
REMEMBERED = 2**17


class Pieces:
    """A tokenizer that remembers the texts it has read, each after the student's input code.

    Attributes:
        hits: texts answered from memory.
        misses: texts that were tokenised.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        max_length: int,
        code: Code = PLAIN,
        remembered: int = REMEMBERED,
    ) -> None:
        self._code = code
        # That of an exported checkpoint has its code in it, before the core that is read with here.
        self._own: Callable[[str], str] | None = getattr(tokenizer, "canonical", None)
        self._reader = _reader(tokenizer, max_length)
        self._known: LRU[Text, bytes] = LRU(remembered)
        self._pad = int(tokenizer.pad_token_id or 0)
        self.hits = self.misses = 0

    def __getstate__(self) -> dict[str, Any]:
        # What it remembers stays behind.
        return self.__dict__ | {"_known": self._known.get_size()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state | {"_known": LRU(state["_known"])}

    def read(self, texts: Sequence[Text]) -> list[bytes]:
        """What the model reads of each text; equal for texts that it cannot tell apart."""
        found = [self._known.get(text) for text in texts]
        missing = list(dict.fromkeys(text for text, key in zip(texts, found, strict=True) if key is None))
        self.hits += sum(key is not None for key in found)
        self.misses += len(missing)
        new = dict(zip(missing, self._read(missing), strict=True)) if missing else {}
        self._known.update(new)
        return [new[text] if key is None else key for text, key in zip(texts, found, strict=True)]

    def encoded(self, keys: Sequence[bytes]) -> Encoded:
        """What `read` gave, as token numbers."""
        ids = [np.frombuffer(key, dtype=np.int32) for key in keys]
        starts = np.concatenate([[0], np.cumsum([len(one) for one in ids])])
        joined = np.concatenate(ids) if ids else np.zeros(0, dtype=np.int32)
        # The sign carries the side of a pair, so that a text's key is one row of numbers.
        side = (joined < 0).astype(np.int8)
        return Encoded(np.where(joined < 0, ~joined, joined), side, starts, self._pad)

    def tokens(self, texts: Sequence[Text]) -> list[np.ndarray]:
        """Token numbers of each text, the special ones included, cut where the model stops reading."""
        found = [np.frombuffer(key, dtype=np.int32) for key in self.read(texts)]
        return [np.where(ids < 0, ~ids, ids) for ids in found]

    def words(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """Token numbers of words by themselves."""
        read = self._reader.encode_batch_fast([self._coded(word) for word in words], add_special_tokens=False)
        return [tuple(one.ids) for one in read]

    def _coded(self, text: str) -> str:
        read = self._code.read(whole(text))
        return read if self._own is None else self._own(read)

    def _read(self, texts: list[Text]) -> list[bytes]:
        texts = [self._coded(text) if isinstance(text, str) else tuple(map(self._coded, text)) for text in texts]
        # A tuple of one is a sentence to us and a mistake to the tokenizer.
        texts = [text[0] if len(text) == 1 and not isinstance(text, str) else text for text in texts]
        read = self._reader.encode_batch_fast(texts)
        if isinstance(texts[0], str):
            return [np.asarray(one.ids, dtype=np.int32).tobytes() for one in read]
        return [np.where(one.type_ids, ~np.asarray(one.ids), one.ids).astype(np.int32).tobytes() for one in read]


def _reader(tokenizer: PreTrainedTokenizerBase, max_length: int) -> Tokenizer:
    """The tokenizer's own core, which gives the same numbers without the objects around them in a third of the time.

    Raises:
        UserError: if it has none (a tokenizer written in Python).
    """
    if not tokenizer.is_fast:
        raise UserError("teacher.name", "it has no fast tokenizer.", "Choose a teacher with tokenizer.json.")
    reader = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    reader.enable_truncation(max_length)
    reader.no_padding()
    return reader


def whole(text: str) -> str:
    """The text with "?" for half a character (a lone surrogate), which no tokenizer takes."""
    return text.encode("utf-8", "replace").decode("utf-8")
