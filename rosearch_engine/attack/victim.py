"""The model as an attack sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rosearch_engine.attack.pieces import Pieces, Text
from rosearch_engine.batching import reading_batches
from rosearch_engine.config import Precision
from rosearch_engine.device import arithmetic, attack_tokens
from rosearch_engine.errors import UserError
from rosearch_engine.inference import inputs_for

__all__ = ["Text", "Victim", "softmax"]


class Victim:
    """A model under attack: its logits, and its calibrated probabilities.

    Padded to the longest text of a batch only, batches of like length, a text that reads like another asked once.

    Attributes:
        temperature: what the logits are divided by in `probabilities`.
        pieces: the tokenizer, with its memory of texts; victims that share a tokenizer may share it.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        max_length: int,
        temperature: float,
        precision: Precision = "float32",
        pieces: Pieces | None = None,
    ) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.temperature = temperature
        self.precision = precision
        self.pieces = pieces or Pieces(tokenizer, max_length)

    def logits(self, texts: Sequence[Text]) -> np.ndarray:
        """Logits `(texts, classes)`, float32; a pair of sentences is a tuple."""
        keys = self.pieces.read(texts)
        rows = {key: row for row, key in enumerate(dict.fromkeys(keys))}
        return self.logits_of(list(rows))[[rows[key] for key in keys]]

    def logits_of(self, keys: Sequence[bytes]) -> np.ndarray:
        """Logits `(keys, classes)`, float32, of what `pieces` read of some texts."""
        return self.planes_of(keys, ("logits",))[:, 0]

    def planes_of(self, keys: Sequence[bytes], names: Sequence[str]) -> np.ndarray:
        """Several outputs of the model, each a score a class: `(keys, names, classes)`, float32.

        Raises:
            UserError: if the model has no such output.
        """
        sentences = self.pieces.encoded(keys)
        planes = np.zeros((len(keys), len(names), self.model.config.num_labels), dtype=np.float32)
        where = next(self.model.parameters()).device
        with torch.inference_mode(), arithmetic(self.precision, where):
            for rows in reading_batches(sentences.lengths, attack_tokens(where)):
                batch = inputs_for(self.model, sentences.batch(rows, where))
                said = self.model(**batch)
                for plane, name in enumerate(names):
                    planes[rows, plane] = _output(said, name).float().cpu().numpy()
        return planes

    def probabilities(self, texts: Sequence[Text]) -> np.ndarray:
        """Calibrated class probabilities `(texts, classes)`, float64."""
        return softmax(self.logits(texts).astype(np.float64) / self.temperature)


def _output(said: Any, name: str) -> torch.Tensor:
    found: torch.Tensor | None = getattr(said, name, None)
    if found is None:
        problem = f"this model has no {name} to guide an attack."
        raise UserError("attack.recipe", problem, "Choose pwws, or a student with a ledger.")
    return found


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities `(texts, classes)` of logits."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
