"""The temperature: found where it is known, and proportional to the logits' size."""

from __future__ import annotations

import numpy as np
import pytest

from rosearch_engine.attack.calibrate import fit_temperature
from rosearch_engine.attack.victim import softmax


def sample(temperature: float, classes: int = 2, n: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from softmax(logits / temperature)."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, size=(n, classes))
    shares = softmax(logits / temperature).cumsum(axis=1)
    return logits.astype(np.float32), (rng.random((n, 1)) > shares).sum(axis=1)


def loss(logits: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    shares = softmax(logits.astype(np.float64) / temperature)
    return float(-np.log(shares[np.arange(len(labels)), labels]).mean())


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("true", [0.3, 1.0, 5.0])
def test_a_known_temperature_is_found(true: float, classes: int) -> None:
    assert fit_temperature(*sample(true, classes)) == pytest.approx(true, rel=0.05)


def test_it_is_the_likeliest() -> None:
    logits, labels = sample(2.0, n=500)
    best = fit_temperature(logits, labels)
    assert all(loss(logits, labels, best) <= loss(logits, labels, best * factor) for factor in (0.5, 0.95, 1.05, 2.0))


@pytest.mark.parametrize("factor", [50.0, 0.02, 1e6])
def test_it_grows_with_the_logits(factor: float) -> None:
    logits, labels = sample(1.7, n=500)
    assert fit_temperature(logits * factor, labels) == pytest.approx(factor * fit_temperature(logits, labels), rel=1e-4)


def test_shifting_all_classes_alike_changes_nothing() -> None:
    logits, labels = sample(1.7, n=500)
    shift = np.linspace(-3, 3, len(logits))[:, None]
    assert fit_temperature(logits + shift, labels) == pytest.approx(fit_temperature(logits, labels), rel=1e-3)


@pytest.mark.parametrize(
    ("logits", "labels"),
    [
        ([[2.0, -1.0], [-3.0, 4.0]], [0, 1]),  # all right: confidence is never too high
        ([[2.0, -1.0], [-3.0, 4.0]], [1, 0]),  # all wrong: never too low
        ([[1.0, 1.0], [1.0, 1.0]], [0, 1]),  # says nothing
    ],
)
def test_the_ends_are_finite_and_positive(logits: list[list[float]], labels: list[int]) -> None:
    temperature = fit_temperature(np.array(logits, dtype=np.float32), np.array(labels))
    assert np.isfinite(temperature)
    assert temperature > 0
