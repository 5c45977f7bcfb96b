"""The property that separates a run's students best."""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np
import pytest

from rosearch_engine.statistics.splits import best_split


def student(number: int, robustness: float, code: str = "plain", **more: Any) -> dict[str, Any]:
    genome = {"width": 64, "rank": 8, "pooling": "cls", "merge": "mean", "code": code}
    nodes = [{"operation": "transformer", "heads": 2, "feed_forward": 64, "activation": "gelu", "teacher_layer": 1}]
    return {
        "number": number,
        "name": f"s{number:04d}",
        "status": "done",
        "accuracy": 0.8,
        "floor": 0.6,
        "robustness": robustness,
        "training": {},
        "genome": genome | {"nodes": nodes, "edges": [[0, 1], [1, 2]]},
    } | more


def test_sides_that_do_not_overlap_have_an_exact_p() -> None:
    rows = [student(n, 0.1 + n / 100, "both") for n in range(9)] + [student(n, 0.04 + n / 1e4) for n in range(9, 16)]
    split = best_split(rows)
    assert split is not None
    assert (split.name, split.separation, split.looked_at) == ("an input code", 1.0, 1)
    assert (split.those, split.others) == (tuple(range(9)), tuple(range(9, 16)))
    assert split.p == pytest.approx(2 / comb(16, 9))


@pytest.mark.parametrize(("side", "method"), [(7, "exact"), (100, "asymptotic")])
def test_p_is_what_scipy_says(side: int, method: str) -> None:
    from scipy.stats import mannwhitneyu

    rng = np.random.default_rng(3)
    values = np.round(rng.normal(0, 1, 2 * side) + np.repeat([5 / side, 0.0], side), 3 if method == "exact" else 1)
    rows = [student(n, float(value), "both" if n < side else "plain") for n, value in enumerate(values)]
    split = best_split(rows)
    assert split is not None
    assert abs(split.separation) < 1
    theirs = mannwhitneyu(values[:side], values[side:], method=method, use_continuity=False).pvalue
    assert split.p == pytest.approx(theirs, abs=0.01)


def test_where_all_are_equally_robust_nothing_separates() -> None:
    split = best_split([student(n, 0.2, "both" if n < 5 else "plain") for n in range(10)])
    assert split is not None
    assert (split.separation, split.p) == (0.0, 1.0)


def test_where_nothing_is_known_there_is_no_split() -> None:
    assert best_split([]) is None
    assert best_split([student(n, 0.2) for n in range(6)]) is None, "all are alike"
    few = [student(0, 0.3, "both"), student(1, 0.3, "both"), *[student(n, 0.1) for n in range(2, 8)]]
    assert best_split(few) is None, "two on a side say nothing"


def test_students_that_do_not_count_are_left_out() -> None:
    rows = [student(n, 0.2, "both") for n in range(4)] + [student(n, 0.1) for n in range(4, 8)]
    rows += [student(8, 0.9, accuracy=0.5), student(9, 0.9, status="failed")]
    split = best_split(rows)
    assert split is not None
    assert set(split.those + split.others) == set(range(8))
