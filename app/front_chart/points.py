"""What the picture of the front is told of each student: a row of plain values, in the order of `chart.js`' fields."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from rosearch_engine.front import non_dominated
from rosearch_engine.objectives import counts
from rosearch_engine.rescore.rows import HeldOutFigures
from rosearch_engine.store.models import BAG, CHAIN
from rosearch_engine.store.rows import MeasuredStudent, MeasurementRow, StudentRow, is_measured, measured, share

Objective = Literal["accuracy", "robustness", "certified", "compression"]

ON_FRONT, KNEE, WEIGHTS, COUNTS = 1, 2, 4, 8
KINDS = {BAG: 1, CHAIN: 2}


class Points:
    """A run's students as JSON. A student is written once, and anew only when its place on the front changes."""

    def __init__(self) -> None:
        self._written: dict[int, tuple[MeasuredStudent, str]] = {}
        self._codes: list[str] = []

    def json(self, students: Sequence[StudentRow], teacher: MeasurementRow | None) -> bytes:
        """The measured students, the teacher, and the names of the input codes, for `component.show`."""
        rows = [self._row(row) for row in students if is_measured(row)]
        told = None if teacher is None else {"accuracy": teacher["accuracy"], "robustness": teacher["robustness"]}
        head = f'"teacher": {json.dumps(told)}, "codes": {json.dumps(self._codes)}'
        return f'{{{head}, "points": [{", ".join(rows)}]}}'.encode()

    def _row(self, row: MeasuredStudent) -> str:
        known = self._written.get(row["number"])
        if known is not None and known[0] is row:
            return known[1]
        text = json.dumps(self._values(row))
        self._written[row["number"]] = (row, text)
        return text

    def _values(self, row: MeasuredStudent) -> list[Any]:
        code = row["genome"].get("code", "plain")
        if code not in self._codes:
            self._codes.append(code)
        certified = share(row, "certified")
        flags = ON_FRONT * row["front"] + KNEE * row["knee"] + WEIGHTS * bool(row["weights_sha256"])
        return [
            row["name"],
            *(round(row[key], 4) for key in ("accuracy", "robustness")),
            round(row["compression"], 3),
            *(round(bound, 4) for bound in (*row["robustness_interval"], *row["accuracy_interval"])),
            None if certified is None else round(certified, 4),
            row["attacked"],
            KINDS.get(row["origin"], 0),
            self._codes.index(code),
            flags + COUNTS * counts(row),
        ]


def held_out(found: Mapping[str, HeldOutFigures]) -> list[list[Any]]:
    """Figures on held-out sentences by student, for the picture."""
    return [
        [name, row["accuracy"], row["robustness"], *row["interval"], row["attacked"]] for name, row in found.items()
    ]


def front_of(students: Sequence[StudentRow], x: Objective, y: Objective) -> list[tuple[float, float]]:
    """Another run's front in a plane, from left to right."""
    rows = measured(students)
    places = [(place(row, x), place(row, y)) for row in rows]
    values = [at if counts(row) else (0.0, 0.0) for row, at in zip(rows, places, strict=True)]
    best = non_dominated(np.array(values, dtype=float).reshape(-1, 2))
    return sorted(at for at, is_best in zip(places, best, strict=True) if is_best)


def place(row: MeasuredStudent, axis: Objective) -> float:
    """Where a student stands on an axis. One of which nothing can be proved stands at zero."""
    return share(row, "certified") or 0.0 if axis == "certified" else row[axis]
