"""One temperature a student, so that confidence cannot pass for robustness."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The T that makes softmax(logits / T) likeliest on validation sentences (Guo et al. 2017).

    A saturated softmax gives a greedy attack no signal, and an over-confident student looks robust (Raina et
    al. 2024). Multiplying all logits by a number multiplies T by it, so the attacked scores stay the same.

    Args:
        logits: `(sentences, classes)`.
        labels: `(sentences,)`.
    """
    logits = logits.astype(np.float64)
    # In units of the logits' own spread the search interval needs no knowledge of their scale.
    scale = float(np.std(logits - logits.mean(axis=1, keepdims=True))) or 1.0
    unit = logits / scale
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        scaled = unit / np.exp(log_temperature)
        return float((logsumexp(scaled, axis=1) - scaled[rows, labels]).mean())

    best = minimize_scalar(loss, bounds=(-5.0, 5.0), method="bounded", options={"xatol": 1e-6})
    return float(scale * np.exp(best.x))
