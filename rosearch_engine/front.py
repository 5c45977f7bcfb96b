"""The trade-off. Non-dominated students, hypervolume, knee.

Everything here takes objective vectors `(students, objectives)` that are to be made large.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# The worst point that counts; fixed, so that hypervolumes of different runs and moments compare.
REFERENCE = np.zeros(3)


class Front:
    """The non-dominated set of a growing list, at the price of one comparison with the front a student."""

    def __init__(self) -> None:
        self._rows = np.zeros((0, len(REFERENCE)))
        self._ids: list[int] = []
        self._volume: float | None = 0.0

    @property
    def ids(self) -> list[int]:
        """Ids of the students on the front, in the order in which they came."""
        return list(self._ids)

    def add(self, identity: int, objectives: np.ndarray) -> bool:
        """Offer a student `(objectives,)`; returns whether it is on the front now. Equal vectors all stay.

        One that is worth nothing is on no front, be it alone.
        """
        if not np.any(objectives > 0):
            return False
        row = np.asarray(objectives, dtype=float)[None]
        if self._ids:
            front = self._rows
            if np.any(np.all(front >= row, axis=1) & np.any(front > row, axis=1)):
                return False
            keep = ~(np.all(front <= row, axis=1) & np.any(front < row, axis=1))
            row = np.concatenate([front[keep], row])
            self._ids = [i for i, kept in zip(self._ids, keep, strict=True) if kept]
        self._rows, self._volume = row, None
        self._ids.append(identity)
        return True

    def hypervolume(self) -> float:
        """Volume that the front dominates above `REFERENCE` (Zitzler & Thiele 1998)."""
        if self._volume is None:
            self._volume = hypervolume(self._rows)
        return self._volume


def non_dominated(objectives: np.ndarray) -> np.ndarray:
    """Mask `(students,)` of the students that no other one beats in every column of `(students, objectives)`.

    One that is worth nothing is on no front, be it alone.
    """
    mask = np.zeros(len(objectives), dtype=bool)
    # Whoever beats a student comes before it in the order of a dictionary, largest first.
    left = np.lexsort(-objectives.T[::-1])
    left = left[np.any(objectives[left] > 0, axis=1)]
    while len(left):
        rows, best = objectives[left], objectives[left[0]]
        mask[left[np.all(rows == best, axis=1)]] = True
        left = left[np.any(rows > best, axis=1)]
    return mask


def hypervolume(objectives: np.ndarray) -> float:
    """Volume dominated by `(students, objectives)` above `REFERENCE`."""
    from moocore import hypervolume as volume

    return float(volume(objectives, ref=REFERENCE[: objectives.shape[1]], maximise=True))


def contributions(objectives: np.ndarray) -> np.ndarray:
    """What each row of a front `(rows, objectives)` adds to its hypervolume: `(rows,)`."""
    from moocore import hv_contributions

    if not len(objectives):
        return np.zeros(0)
    return np.asarray(hv_contributions(objectives, ref=REFERENCE[: objectives.shape[1]], maximise=True))


def hypervolume_curve(objectives: Sequence[np.ndarray]) -> list[float]:
    """Hypervolume after each student of the list."""
    front, curve = Front(), [0.0]
    for index, row in enumerate(objectives):
        curve.append(front.hypervolume() if front.add(index, row) else curve[-1])
    return curve[1:]


def fronts(objectives: np.ndarray) -> list[np.ndarray]:
    """Rows of `(students, objectives)` by fronts: the non-dominated ones, those that only these dominate, and so on."""
    from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

    return list(NonDominatedSorting().do(-objectives))


def crowding(front: np.ndarray) -> np.ndarray:
    """How much room each row of a front `(rows, objectives)` has: infinite at the ends (Deb et al. 2002)."""
    from pymoo.operators.survival.rank_and_crowding.metrics import calc_crowding_distance

    return np.asarray(calc_crowding_distance(front))


def knee(objectives: np.ndarray) -> int | None:
    """Row of the front's best compromise: nearest to the ideal point once each column spans [0, 1]."""
    rows = np.flatnonzero(non_dominated(objectives))
    if not len(rows):
        return None
    front = objectives[rows]
    span = np.ptp(front, axis=0)
    scaled = (front.max(axis=0) - front) / np.where(span > 0, span, 1.0)
    return int(rows[np.argmin(np.linalg.norm(scaled, axis=1))])
