"""The model as an attack sees it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rosearch_engine.batching import encode, reading_batches
from rosearch_engine.inference import inputs_for

Text = str | tuple[str, ...]


class Victim:
    """Probabilities of texts under a calibrated model, in float32 arithmetic, padded to the longest only.

    Attributes:
        max_length: longest input in word pieces.
        temperature: what the logits are divided by.
    """

    def __init__(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, max_length: int, temperature: float
    ) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.temperature = temperature

    def probabilities(self, texts: Sequence[Text]) -> np.ndarray:
        """Class probabilities `(texts, classes)`, float64; a pair of sentences is a tuple."""
        first = [whole(text if isinstance(text, str) else text[0]) for text in texts]
        paired = not isinstance(texts[0], str) and len(texts[0]) > 1
        second = [whole(text[1]) for text in texts] if paired else None
        sentences = encode(first, second, self.tokenizer, self.max_length)
        logits = np.zeros((len(texts), self.model.config.num_labels), dtype=np.float64)
        where = next(self.model.parameters()).device
        with torch.inference_mode():
            for rows in reading_batches(sentences.lengths, tokens=4096):
                batch = inputs_for(self.model, sentences.batch(rows, where))
                logits[rows] = self.model(**batch).logits.double().cpu().numpy()
        return softmax(logits / self.temperature)


def whole(text: str) -> str:
    """The text with "?" for half a character (a lone surrogate), which no tokenizer takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities `(texts, classes)` of logits."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
