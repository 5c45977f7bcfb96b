"""Stage 7: measurements become what the search climbs.

Three objectives, all to be made large, all in [0, 1]:
robustness (after-attack accuracy over all attacked sentences), clean accuracy, and the share of the
teacher's weights that the student saves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.stats import binomtest

from rosearch_engine.config import ObjectivesConfig

NAMES = ("robustness", "accuracy", "saved")
# A failed student is worse than any measured one.
FAILED = np.zeros(len(NAMES))


def saved(compression: float) -> float:
    """Share of the teacher's weights that a student of this compression does without."""
    return max(0.0, 1.0 - 1.0 / compression) if compression > 0 else 0.0


def vector(student: Mapping[str, Any]) -> np.ndarray:
    """Objectives `(3,)` of a measured student, as `Store.students` or an `Evaluation` names its numbers."""
    return np.array([student["robustness"], student["accuracy"], saved(student["compression"])], dtype=float)


def fitness(objectives: np.ndarray, config: ObjectivesConfig) -> float:
    """The scalar strategy's weighted mean of the objectives `(3,)`."""
    weights = np.array([config.robustness, config.accuracy, config.compression])
    return float(objectives @ weights / max(weights.sum(), 1e-12))


def wilson(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson score interval of a proportion (Wilson 1927)."""
    if n == 0:
        return 0.0, 1.0
    interval = binomtest(successes, n).proportion_ci(level, method="wilson")
    return float(interval.low), float(interval.high)
