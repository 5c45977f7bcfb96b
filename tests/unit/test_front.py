"""The front against its definition, written out pair by pair."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rosearch_engine.front import Front, contributions, hypervolume, hypervolume_curve, knee, non_dominated

# Few different values, so that ties and equal students are common.
students: st.SearchStrategy[np.ndarray] = st.lists(
    st.tuples(*[st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])] * 3), min_size=1, max_size=12
).map(np.array)


def beaten(row: np.ndarray, others: np.ndarray) -> bool:
    return any(all(o >= r for o, r in zip(other, row, strict=True)) and tuple(other) != tuple(row) for other in others)


@given(students)
def test_the_front_is_what_nobody_beats_and_is_worth_something(objectives: np.ndarray) -> None:
    expected = [bool(row.any()) and not beaten(row, objectives) for row in objectives]
    assert non_dominated(objectives).tolist() == expected


@given(students, st.randoms(use_true_random=False))
def test_the_front_does_not_depend_on_the_order(objectives: np.ndarray, draw) -> None:
    order = list(range(len(objectives)))
    draw.shuffle(order)
    forward, shuffled = Front(), Front()
    for number in range(len(objectives)):
        forward.add(number, objectives[number])
    for number in order:
        shuffled.add(number, objectives[number])
    assert sorted(forward.ids) == sorted(shuffled.ids)
    assert forward.hypervolume() == pytest.approx(shuffled.hypervolume())


def test_adding_says_whether_it_is_on_the_front() -> None:
    front = Front()
    assert front.add(1, np.array([0.5, 0.5, 0.5]))
    assert not front.add(2, np.array([0.5, 0.4, 0.5]))
    assert front.add(3, np.array([0.5, 0.5, 0.5]))
    assert front.add(4, np.array([0.6, 0.5, 0.5]))
    assert front.ids == [4]


def test_hypervolume_of_known_boxes() -> None:
    assert hypervolume(np.array([[0.5, 0.5, 0.5]])) == pytest.approx(0.125)
    # Two boxes that share a quarter of a unit cube's height.
    assert hypervolume(np.array([[1.0, 0.5, 0.5], [0.5, 1.0, 0.5]])) == pytest.approx(0.25 + 0.25 - 0.125)
    assert Front().hypervolume() == 0.0


@given(students)
def test_hypervolume_only_grows(objectives: np.ndarray) -> None:
    curve = hypervolume_curve(list(objectives))
    assert len(curve) == len(objectives)
    assert all(b >= a - 1e-12 for a, b in itertools.pairwise(curve))
    assert curve[-1] == pytest.approx(hypervolume(objectives))


@given(students)
def test_the_knee_is_on_the_front(objectives: np.ndarray) -> None:
    best = knee(objectives)
    if not objectives.any():
        assert best is None
        return
    assert best is not None
    assert non_dominated(objectives)[best]


def test_the_knee_is_the_best_compromise() -> None:
    objectives = np.array([[1.0, 0.0, 0.5], [0.8, 0.8, 0.5], [0.0, 1.0, 0.5], [0.7, 0.7, 0.4]])
    assert knee(objectives) == 1
    assert knee(np.zeros((0, 3))) is None


def test_contributions_are_what_is_lost_without_a_row() -> None:
    front = np.array([[0.5, 0.5, 0.5], [0.6, 0.4, 0.5], [0.2, 0.3, 0.9]])
    whole = hypervolume(front)
    lost = [whole - hypervolume(np.delete(front, row, axis=0)) for row in range(3)]
    np.testing.assert_allclose(contributions(front), lost)
    assert contributions(np.empty((0, 3))).shape == (0,)
    assert contributions(np.array([[0.5, 0.5, 0.5]] * 2)).tolist() == [0.0, 0.0], "an equal one stands in for it"
