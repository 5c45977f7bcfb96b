"""The fidelity ladder: its rungs, who goes on, and that climbing changes no student."""

from __future__ import annotations

import numpy as np
import pytest

from rosearch_engine.config import ObjectivesConfig, SearchConfig
from rosearch_engine.search.ladder import Ladder, Rung, rungs


def ladder(strategy: str = "pareto", reduction: float = 2.0) -> Ladder:
    return Ladder(SearchConfig(strategy=strategy, rungs=3, reduction=reduction), ObjectivesConfig())


def test_each_rung_has_a_share_of_the_next() -> None:
    assert rungs(SearchConfig(rungs=1)) == [Rung(0, 1.0, True)]
    assert rungs(SearchConfig(rungs=3, reduction=2)) == [
        Rung(0, 0.25, False), Rung(1, 0.5, False), Rung(2, 1.0, True)
    ]  # fmt: skip


def test_the_first_goes_on_and_a_worse_second_does_not() -> None:
    climb = ladder()
    assert climb.goes_on(0, np.array([0.3, 0.8, 0.7]))
    assert not climb.goes_on(0, np.array([0.2, 0.7, 0.7]))
    assert climb.goes_on(1, np.array([0.2, 0.7, 0.7])), "each rung is judged by itself"


@pytest.mark.parametrize("strategy", ["pareto", "scalar"])
@pytest.mark.parametrize("reduction", [2.0, 3.0])
def test_about_one_in_reduction_goes_on(strategy: str, reduction: float) -> None:
    climb, rng = ladder(strategy, reduction), np.random.default_rng(0)
    on = [climb.goes_on(0, row) for row in rng.random((300, 3))]
    assert np.mean(on) == pytest.approx(1 / reduction, abs=0.08)


@pytest.mark.parametrize("strategy", ["pareto", "scalar"])
def test_the_better_half_goes_on(strategy: str) -> None:
    climb, rng = ladder(strategy), np.random.default_rng(0)
    rows = np.linspace(0.1, 0.9, 100)[rng.permutation(100), None] * np.ones(3)
    on = np.array([climb.goes_on(0, row) for row in rows])
    assert rows[20:][on[20:]].min() > rows[20:][~on[20:]].max() - 0.2
    assert on[rows[:, 0].argmax()]
    assert not on[rows[:, 0].argmin()] or rows[:, 0].argmin() == 0


def test_within_a_front_the_one_with_room_goes_on() -> None:
    climb = ladder()
    for row in ([0.9, 0.1, 0.5], [0.1, 0.9, 0.5], [0.3, 0.7, 0.5], [0.32, 0.68, 0.5]):
        climb.add(0, np.array(row))
    assert climb.goes_on(0, np.array([0.6, 0.4, 0.5]))
    assert not climb.goes_on(0, np.array([0.31, 0.69, 0.5])), "on the front, but between two others"


def test_what_was_seen_decides_not_when_it_was_judged() -> None:
    """A resumed search shows the ladder its past; it must judge as the ladder that lived through it."""
    rng = np.random.default_rng(1)
    rows = rng.random((40, 3))
    lived, told = ladder(), ladder()
    for row in rows[:30]:
        lived.goes_on(0, row)
        told.add(0, row)
    assert [lived.goes_on(0, row) for row in rows[30:]] == [told.goes_on(0, row) for row in rows[30:]]
