"""Two groups of students beside each other: the box of each, and how far one lies above the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_Z = 1.959964  # standard normal's 97.5% point


@dataclass(frozen=True)
class Box:
    """The five numbers of a box (Tukey 1977) and how many students they are of."""

    n: int
    least: float
    lower: float
    median: float
    upper: float
    most: float

    @classmethod
    def of(cls, values: np.ndarray) -> Box | None:
        """The box of `(students,)`; None of nobody."""
        if not len(values):
            return None
        return cls(len(values), *(float(value) for value in np.percentile(values, [0, 25, 50, 75, 100])))


Estimate = tuple[float, tuple[float, float]]


def cliffs_delta(values: np.ndarray, member: np.ndarray, runs: np.ndarray) -> Estimate | None:
    """Cliff's delta (Cliff 1993) of members above the others, and its 95% interval (Feng & Cliff 2004).

    Delta is the share of pairs in which the member has more, less the share in which it has less. Only students of the
    same run are paired; runs weigh by their pairs, those with fewer than two students on a side not at all. None where
    that leaves no run.

    Args:
        values: `(students,)`.
        member: whether the student is in the first group, `(students,)`.
        runs: which run each student is of, `(students,)`.
    """
    parts = []
    for run in np.unique(runs):
        mine, others = values[member & (runs == run)], values[~member & (runs == run)]
        if min(len(mine), len(others)) >= 2:
            parts.append((len(mine) * len(others), *_of_one_run(mine, others)))
    if not parts:
        return None
    pairs, deltas, variances = (np.array(column) for column in zip(*parts, strict=True))
    weights = pairs / pairs.sum()
    delta, variance = float(weights @ deltas), float(weights**2 @ variances)
    return delta, _interval(delta, variance, int(min(member.sum(), (~member).sum())))


def _of_one_run(mine: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    """Delta and the unbiased estimate of its variance, never below what ties would leave."""
    above = np.sign(mine[:, None] - others[None, :])
    delta, (rows, columns) = above.mean(), above.shape
    spread = columns**2 * ((above.mean(axis=1) - delta) ** 2).sum()
    spread += rows**2 * ((above.mean(axis=0) - delta) ** 2).sum() - ((above - delta) ** 2).sum()
    variance = spread / (rows * columns * (rows - 1) * (columns - 1))
    return float(delta), max(float(variance), float(1 - delta**2) / (rows * columns - 1))


def _interval(delta: float, variance: float, smaller: int) -> tuple[float, float]:
    """Asymmetric about delta, so that it stays within [-1, 1]; never a single point where the groups do not overlap."""
    if abs(delta) == 1:
        bound = (smaller - _Z**2) / (smaller + _Z**2)
        return (bound, 1.0) if delta > 0 else (-1.0, -bound)
    middle, scale = delta - delta**3, 1 - delta**2 + _Z**2 * variance
    reach = _Z * np.sqrt(variance * ((1 - delta**2) ** 2 + _Z**2 * variance))
    return float(max(-1, (middle - reach) / scale)), float(min(1, (middle + reach) / scale))
