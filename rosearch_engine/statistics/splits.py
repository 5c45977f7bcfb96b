"""The one yes-or-no property that separates the students of a run best by robustness: for runs too small for more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import comb, erfc, sqrt
from typing import Any

import numpy as np

from rosearch_engine.genome.features import stored_features
from rosearch_engine.objectives import counts
from rosearch_engine.operations import operations
from rosearch_engine.statistics.study import is_bag

FEWEST_A_SIDE = 3
_SHUFFLES = 20_000
_MANY = 60  # students from which on the normal limit is as good as trials


@dataclass(frozen=True)
class Split:
    """Students with a property and students without it.

    Attributes:
        name: the property, to stand after "with".
        those, others: numbers of the students on each side.
        separation: the share of pairs in which the one with it has more, less the share in which it has less (Cliff's
            delta): 1 or -1 where the sides do not overlap.
        p: two-sided, exact where the sides do not overlap, else by permutation; times the number of properties looked
            at (Bonferroni), since the best of them is shown. As if students were independent.
        looked_at: how many properties that was.
    """

    name: str
    those: tuple[int, ...]
    others: tuple[int, ...]
    separation: float
    p: float
    looked_at: int


def best_split(students: Sequence[Mapping[str, Any]], seed: int = 0) -> Split | None:
    """The property with the smallest p, of those that at least `FEWEST_A_SIDE` students have and as many lack.

    Args:
        students: rows of `Store.students`, of one run; those that were not measured in full or are too weak to count,
            and bags of words, are left out.
    """
    rows = [
        row
        for row in students
        if row["status"] == "done"
        and counts({"accuracy": row["accuracy"], "floor": row.get("floor")})
        and not is_bag(row)
    ]
    robustness = np.array([row["robustness"] for row in rows], dtype=float)
    found = [stored_features(row["genome"]) for row in rows]
    sides: dict[bytes, tuple[str, np.ndarray]] = {}
    for name, has in _properties().items():
        member = np.array([has(row, known) for row, known in zip(rows, found, strict=True)], dtype=bool)
        if min(member.sum(), (~member).sum()) >= FEWEST_A_SIDE:
            sides.setdefault(member.tobytes(), (name, member))  # two properties of the same students are one question
    splits = [_split(name, member, rows, robustness, len(sides), seed) for name, member in sides.values()]
    return min(splits, key=lambda split: (split.p, -abs(split.separation)), default=None)


_Property = Callable[[Mapping[str, Any], Mapping[str, float]], bool]


def _properties() -> dict[str, _Property]:
    def more_than_none(feature: str) -> _Property:
        return lambda row, known: known[feature] > 0

    of_code = {
        "an input code": lambda row, known: row["genome"].get("code", "plain") != "plain",
        "gated merges": more_than_none("gates"),
        "an adversary in training": lambda row, known: (row["training"] or {}).get("adversarial") is not None,
    }
    return of_code | {known.several: more_than_none(f"n_{known.name}") for known in operations()}


def _split(
    name: str, member: np.ndarray, rows: Sequence[Mapping[str, Any]], robustness: np.ndarray, looked_at: int, seed: int
) -> Split:
    delta = float(np.sign(robustness[member][:, None] - robustness[~member][None, :]).mean())
    exact = 2 / comb(len(rows), int(member.sum()))
    p = exact if abs(delta) == 1 else _permuted(robustness, member, seed)
    numbers = np.array([row["number"] for row in rows])
    return Split(
        name,
        tuple(numbers[member].tolist()),
        tuple(numbers[~member].tolist()),
        delta,
        min(1.0, p * looked_at),
        looked_at,
    )


def _permuted(robustness: np.ndarray, member: np.ndarray, seed: int) -> float:
    """How often shuffled students differ as much in their mean rank: by trial, or of many by the normal limit."""
    values, places, ties = np.unique(robustness, return_inverse=True, return_counts=True)
    middles = np.cumsum(ties) - (ties - 1) / 2
    centred = middles[places] - middles[places].mean()
    seen, size, n = abs(float(centred[member].sum())), int(member.sum()), len(robustness)
    if len(values) == 1:
        return 1.0
    if n > _MANY:
        # Exact variance of the sum of `size` ranks drawn without replacement, ties and all.
        deviation = sqrt(float(centred.var()) * size * (n - size) / (n - 1))
        return erfc(seen / deviation / sqrt(2))
    # The first columns of shuffled rows are random subsets of that size.
    shuffled = np.random.default_rng(seed).permuted(np.tile(centred, (_SHUFFLES, 1)), axis=1)
    as_far = np.abs(shuffled[:, :size].sum(axis=1)) >= seen - 1e-9
    return float((as_far.sum() + 1) / (_SHUFFLES + 1))
