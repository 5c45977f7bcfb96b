"""The statistics beside an attack: by hand, and as scipy finds them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rosearch_engine.statistics.paired import McNemar, mcnemar, rank_correlation, success_curve
from tests.conftest import spearman_interval


def test_mcnemar_by_hand() -> None:
    # Of 8 sentences that differ, 7 go to the first: 2 * (C(8,0) + C(8,1)) / 2^8.
    a = [True] * 7 + [False] + [True] * 5 + [False] * 4
    b = [False] * 7 + [True] + [True] * 5 + [False] * 4
    assert mcnemar(a, b) == pytest.approx(McNemar(7, 1, 2 * 9 / 256))
    assert mcnemar(b, a) == pytest.approx(McNemar(1, 7, 2 * 9 / 256))


def test_students_that_agree_everywhere_do_not_differ() -> None:
    assert mcnemar([True, False], [True, False]) == McNemar(0, 0, 1.0)
    assert mcnemar([], []) == McNemar(0, 0, 1.0)
    with pytest.raises(ValueError, match="argument 2 is longer"):
        mcnemar([True], [True, False])


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60))
def test_mcnemar_is_the_sign_test_of_the_sentences_that_differ(flags: list[tuple[bool, bool]]) -> None:
    found = mcnemar([a for a, _ in flags], [b for _, b in flags])
    differing = [a for a, b in flags if a != b]
    assert (found.only_a, found.only_b) == (sum(differing), len(differing) - sum(differing))
    by_hand = min(1.0, 2 * stats.binom.cdf(min(found.only_a, found.only_b), len(differing), 0.5))
    assert found.p == pytest.approx(by_hand if differing else 1.0)


def test_success_curve_by_hand() -> None:
    outcomes = [
        ("already wrong", 1),
        ("fooled", 30),
        ("fooled", 10),
        ("fooled", 30),
        ("held", 200),
        ("budget used", 500),
        ("failed", 0),
        ("fooled", 10),
    ]
    assert success_curve(outcomes, budget=500) == [(0, 2 / 8), (10, 4 / 8), (30, 6 / 8), (500, 6 / 8)]
    assert success_curve([], budget=500) == []
    assert success_curve([("held", 3)], budget=7) == [(0, 0.0), (7, 0.0)]
    assert success_curve([("fooled", 7)], budget=7) == [(0, 0.0), (7, 1.0)]


OUTCOMES = st.tuples(st.sampled_from(["fooled", "held", "budget used", "already wrong", "failed"]), st.integers(1, 100))


@given(st.lists(OUTCOMES, min_size=1, max_size=40))
def test_success_curve_only_rises_and_ends_at_the_share_lost(outcomes: list[tuple[str, int]]) -> None:
    curve = success_curve(outcomes, budget=100)
    queries, shares = zip(*curve, strict=True)
    assert list(queries) == sorted(set(queries))
    assert list(shares) == sorted(shares)
    assert (queries[0], queries[-1]) == (0, 100)
    for at, share in curve:
        lost = [o for o, q in outcomes if o in ("already wrong", "failed") or (o == "fooled" and q <= at)]
        assert share == pytest.approx(len(lost) / len(outcomes))


def test_rank_correlation_by_hand_and_by_scipy() -> None:
    table: dict[str, dict[str, float]] = {
        "pwws": {"s1": 0.1, "s2": 0.2, "s3": 0.3, "s4": 0.4, "s5": 0.5},
        "typos": {"s5": 0.9, "s1": 0.1, "s2": 0.3, "s3": 0.2, "s4": 0.7, "s6": 0.4},
        "backwards": {"s1": 5, "s2": 4, "s3": 3, "s4": 2, "s5": 1},
    }
    first, second, _ = rank_correlation(table)
    # One pair of neighbours swapped among five: 1 - 6 * 2 / (5 * 24).
    assert (first.recipe_a, first.recipe_b, first.n) == ("pwws", "typos", 5)
    assert first.rho == pytest.approx(0.9)
    assert first.rho == pytest.approx(stats.spearmanr([1, 2, 3, 4, 5], [0.1, 0.3, 0.2, 0.7, 0.9]).statistic)
    assert first.interval is not None
    assert -1 <= first.interval[0] < 0.9 <= first.interval[1] <= 1
    assert second.rho == pytest.approx(-1.0)
    assert second.interval == pytest.approx((-1.0, -1.0))


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=4, max_size=12))
def test_rank_correlation_agrees_with_scipy_ties_and_all(values: list[tuple[int, int]]) -> None:
    a, b = np.array(values, dtype=float).T
    table = {name: {str(i): float(v) for i, v in enumerate(column)} for name, column in (("a", a), ("b", b))}
    (row,) = rank_correlation(table)
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        assert (row.rho, row.interval, row.note) == (None, None, "all students tied")
        return
    assert row.rho == pytest.approx(stats.spearmanr(a, b).statistic)
    assert row.interval is not None
    assert -1 - 1e-9 <= row.interval[0] <= row.interval[1] <= 1 + 1e-9


def test_the_interval_is_scipys_percentile_bootstrap() -> None:
    drawn = np.random.default_rng(3)
    a = drawn.normal(size=30)
    b = a + drawn.normal(size=30)
    table = {name: dict(enumerate(column)) for name, column in (("a", a), ("b", b))}
    (row,) = rank_correlation({r: {str(k): float(v) for k, v in c.items()} for r, c in table.items()})
    assert row.interval == pytest.approx(spearman_interval(a, b, 1000), abs=0.05)


def test_too_few_students_have_no_order() -> None:
    few = {f"s{i}": i / 10 for i in range(3)}
    (row,) = rank_correlation({"pwws": few, "typos": few | {"s9": 0.5}})
    assert (row.rho, row.interval, row.n, row.note) == (None, None, 3, "too few students")
    assert rank_correlation({"pwws": few}) == []
    assert rank_correlation({}) == []
