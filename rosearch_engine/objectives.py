"""Measurements become what the search climbs.

Three objectives, all to be made large, all in [0, 1]:
robustness (the share of all attacked sentences that hold under attack or, where the run's settings say so, that are
certified), clean accuracy, and the share of the teacher's weights that the student saves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import TypedDict

import numpy as np

from rosearch_engine.config import Measure, ObjectivesConfig

NAMES = ("robustness", "accuracy", "saved")
# A failed student is worse than any measured one.
FAILED = np.zeros(len(NAMES))


class Standing(TypedDict):
    """What tells whether a student counts; runs of an early version have no floor."""

    accuracy: float
    floor: float | None


class Worth(Standing):
    """What a measured student is worth is worked out from. A row of `Store.students` has it all."""

    robustness: float
    certified: int | None
    attacked: int
    compression: float
    # None in runs of before it could be chosen: "held".
    measure: Measure | None


def saved(compression: float) -> float:
    """Share of the teacher's weights that a student of this compression does without."""
    return max(0.0, 1.0 - 1.0 / compression) if compression > 0 else 0.0


def most_frequent(labels: np.ndarray) -> float:
    """Clean accuracy of always giving the most frequent answer to the sentences of these labels."""
    return float(np.bincount(labels).max() / len(labels))


def floor(labels: np.ndarray, teacher: float, edge: float) -> float:
    """Clean accuracy that a student must exceed to count.

    A student that gives every sentence the same answer holds on half of two even classes, whatever is swapped. So it
    must keep some of what the teacher knows beyond that.

    Args:
        labels: `(sentences,)` of the validation sentences.
        teacher: its accuracy on them.
        edge: the share of the teacher's edge over always giving the most frequent answer.
    """
    alike = most_frequent(labels)
    return alike + edge * max(0.0, teacher - alike)


def withstands(outcome: str) -> bool:
    """Whether an attack's outcome leaves the sentence classified correctly: it gave up, or its queries were used up."""
    return outcome in ("held", "budget used")


def holds(outcome: str, flips: int | None) -> bool:
    """Whether a sentence holds: what robustness counts.

    Args:
        outcome: of the attack on it, see `attack.result.Result`.
        flips: how many single swaps change the class; None where they were not asked.
    """
    return withstands(outcome) and not flips


def counts(student: Standing) -> bool:
    """Whether a measured student is above its run's floor; older runs have none."""
    return student["accuracy"] > (student.get("floor") or 0.0)


def robust_share(student: Worth) -> float:
    """What the student's run counts as its robustness."""
    if student.get("measure") == "certified":
        return (student["certified"] or 0) / student["attacked"]
    return student["robustness"]


def vector(student: Worth) -> np.ndarray:
    """Objectives `(3,)` of a measured student, as `Store.students` names its numbers.

    One that does not count is worth nothing.
    """
    worth: np.ndarray = vectors([student])[0]
    return worth


def vectors(students: Sequence[Worth]) -> np.ndarray:
    """Objectives `(students, 3)` of some measured students."""
    worth = [
        (robust_share(student), student["accuracy"], saved(student["compression"])) if counts(student) else FAILED
        for student in students
    ]
    return np.asarray(np.array(worth, dtype=float).reshape(-1, len(NAMES)))


def fitness(objectives: np.ndarray, config: ObjectivesConfig) -> float:
    """The scalar strategy's weighted mean of the objectives `(3,)`."""
    weights = np.array([config.robustness, config.accuracy, config.compression])
    return float(objectives @ weights / max(weights.sum(), 1e-12))


def wilson(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson score interval of a proportion (Wilson 1927)."""
    # SciPy has it, but behind an exact test: reading a table of 1,000 students took 1.4 s with it and 0.2 s without.
    if n == 0:
        return 0.0, 1.0
    share, z = successes / n, NormalDist().inv_cdf((1 + level) / 2)
    centre = share + z**2 / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    low, high = ((centre + side * half) / (1 + z**2 / n) for side in (-1, 1))
    return max(0.0, low) if successes else 0.0, min(1.0, high) if successes < n else 1.0
