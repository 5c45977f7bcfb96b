"""Rows of different lengths, against plain lists."""

from __future__ import annotations

import numpy as np
import pytest

from rosearch_engine.ragged import Ragged


@pytest.mark.parametrize("seed", range(20))
def test_rows_are_taken_as_from_a_list_of_lists(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = [rng.integers(0, 99, size=int(size)).tolist() for size in rng.integers(0, 5, size=12)]
    ragged = Ragged(rows)
    assert len(ragged) == len(rows)
    assert ragged.lengths.tolist() == [len(row) for row in rows]
    asked = rng.integers(0, len(rows), size=int(rng.integers(0, 9)))
    values, owners = ragged.take(asked)
    assert values.tolist() == [value for row in asked for value in rows[row]]
    assert owners.tolist() == [place for place, row in enumerate(asked) for _ in rows[row]]


def test_nothing_has_no_rows() -> None:
    assert len(Ragged([])) == 0
    values, owners = Ragged([[], []]).take(np.array([0, 1, 0]))
    assert len(values) == len(owners) == 0
