"""A whole run as plain values: out of one store, into another.

What belongs to one database, one machine or one person stays behind: row numbers, processes, people's marks.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from rosearch_engine.store import bounds
from rosearch_engine.store.models import AttackExample, Base, Candidate, Event, Measurement, Run
from rosearch_engine.store.repo import Store, artifact_id

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
_STAYS = {
    Run: {
        "id",
        "recorded",
        "provenance",
        "host",
        "pid",
        "process_created",
        "process_mark",
        "claim",
        "queued",
        "stop_requested",
    },
    Candidate: {"id", "run_id", "artifact_id"},
    Measurement: {"id", "run_id", "candidate_id"},
    AttackExample: {"id", "measurement_id"},
    Event: {"id", "run_id"},
}


def _row(table: type[Base], own: dict[str, Any]) -> Any:
    # Anything else cannot come in with a file.
    return bounds.schema(table, own, without=_STAYS[table], extra="forbid")


_Run = _row(Run, bounds.RUN)
_Candidate = _row(Candidate, {**bounds.CANDIDATE, "weights_sha256": (Sha256 | None, None)})
_Example = _row(AttackExample, bounds.EXAMPLE)
# `number` is the candidate's; None where the teacher was measured.
_Measurement = _row(
    Measurement,
    {**bounds.MEASUREMENT, "number": (int | None, ...), "examples": (list[_Example], ...)},  # type: ignore[valid-type]
)
_Event = _row(Event, {})


class Whole(BaseModel):
    """A run with everything measured in it. Fields are those of the tables."""

    model_config = _STRICT

    run: _Run  # type: ignore[valid-type]
    candidates: list[_Candidate]  # type: ignore[valid-type]
    measurements: list[_Measurement]  # type: ignore[valid-type]
    events: list[_Event]  # type: ignore[valid-type]

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        bounds.check_together(self.candidates, self.measurements)
        return self


def take_out(store: Store, run_id: int) -> dict[str, Any]:
    """A run as plain values that fit `Whole`; no student has weights yet."""
    with store.looking() as session:
        of_run = select(Candidate).where(Candidate.run_id == run_id)
        candidates = session.scalars(of_run.order_by(Candidate.number)).all()
        numbers = {candidate.id: candidate.number for candidate in candidates}
        measurements = session.scalars(select(Measurement).where(Measurement.run_id == run_id).order_by(Measurement.id))
        events = session.scalars(select(Event).where(Event.run_id == run_id).order_by(Event.id))
        return {
            "run": _portable_row(session.get_one(Run, run_id)),
            "candidates": [_portable_row(candidate) for candidate in candidates],
            "measurements": [
                _portable_row(row)
                | {"number": numbers.get(row.candidate_id or 0), "examples": _examples(session, row.id)}
                for row in measurements
            ],
            "events": [_portable_row(event) for event in events],
        }


def put_in(session: Session, whole: Whole, name: str, provenance: dict[str, Any], sizes: dict[str, int]) -> int:
    """Add a run, recorded, under that name; returns its id.

    Args:
        provenance: what its file says of its making.
        sizes: bytes of the weights' files by their SHA-256; whose are not among them is a student without weights.
    """
    content = whole.model_dump()
    run = Run(**content["run"] | {"name": name, "recorded": True, "provenance": provenance})
    session.add(run)
    session.flush()
    ids: dict[int | None, int | None] = {None: None}
    for values in content["candidates"]:
        sha256 = values.pop("weights_sha256")
        artifact = artifact_id(session, sha256, sizes[sha256]) if sha256 in sizes else None
        candidate = Candidate(**values, run_id=run.id, artifact_id=artifact)
        session.add(candidate)
        session.flush()
        ids[candidate.number] = candidate.id
    examples: list[dict[str, Any]] = []
    for values in content["measurements"]:
        of_it, number = values.pop("examples"), values.pop("number")
        measurement = Measurement(**values, run_id=run.id, candidate_id=ids[number])
        session.add(measurement)
        session.flush()
        examples += [example | {"measurement_id": measurement.id} for example in of_it]
    if examples:
        session.execute(insert(AttackExample), examples)
    session.add_all(Event(**event, run_id=run.id) for event in content["events"])
    return run.id


def _examples(session: Session, measurement_id: int) -> list[dict[str, Any]]:
    query = select(AttackExample).where(AttackExample.measurement_id == measurement_id).order_by(AttackExample.id)
    return [_portable_row(row) for row in session.scalars(query)]


def _portable_row(row: Base) -> dict[str, Any]:
    stays = _STAYS[type(row)]
    return {column.name: getattr(row, column.name) for column in row.__table__.columns if column.name not in stays}
