"""The fidelity ladder: cheap measurements first, and only the better students go on to the full one.

Successive halving in steady state: a student's result on a rung is compared with those that came before it on that
rung, and the student goes on at once or is stopped (the stopping variant of ASHA, Li et al. 2020, "A System for
Massively Parallel Hyperparameter Tuning"). Its training goes on where it was: who climbs to the top is the very
student that would have been trained without a ladder.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from rosearch_engine.config import ObjectivesConfig, SearchConfig
from rosearch_engine.front import crowding, fronts
from rosearch_engine.objectives import fitness

# A student is compared with so many that came before it: the recent ones are its rivals, and a search of ten thousand
# students must not sort them all again for each.
RIVALS = 200


@dataclass(frozen=True)
class Rung:
    """A level of fidelity.

    Attributes:
        number: from 0.
        share: of the training steps, of the validation sentences and of the attacked ones.
        top: whether the student is attacked in full here; below, exact one-swap robustness stands for the attack.
    """

    number: int
    share: float
    top: bool


def rungs(config: SearchConfig) -> list[Rung]:
    """The rungs of a run, cheapest first."""
    last = config.rungs - 1
    return [Rung(number, config.reduction ** (number - last), number == last) for number in range(config.rungs)]


class Ladder:
    """What was seen on each rung below the top, and who goes on from there."""

    def __init__(self, search: SearchConfig, objectives: ObjectivesConfig) -> None:
        self._reduction, self._scalar, self._objectives = search.reduction, search.strategy == "scalar", objectives
        self._seen: dict[int, deque[np.ndarray]] = {}

    def add(self, rung: int, objectives: np.ndarray) -> None:
        """Remember a result `(3,)`."""
        seen = self._seen.setdefault(rung, deque(maxlen=RIVALS + 1))
        seen.append(np.asarray(objectives, dtype=float))

    def goes_on(self, rung: int, objectives: np.ndarray) -> bool:
        """Whether a new result `(3,)` is among the best 1 / `reduction` of its rung's last ones; remembers it."""
        self.add(rung, objectives)
        seen = np.stack(self._seen[rung])
        return self._better_than_last(seen) < math.ceil(len(seen) / self._reduction)

    def _better_than_last(self, seen: np.ndarray) -> int:
        """How many of the results `(results, 3)` are better than the last one.

        By the scalar fitness, or in NSGA-II's own order (Deb et al. 2002): by fronts, and within a front the less
        crowded first. Multi-objective successive halving is after Schmucker et al. 2021.
        """
        if self._scalar:
            values = np.array([fitness(row, self._objectives) for row in seen])
            return int((values[:-1] > values[-1]).sum())
        better = 0
        for front in fronts(seen):
            if len(seen) - 1 in front:
                break
            better += len(front)
        space = crowding(seen[front])
        return better + int((space > space[front == len(seen) - 1][0]).sum())
