"""Logits of many sentences, in float32, without padding more than needed."""

from __future__ import annotations

import numpy as np
import torch
from transformers import PreTrainedModel

from rosearch_engine.batching import Encoded, reading_batches
from rosearch_engine.progress import Progress


def predict(model: PreTrainedModel, sentences: Encoded, progress: Progress | None = None) -> np.ndarray:
    """Logits `(sentences, classes)`, float32."""
    where = next(model.parameters()).device
    logits = np.zeros((len(sentences.lengths), model.config.num_labels), dtype=np.float32)
    done = 0
    model.eval()
    with torch.inference_mode():
        for rows in reading_batches(sentences.lengths):
            logits[rows] = model(**inputs_for(model, sentences.batch(rows, where))).logits.float().cpu().numpy()
            done += len(rows)
            if progress:
                progress.advance(done)
    return logits


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Share of the rows whose largest logit is the label's."""
    return float((logits.argmax(axis=1) == labels).mean())


def inputs_for(model: PreTrainedModel, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The batch without token types, for families that have none."""
    if model.config.model_type in ("mpnet", "distilbert", "roberta", "xlm-roberta"):
        return {name: values for name, values in batch.items() if name != "token_type_ids"}
    return batch
