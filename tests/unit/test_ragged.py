"""Rows of different lengths in one array."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rosearch_engine.ragged import Ragged

ROWS = st.lists(st.lists(st.integers(0, 99), max_size=5), min_size=1, max_size=8)


@given(ROWS, st.data())
def test_taking_rows_is_joining_them(rows: list[list[int]], data: st.DataObject) -> None:
    ragged = Ragged(rows)
    assert len(ragged) == len(rows)
    assert ragged.lengths.tolist() == [len(row) for row in rows]
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=9))
    values, owners = ragged.take(np.array(chosen, dtype=np.int64))
    assert values.tolist() == [value for row in chosen for value in rows[row]]
    assert owners.tolist() == [place for place, row in enumerate(chosen) for _ in rows[row]]


def test_no_row_at_all() -> None:
    assert len(Ragged([])) == 0
    assert Ragged([]).take(np.zeros(0, dtype=np.int64))[0].tolist() == []
