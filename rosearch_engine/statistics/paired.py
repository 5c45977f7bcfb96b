"""Comparing what attacks said: two students on the same sentences, one attack over its queries, several recipes.

Pure functions over flags and numbers; nothing here imports TextAttack or torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np

FEWEST_STUDENTS = 4
_RESAMPLES = 2000


class McNemar(NamedTuple):
    """Sentences that only one of two students holds, and how likely so uneven a division is by chance."""

    only_a: int
    only_b: int
    p: float


def mcnemar(a: Sequence[bool], b: Sequence[bool]) -> McNemar:
    """McNemar's test of two students on the same sentences: exact, binomial, two-sided (McNemar 1947).

    Args:
        a: whether the first student holds each sentence, `(sentences,)`.
        b: the same of the second student, for the same sentences in the same order.

    Raises:
        ValueError: if the lengths differ.
    """
    from scipy.stats import binomtest  # most of a second to import, and the app starts with this module

    only_a = sum(mine and not theirs for mine, theirs in zip(a, b, strict=True))
    only_b = sum(theirs and not mine for mine, theirs in zip(a, b, strict=True))
    differing = only_a + only_b
    return McNemar(only_a, only_b, float(binomtest(only_a, differing, 0.5).pvalue) if differing else 1.0)


def success_curve(outcomes: Iterable[tuple[str, int]], budget: int) -> list[tuple[int, float]]:
    """Attack success against queries (Yoo et al. 2020): the share of ALL attacked sentences lost by then.

    Sentences that were wrong before the attack, or whose attack broke, are lost at 0 queries.

    Args:
        outcomes: (outcome, queries) of every sentence, as a `Result` names them.
        budget: most queries on one sentence.

    Returns:
        Corners (queries, share) of a step curve from 0 queries to the budget; empty if nothing was attacked.
    """
    rows = list(outcomes)
    if not rows:
        return []
    lost = sum(outcome in ("already wrong", "failed") for outcome, _ in rows)
    fooled_at = sorted(queries for outcome, queries in rows if outcome == "fooled" and queries <= budget)
    shares = {0: lost / len(rows)}
    shares |= {queries: (lost + count) / len(rows) for count, queries in enumerate(fooled_at, start=1)}
    shares[budget] = (lost + len(fooled_at)) / len(rows)
    return list(shares.items())


@dataclass(frozen=True)
class RankCorrelation:
    """Whether two recipes put the students in the same order.

    Attributes:
        rho: Spearman's coefficient, or None; then `note` says why.
        n: students with a figure under both recipes.
        interval: 95% percentile interval over students drawn anew with replacement.
    """

    recipe_a: str
    recipe_b: str
    n: int
    rho: float | None = None
    interval: tuple[float, float] | None = None
    note: str = ""


def rank_correlation(table: Mapping[str, Mapping[str, float]]) -> list[RankCorrelation]:
    """Spearman's rank correlation (Spearman 1904) of every two recipes, with a bootstrap interval (Efron 1979).

    Args:
        table: for each recipe, after-attack accuracy by student.
    """
    rows = []
    for a, b in combinations(table, 2):
        both = [student for student in table[a] if student in table[b]]
        values = np.array([[table[recipe][student] for student in both] for recipe in (a, b)], dtype=float)
        if len(both) < FEWEST_STUDENTS:
            rows.append(RankCorrelation(a, b, len(both), note="too few students"))
        elif (np.ptp(values, axis=1) == 0).any():
            rows.append(RankCorrelation(a, b, len(both), note="all students tied"))
        else:
            rho = float(_spearman(values[:, None])[0])
            rows.append(RankCorrelation(a, b, len(both), rho, _bootstrap(values)))
    return rows


def _spearman(values: np.ndarray) -> np.ndarray:
    """Coefficients `(samples,)` of `(2, samples, students)`; not a number where a sample has no spread."""
    from scipy.stats import rankdata

    ranks = rankdata(values, axis=-1)
    ranks -= ranks.mean(axis=-1, keepdims=True)
    spread = np.sqrt((ranks**2).sum(axis=-1).prod(axis=0))
    products = (ranks[0] * ranks[1]).sum(axis=-1)
    return np.asarray(np.divide(products, spread, out=np.full_like(spread, np.nan), where=spread > 0))


def _bootstrap(values: np.ndarray) -> tuple[float, float]:
    """95% percentile interval over the students of `(2, students)`; draws without any spread say nothing."""
    students = values.shape[1]
    drawn = np.random.default_rng(0).integers(students, size=(_RESAMPLES, students))
    low, high = np.nanpercentile(_spearman(values[:, drawn]), [2.5, 97.5])
    return float(low), float(high)
