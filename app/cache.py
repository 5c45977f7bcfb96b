"""A run's students as last read, for all sessions together: only what is new since then is read again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.front_chart.points import Points
from rosearch_engine.front import Front
from rosearch_engine.objectives import counts, vector
from rosearch_engine.store.rows import MeasurementRow, StudentRow, is_measured


@dataclass(frozen=True)
class Step:
    """What a run had found after one more measured student.

    Attributes:
        name: the student's.
        hypervolume: of all students so far.
        seconds: spent on all students so far, also on those that failed or were stopped early.
        joined: whether it was on the front then.
        robustness: its after-attack accuracy.
        when: when it was measured, in seconds since 1970.
        counted: whether it is above the accuracy floor; one that is not cannot join.
    """

    name: str
    hypervolume: float
    seconds: float
    joined: bool
    robustness: float
    when: float
    counted: bool = True


class Ledger:
    """Rows of `Store.students` and how the hypervolume grew. They are shared, not copied: leave them as they are.

    Args:
        read: the students, given those that are known.
    """

    def __init__(self, read: Callable[[Sequence[StudentRow]], list[StudentRow]]) -> None:
        self._read, self._lock, self._marker = read, threading.Lock(), -1
        self._rows: list[StudentRow] = []
        self._steps: list[Step] = []
        self._front, self._told, self._seconds = Front(), -1, 0.0
        self._points, self._drawn = Points(), (-1, False, b"")

    def rows(self, marker: int) -> list[StudentRow]:
        """Every student by number, as of a marker that changes with each."""
        with self._lock:
            self._catch_up(marker)
            return self._rows

    def steps(self, marker: int) -> list[Step]:
        """Every measured student, in the order in which the search learnt of them."""
        with self._lock:
            self._catch_up(marker)
            return self._steps

    def points(self, marker: int, teacher: MeasurementRow | None) -> bytes:
        """Every measured student as the picture of the front takes it: written once for all who look."""
        with self._lock:
            self._catch_up(marker)
            if self._drawn[:2] != (marker, teacher is None):
                self._drawn = (marker, teacher is None, self._points.json(self._rows, teacher))
            return self._drawn[2]

    def _catch_up(self, marker: int) -> None:
        if marker == self._marker:
            return
        self._rows = self._read(self._rows)
        new = [(row["told"], row) for row in self._rows if row["told"] is not None and row["told"] > self._told]
        steps = list(self._steps)  # the old list may be in use
        for told, row in sorted(new, key=lambda pair: pair[0]):
            self._told = told
            self._seconds += sum((row["seconds"] or {}).values())
            if is_measured(row):
                grew = self._front.add(row["number"], vector(row))
                # The first ones may all be below the floor: then nothing is on the front yet.
                volume = self._front.hypervolume() if grew or not steps else steps[-1].hypervolume
                held, when = row["robustness"], row["finished"]
                steps.append(Step(row["name"], volume, self._seconds, grew, held, when, counts(row)))
        self._steps, self._marker = steps, marker
