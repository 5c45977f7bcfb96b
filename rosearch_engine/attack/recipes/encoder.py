"""all-MiniLM-L6-v2 as TextAttack's sentence encoder.

Importing this imports TextAttack, which `setup.textattack()` must have prepared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from lru import LRU
from textattack.constraints.semantics.sentence_encoders import SentenceEncoder
from transformers import AutoModel, AutoTokenizer

from rosearch_engine import resources
from rosearch_engine.device import device

# Embeddings remembered, 384 floats each: 50 MB.
REMEMBERED = 2**15
# Texts of one length that go through the encoder together.
ROWS = 32
# Fewest word pieces in a batch: below 16, some processors' matrix products sum in another order than for more.
LEAST = 32


class MiniLMEncoder(SentenceEncoder):
    """Likeness of two texts under MiniLM; threshold, metric and window as TextAttack's `SentenceEncoder` has them."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._encoder = _encoder(resources.require("minilm"))

    def encode(self, sentences: Sequence[str]) -> torch.Tensor:
        """Embeddings `(sentences, 384)` of length one."""
        return self._encoder.embed(sentences)

    def _score_list(self, starting_text: Any, transformed_texts: Sequence[Any]) -> torch.Tensor:
        words = max((text.num_words for text in transformed_texts), default=0)
        if self.skip_text_shorter_than_window and words < self.window_size:
            # Whatever they score, all of them pass.
            return torch.ones(len(transformed_texts))
        scores: torch.Tensor = super()._score_list(starting_text, transformed_texts)
        return scores

    def _sim_score(self, starting_text: Any, transformed_text: Any) -> float:
        return self._score_list(starting_text, [transformed_text])[0].item()


class SameMeaning(MiniLMEncoder):
    """Every sentence of the input, as a whole, against the same sentence of the original: the least cosine counts.

    Args:
        threshold: least cosine that passes.
    """

    def __init__(self, threshold: float) -> None:
        super().__init__(threshold=threshold, metric="cosine", compare_against_original=True)

    def _score_list(self, starting_text: Any, transformed_texts: Sequence[Any]) -> torch.Tensor:
        if not len(transformed_texts):
            return torch.ones(0)
        before = self.encode(_columns(starting_text))
        after = self.encode([column for text in transformed_texts for column in _columns(text)])
        # Of length one, so that the product of two is their cosine.
        return (after.view(len(transformed_texts), *before.shape) * before).sum(-1).amin(1)


class _Encoder:
    """The model, its tokenizer and the embeddings it remembers.

    Mean of the last layer over all tokens, divided by its length (Reimers and Gurevych 2019), of at most 512 word
    pieces; a change beyond them is not seen. Only texts of equal length share a batch, without padding, on one thread
    and with a small batch filled up: measured so, an embedding is bit for bit the one that the text has alone. (On two
    threads one in ten differs by 1e-7, enough to turn a tie.) On an accelerator that is not promised.
    """

    def __init__(self, folder: Path) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._model = AutoModel.from_pretrained(folder, local_files_only=True).eval().to(device())
        self._longest = self._model.config.max_position_embeddings
        self._known: LRU[str, torch.Tensor] = LRU(REMEMBERED)

    def embed(self, texts: Sequence[str]) -> torch.Tensor:
        found = {text: known for text in texts if (known := self._known.get(text)) is not None}
        new = [text for text in dict.fromkeys(texts) if text not in found]
        found.update(zip(new, self._work_out(new), strict=True))
        for text in new:
            self._known[text] = found[text]
        return torch.stack([found[text] for text in texts])

    def _work_out(self, texts: list[str]) -> list[torch.Tensor]:
        if not texts:
            return []
        # No tokenizer takes half a character (a lone surrogate).
        whole = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        ids = self._tokenizer(whole, truncation=True, max_length=self._longest)["input_ids"]
        by_length = defaultdict(list)
        for row, one in enumerate(ids):
            by_length[len(one)].append(row)
        found: list[torch.Tensor] = [torch.empty(0)] * len(texts)
        with torch.inference_mode(), _one_thread():
            for rows in by_length.values():
                for start in range(0, len(rows), ROWS):
                    part = rows[start : start + ROWS]
                    for row, embedding in zip(part, self._embed([ids[row] for row in part]), strict=True):
                        found[row] = embedding.clone()
        return found

    def _embed(self, ids: list[list[int]]) -> torch.Tensor:
        filling = ids[:1] * (-(-LEAST // len(ids[0])) - len(ids))
        batch = torch.tensor(ids + filling, device=self._model.device)
        states = self._model(input_ids=batch, attention_mask=torch.ones_like(batch)).last_hidden_state[: len(ids)]
        return torch.nn.functional.normalize(states.mean(dim=1), dim=1).cpu()


@lru_cache(maxsize=1)
def _encoder(folder: Path) -> _Encoder:
    """One a process, for all attacks."""
    return _Encoder(folder)


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _columns(text: Any) -> list[str]:
    given = text.tokenizer_input
    return [given] if isinstance(given, str) else list(given)
