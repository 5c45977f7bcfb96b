"""Measurements become objectives; intervals are Wilson's."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from rosearch_engine.config import ObjectivesConfig
from rosearch_engine.objectives import FAILED, Worth, counts, fitness, floor, holds, saved, vector, wilson

shares = st.floats(0, 1)


def worth(**figures: Any) -> Worth:
    usual = {"accuracy": 0.9, "certified": None, "attacked": 100, "compression": 4.0, "floor": None, "measure": None}
    return cast(Worth, usual | figures)


def test_saved_is_the_share_of_weights_done_without() -> None:
    assert saved(5.0) == pytest.approx(0.8)
    assert saved(1.0) == 0.0
    assert saved(0.5) == 0.0
    assert saved(float("inf")) == 1.0


def test_the_vector_is_robustness_accuracy_saved() -> None:
    student = worth(robustness=0.4)
    assert vector(student) == pytest.approx([0.4, 0.9, 0.75])


def test_where_a_run_looks_for_proof_robustness_is_what_is_certified() -> None:
    assert vector(worth(robustness=0.4, certified=25, measure="certified")) == pytest.approx([0.25, 0.9, 0.75])
    assert vector(worth(robustness=0.4, certified=None, measure="certified"))[0] == 0, "nothing can be proved of it"
    for measure in (None, "held"):
        assert vector(worth(robustness=0.4, certified=25, measure=measure))[0] == 0.4


@given(st.tuples(shares, shares, shares), st.floats(0.1, 10))
def test_fitness_is_a_weighted_mean(values: tuple[float, float, float], scale: float) -> None:
    objectives = np.array(values)
    config = ObjectivesConfig(robustness=1.0, accuracy=2.0, compression=0.5)
    scaled = ObjectivesConfig(robustness=scale, accuracy=2 * scale, compression=0.5 * scale)
    expected = (values[0] + 2 * values[1] + 0.5 * values[2]) / 3.5
    assert fitness(objectives, config) == pytest.approx(expected)
    assert fitness(objectives, scaled) == pytest.approx(expected)


def test_all_weights_may_be_zero() -> None:
    nothing = ObjectivesConfig(robustness=0, accuracy=0, compression=0)
    assert fitness(np.ones(3), nothing) == 0.0


def test_a_student_that_answers_all_alike_is_worth_nothing() -> None:
    labels = np.array([0] * 6 + [1] * 4)
    least = floor(labels, teacher=0.9, edge=0.5)
    assert least == pytest.approx(0.6 + 0.5 * 0.3)
    alike = worth(robustness=0.6, accuracy=0.6, compression=9.0, floor=least)
    assert not counts(alike)
    assert (vector(alike) == FAILED).all()
    assert not counts({"accuracy": least, "floor": least}), "to reach the floor is not to exceed it"
    good: Worth = {**alike, "accuracy": 0.8}
    assert counts(good)
    assert vector(good)[0] == 0.6
    assert counts({"accuracy": 0.6, "floor": None}), "a run of before there was a floor"


def test_the_floor_is_never_below_answering_all_alike() -> None:
    labels = np.array([0] * 6 + [1] * 4)
    assert floor(labels, teacher=0.5, edge=1.0) == 0.6
    assert floor(labels, teacher=0.9, edge=0.0) == 0.6
    assert floor(labels, teacher=0.9, edge=1.0) == pytest.approx(0.9)


def test_a_failed_student_is_worse_than_any_measured_one() -> None:
    worst = vector(worth(robustness=0.0, accuracy=0.01, compression=1.0))
    assert (worst >= FAILED).all()
    assert fitness(worst, ObjectivesConfig()) > fitness(FAILED, ObjectivesConfig())


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_scipys(drawn: tuple[int, int]) -> None:
    held, n = drawn
    theirs = binomtest(held, n).proportion_ci(method="wilson")
    assert wilson(held, n) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    low, high = wilson(held, n)
    assert 0.0 <= low <= held / n <= high <= 1.0


def test_nothing_attacked_says_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("outcome", "flips", "stands"),
    [
        ("held", None, True), ("held", 0, True), ("held", 1, False), ("budget used", 0, True),
        ("budget used", 2, False),
        ("fooled", 0, False), ("already wrong", None, False), ("failed", None, False),
    ],
)  # fmt: skip
def test_a_sentence_holds_after_the_attack_and_after_every_single_swap(
    outcome: str, flips: int | None, stands: bool
) -> None:
    assert holds(outcome, flips) == stands
