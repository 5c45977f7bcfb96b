"""Rows as the rest of the program sees them, made of the tables': names, intervals, place on the front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from rosearch_engine.config import RunConfig
from rosearch_engine.errors import UserError
from rosearch_engine.front import knee, non_dominated
from rosearch_engine.objectives import vectors, wilson
from rosearch_engine.store.bounds import check_row, damaged_row
from rosearch_engine.store.models import (
    TEACHER,
    Annotation,
    AttackExample,
    Base,
    Candidate,
    Event,
    Mark,
    Measurement,
    Run,
)
from rosearch_engine.store.rows import (
    FIGURES,
    AnnotationRow,
    CandidateRow,
    EventRow,
    ExampleRow,
    MarkRow,
    MeasurementRow,
    OwnedMeasurementRow,
    RunRow,
    StudentRow,
    label,
    measured,
)

_CANDIDATE = [column.name for column in Candidate.__table__.columns]
_MEASUREMENT = [column.name for column in Measurement.__table__.columns]
_MEASURED = ("measurement_id", *FIGURES, "protocol")


def student_row(candidate: Mapping[str, Any], measurement: Any) -> StudentRow:
    """A candidate's row with its name and the figures of a measurement: all None where there is none.

    Raises:
        UserError: if the row is damaged.
    """
    check_row(Candidate, candidate)
    if candidate["status"] in ("done", "pruned") and measurement is None:
        raise damaged_row(Candidate, candidate, "status", "it was not measured")
    figures = dict.fromkeys(_MEASURED) if measurement is None else measurement_row(measurement)
    return cast(StudentRow, {**candidate, "name": label(candidate["number"]), **figures})


def measurement_row(row: Any) -> MeasurementRow:
    """The figures of a measurement: an object, or a row of its table.

    Raises:
        UserError: if the row is damaged.
    """
    check_row(Measurement, {name: getattr(row, name) for name in _MEASUREMENT})
    known = {
        "measurement_id": row.id,
        "accuracy_interval": wilson(round(row.accuracy * row.accuracy_n), row.accuracy_n),
        "robustness_interval": wilson(row.held, row.attacked),
    }
    found = {name: known[name] if name in known else getattr(row, name) for name in _MEASURED}
    return cast(MeasurementRow, found)


def measurement_of(row: Measurement, number: int | None) -> OwnedMeasurementRow:
    """The figures of a measurement, and whose they are: a student's, or the teacher's where the number is None."""
    return {
        **measurement_row(row),
        "candidate_id": row.candidate_id,
        "number": number,
        "seed": row.seed,
        "created": row.created,
        "rung": row.rung,
        "name": TEACHER if number is None else label(number),
    }


def with_front(students: Sequence[StudentRow]) -> list[StudentRow]:
    """The students with their place on the front. One whose place changes gets a new row: the old one may be in use.

    One that was off the front before stays off it, whoever comes: of thousands only few need to be compared again.
    """
    done = [student for student in measured(students) if student.get("front") is not False]
    front: set[int] = set()
    best = None
    if done:
        objectives = vectors(done)
        front = {done[place]["number"] for place in np.flatnonzero(non_dominated(objectives))}
        best = knee(objectives)
    chosen = None if best is None else done[best]["number"]

    def told(student: StudentRow) -> StudentRow:
        on_front, is_knee = student["number"] in front, student["number"] == chosen
        if student.get("front") is on_front and student.get("knee") is is_knee:
            return student
        return cast(StudentRow, {**student, "front": on_front, "knee": is_knee})

    return [told(student) for student in students]


def run_row(run: Run, students: int) -> RunRow:
    """A run and how many students it has measured.

    Raises:
        UserError: if its row is damaged.
    """
    return cast(RunRow, {**_columns(run), "students": students})


def listed_run(run: Run, students: int) -> RunRow:
    """As `run_row`, but a damaged row is listed as that of a run that crashed of it: it hides no other."""
    try:
        return run_row(run, students)
    except UserError as error:
        blank: RunRow = {
            "id": run.id, "name": str(run.name), "config": RunConfig().model_dump(mode="json"), "version": "",
            "created": run.created if isinstance(run.created, float) else 0.0, "recorded": False, "provenance": None,
            "dataset": None, "teacher": None, "frame": None, "host": None, "pid": None, "process_created": None,
            "process_mark": None, "claim": run.claim, "queued": None, "heartbeat": None, "progress": None,
            "stop_requested": None, "active_seconds": 0.0, "students": students,
            "exit": {"reason": "crashed", "message": str(error), "error": error.as_dict()},
        }  # fmt: skip
        return blank


def candidate_row(candidate: Any) -> CandidateRow:
    """A candidate: an object, or a row of its table.

    Raises:
        UserError: if the row is damaged.
    """
    found = {name: getattr(candidate, name) for name in _CANDIDATE}
    check_row(Candidate, found)
    return cast(CandidateRow, found)


def example_row(example: AttackExample) -> ExampleRow:
    return cast(ExampleRow, _columns(example))


def event_row(event: Event) -> EventRow:
    return cast(EventRow, _columns(event))


def mark_row(mark: Mark) -> MarkRow:
    return cast(MarkRow, _columns(mark))


def annotation_row(annotation: Annotation) -> AnnotationRow:
    return cast(AnnotationRow, _columns(annotation))


def _columns(row: Base) -> dict[str, Any]:
    """An object as it stands in its table.

    Raises:
        UserError: if it is damaged.
    """
    found = {column.name: getattr(row, column.name) for column in row.__table__.columns}
    check_row(type(row), found)
    return found
