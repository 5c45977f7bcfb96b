"""Rows as the rest of the program sees them: names, figures with their intervals, place on the front."""

from __future__ import annotations

from typing import Any

import numpy as np

from rosearch_engine.front import knee, non_dominated
from rosearch_engine.objectives import vectors, wilson
from rosearch_engine.store.models import TEACHER, Base, Measurement


def label(number: int) -> str:
    """A student's name."""
    return f"s{number:04d}"


def student_row(candidate: dict[str, Any], measurement: Any) -> dict[str, Any]:
    """A candidate's row with its name and the figures of a measurement: all None where there is none."""
    empty = dict.fromkeys(_MEASURED)
    measured = empty if measurement is None else measurement_row(measurement)
    return candidate | {"name": label(candidate["number"])} | measured


_MEASURED = (
    "measurement_id",
    "accuracy",
    "accuracy_n",
    "accuracy_interval",
    "floor",
    "robustness",
    "robustness_interval",
    "held",
    "attacked",
    "calibrated_held",
    "raw_held",
    "one_swap_held",
    "certified",
    "success_rate",
    "mean_queries",
    "temperature",
    "protocol",
)


def measurement_row(row: Any) -> dict[str, Any]:
    """The figures of a measurement: an object, or a row of its table."""
    known = {
        "measurement_id": row.id,
        "accuracy_interval": wilson(round(row.accuracy * row.accuracy_n), row.accuracy_n),
        "robustness_interval": wilson(row.held, row.attacked),
    }
    return {name: known[name] if name in known else getattr(row, name) for name in _MEASURED}


def measurement_of(row: Measurement, number: int | None) -> dict[str, Any]:
    """The figures of a measurement, and whose they are: a student\'s, or the teacher\'s where the number is None."""
    own = {"candidate_id": row.candidate_id, "number": number, "seed": row.seed, "created": row.created}
    own["rung"] = row.rung
    return measurement_row(row) | own | {"name": TEACHER if number is None else label(number)}


def with_front(students: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The students with their place on the front. One whose place changes gets a new row: the old one may be in use."""
    measured = [student for student in students if student["status"] == "done"]
    front: set[int] = set()
    best = None
    if measured:
        objectives = vectors(measured)
        front = {measured[place]["number"] for place in np.flatnonzero(non_dominated(objectives))}
        best = knee(objectives)
    chosen = None if best is None else measured[best]["number"]

    def told(student: dict[str, Any]) -> dict[str, Any]:
        on_front, is_knee = student["number"] in front, student["number"] == chosen
        if student.get("front") is on_front and student.get("knee") is is_knee:
            return student
        return student | {"front": on_front, "knee": is_knee}

    return [told(student) for student in students]


def table_row(row: Base) -> dict[str, Any]:
    """An object as it stands in its table."""
    return {column.name: getattr(row, column.name) for column in row.__table__.columns}
