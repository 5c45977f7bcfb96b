"""Reading and writing runs.

`Store.write()` is for the search process, `Store.read()` for everyone else: it cannot change a byte.
The embedded default is SQLite in write-ahead mode; `ROSEARCH_STORE` may name another file, or a PostgreSQL server.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, cast

from sqlalchemy import Connection, Engine, Table, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import DatabaseError, IntegrityError
from sqlalchemy.orm import Session

from rosearch_engine import __version__
from rosearch_engine.config import RunConfig
from rosearch_engine.errors import UserError
from rosearch_engine.genome import Cost, Genome
from rosearch_engine.resources import home
from rosearch_engine.store.database import (
    create_sqlite,
    database,
    is_current,
    lacks_columns,
    migrate,
    not_yet_made,
    outdated,
    read_only,
    readable,
    server_read_only,
    sqlite_file,
    writable,
)
from rosearch_engine.store.made_rows import (
    candidate_row,
    event_row,
    example_row,
    listed_run,
    mark_row,
    measurement_of,
    measurement_row,
    run_row,
    student_row,
    with_front,
)
from rosearch_engine.store.models import (
    RUNG,
    SEARCH,
    Artifact,
    AttackExample,
    Base,
    Candidate,
    Event,
    Mark,
    Measurement,
    Run,
)
from rosearch_engine.store.neighbours import remember
from rosearch_engine.store.rows import (
    CandidateRow,
    EventRow,
    Example,
    ExampleRow,
    MarkRow,
    MeasurementRow,
    NewMeasurement,
    OwnedMeasurementRow,
    Purpose,
    RunRow,
    StudentRow,
    label,
)


def _table(model: type[Base]) -> Table:
    return cast(Table, model.__table__)


# What a search writes for each student: statements that are put together once, and given values.
_CANDIDATE = _table(Candidate)
_ADD_CANDIDATE = insert(_CANDIDATE).returning(*_CANDIDATE.columns)
_FINISHED = ("artifact_id", "status", "told", "finished", "latency_ms", "training", "seconds")
_FINISH_CANDIDATE = (
    update(_CANDIDATE)
    .where(_CANDIDATE.c.id == bindparam("candidate"), _CANDIDATE.c.status == "queued")
    .values({name: bindparam(name) for name in _FINISHED})
    .returning(_CANDIDATE.c.run_id, _CANDIDATE.c.number, _CANDIDATE.c.origin, _CANDIDATE.c.compression)
)
_ADD_MEASUREMENT = insert(_table(Measurement)).returning(_table(Measurement).c.id)
_ADD_EXAMPLES = insert(_table(AttackExample))
_ADD_EVENT = insert(_table(Event))
_FIND_ARTIFACT = select(_table(Artifact).c.id).where(_table(Artifact).c.sha256 == bindparam("sought"))
_ADD_ARTIFACT = insert(_table(Artifact)).returning(_table(Artifact).c.id)


class Store:
    """Runs, students, measurements, events. What comes out is in `rosearch_engine.store.rows`."""

    def __init__(self, engine: Engine, read_only: bool) -> None:
        self._engine = engine
        self._read_only = read_only

    @classmethod
    def write(cls, address: str | None = None) -> Store:
        """The store, made if it is not there.

        Raises:
            UserError: if the database is damaged, cannot be written, or a later version's.
        """
        home()  # to write anything, it must be there
        address = address or database()
        with readable(address):
            file = sqlite_file(address)
            if file is not None:
                create_sqlite(file)
            engine = writable(address)
            if not is_current(engine):
                migrate(address)
        remember(address)
        return cls(engine, read_only=False)

    @classmethod
    def read(cls, address: str | None = None) -> Store:
        """The store for looking only; an empty one where none has been made yet. An older one is brought up to date.

        Where there is no file, none is made.

        Raises:
            UserError: if the database is damaged or a later version's, or it is too old and cannot be written.
        """
        address = address or database()
        with readable(address):
            file = sqlite_file(address)
            if file is not None and not file.exists():
                return cls(not_yet_made(file), read_only=True)
            engine = server_read_only(address) if file is None else read_only(file)
            if not is_current(engine):
                try:
                    migrate(address)
                except DatabaseError as error:
                    # One that cannot be written may well be read: it may lack no more than the number of its version.
                    if lacks_columns(engine):
                        raise outdated(error) from None
        return cls(engine, read_only=True)

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One transaction: all of it is kept or none."""
        assert not self._read_only, "a reader must not write"
        with Session(self._engine) as session, session.begin():
            yield session

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """One transaction on the tables' columns, not on objects: what a search does for each student."""
        assert not self._read_only, "a reader must not write"
        with self._engine.begin() as connection:
            yield connection

    @contextmanager
    def looking(self) -> Iterator[Session]:
        """A session for queries that have no method here."""
        with Session(self._engine) as session:
            yield session

    # Runs

    def create_run(self, name: str, config: RunConfig) -> int:
        """Add a run.

        Raises:
            UserError: if the name is taken or not fit for a folder's name.
        """
        check_name(name)
        try:
            with self.transaction() as session:
                run = Run(name=name, config=config.model_dump(mode="json"), version=__version__)
                session.add(run)
                session.flush()
                session.add(Event(run_id=run.id, kind="created", text="run created"))
                return run.id
        except IntegrityError:
            raise name_taken(name) from None

    def delete_run(self, name: str, seen: RunRow | None = None) -> list[str]:
        """Forget a run and all that was measured in it; returns the SHA-256 of weights that no run has any more.

        Args:
            seen: the run as it was when this was decided.

        Raises:
            UserError: if the run has changed hands since it was `seen`.
        """
        with self.transaction() as session:
            which = Run.name == name
            if seen is not None:
                which &= (Run.id == seen["id"]) & (Run.claim == seen["claim"])
            gone = session.scalars(delete(Run).where(which).returning(Run.id)).all()
            if seen is not None and not gone:
                raise UserError("run", f"'{name}' has just been started or deleted.", "See `status`.")
            kept = select(Candidate.artifact_id).where(Candidate.artifact_id.is_not(None))
            orphans = session.scalars(select(Artifact).where(Artifact.id.not_in(kept))).all()
            for artifact in orphans:
                session.delete(artifact)
            return [artifact.sha256 for artifact in orphans]

    def rename_run(self, seen: RunRow, name: str) -> None:
        """Give a run another name.

        Args:
            seen: the run as it was when this was decided: of two people who rename it, the second is told.

        Raises:
            UserError: if the name is taken or not allowed, or the run has changed name or hands, or is gone.
        """
        check_name(name)
        which = (Run.id == seen["id"]) & (Run.name == seen["name"]) & (Run.claim.is_not_distinct_from(seen["claim"]))
        try:
            with self.transaction() as session:
                changed = session.scalar(update(Run).where(which).values(name=name).returning(Run.id))
                if changed is None:
                    problem = f"'{seen['name']}' has just been renamed, started or deleted."
                    raise UserError("run", problem, "See `status` for its name now.")
        except IntegrityError:
            raise name_taken(name) from None

    def runs(self) -> list[RunRow]:
        """All runs, the newest first, each with `students`: how many are measured."""
        counted = (
            select(Candidate.run_id, func.count(Candidate.id).label("students"))
            .where(Candidate.status == "done")
            .group_by(Candidate.run_id)
            .subquery()
        )
        query = (
            select(Run, func.coalesce(counted.c.students, 0))
            .outerjoin(counted, counted.c.run_id == Run.id)
            .order_by(Run.created.desc(), Run.id.desc())
        )
        with Session(self._engine) as session:
            return [listed_run(run, students) for run, students in session.execute(query)]

    def run(self, name: str) -> RunRow:
        """One run by its name.

        Raises:
            UserError: if there is none of that name, or its row is damaged.
        """
        with Session(self._engine) as session:
            run = session.scalar(select(Run).where(Run.name == name)) if is_name(name) else None
            if run is None:
                names = session.scalars(select(Run.name).order_by(Run.created.desc()).limit(8)).all()
                known = f"Existing runs: {', '.join(map(str, names))}." if names else "There are no runs yet."
                raise UserError("run", f"there is no run '{name}'.", known)
            done = (Candidate.run_id == run.id) & (Candidate.status == "done")
            return run_row(run, session.scalar(select(func.count(Candidate.id)).where(done)) or 0)

    def update_run(self, run_id: int, **values: Any) -> None:
        with self.transaction() as session:
            session.execute(update(Run).where(Run.id == run_id).values(**values))

    def update_claimed(self, run_id: int, seen: str | None, /, **values: Any) -> bool:
        """Change a run if it is in the same hands as when its claim was `seen`; returns whether it is."""
        of_claim = (Run.id == run_id) & (Run.claim == seen)
        with self.transaction() as session:
            changed = update(Run).where(of_claim).values(**values).returning(Run.id)
            return session.scalar(changed) is not None

    def claim_run(self, run_id: int, seen: str | None, **values: Any) -> str | None:
        """Take a run over in one step, unless it changed hands since its claim was `seen`.

        Of any number of processes that saw the same claim, one gets it.

        Returns:
            The new claim; None if somebody else was first.
        """
        claim = secrets.token_hex(8)
        return claim if self.update_claimed(run_id, seen, claim=claim, **values) else None

    def log(self, run_id: int, kind: str, text: str) -> None:
        with self.transaction() as session:
            session.add(Event(run_id=run_id, kind=kind, text=text))

    def events(self, run_id: int, last: int = 100) -> list[EventRow]:
        """The newest events of a run, oldest first."""
        query = select(Event).where(Event.run_id == run_id).order_by(Event.id.desc()).limit(last)
        with Session(self._engine) as session:
            return [event_row(row) for row in session.scalars(query)][::-1]

    # Students

    def add_candidate(
        self,
        run_id: int,
        number: int,
        genome: Genome,
        cost: Cost,
        *,
        origin: str,
        parents: Sequence[int],
        change: str,
        asked_after: int,
    ) -> CandidateRow:
        """Queue an architecture; returns its row."""
        values = {
            "run_id": run_id,
            "number": number,
            "digest": genome.digest,
            "genome": genome.as_dict(),
            "origin": origin,
            "parents": list(parents),
            "change": change,
            "asked_after": asked_after,
            **asdict(cost),
        }
        with self._writing() as connection:
            added = connection.execute(_ADD_CANDIDATE, values).mappings().one()
            return cast(CandidateRow, dict(added))

    def fail_candidate(self, candidate_id: int, told: int | None, error: str) -> None:
        """Mark a candidate that could not be trained or attacked; the search goes on without it."""
        with self.transaction() as session:
            candidate = session.get_one(Candidate, candidate_id)
            candidate.status, candidate.error, candidate.told = "failed", error, told
            candidate.finished = time.time()
            session.add(Event(run_id=candidate.run_id, kind="failed", text=f"{label(candidate.number)}: {error}"))

    def finish_candidate(
        self,
        candidate_id: int,
        told: int | None,
        *,
        pruned: bool = False,
        weights_file: tuple[str, int] | None,
        latency_ms: float,
        training: Mapping[str, Any],
        seconds: Mapping[str, float],
        measurements: Sequence[NewMeasurement],
        examples: Sequence[Example],
    ) -> None:
        """Keep a student's result: the row of its weights, its measurements rung by rung and every sentence of the
        last one. A pruned student was stopped below the top of the ladder; its weights need not be kept."""
        with self._writing() as connection:
            artifact = None if weights_file is None else _artifact_id(connection, *weights_file)
            done = {
                "candidate": candidate_id,
                "artifact_id": artifact,
                "status": "pruned" if pruned else "done",
                "told": told,
                "finished": time.time(),
                "latency_ms": latency_ms,
                "training": dict(training),
                "seconds": dict(seconds),
            }
            student = connection.execute(_FINISH_CANDIDATE, done).one_or_none()
            if student is None:
                number = connection.execute(
                    select(_CANDIDATE.c.number).where(_CANDIDATE.c.id == candidate_id)
                ).scalar_one()
                # The last guard: whoever lost the run without a word must not measure a student twice.
                raise UserError("run", f"{label(number)} was measured elsewhere.", "See `status`.")
            for row in measurements[:-1]:
                _measure(connection, student.run_id, candidate_id, row, [])
            last = measurements[-1]
            _measure(connection, student.run_id, candidate_id, last, examples)
            words = (
                f"{label(student.number)} ({student.origin}): accuracy {last['accuracy']:.1%}, "
                f"{'after single swaps' if pruned else 'after attack'} {last['robustness']:.1%}, "
                f"{student.compression:.1f}x smaller"
            )
            words += f"; pruned on rung {last['rung'] + 1}" if pruned else ""
            connection.execute(_ADD_EVENT, {"run_id": student.run_id, "kind": "student", "text": words})

    def measure(
        self,
        run_id: int,
        candidate_id: int | None,
        measurement: NewMeasurement,
        examples: Sequence[Example],
    ) -> None:
        """Add a further measurement of a student, or of the teacher when `candidate_id` is None."""
        try:
            with self._writing() as connection:
                _measure(connection, run_id, candidate_id, measurement, examples)
        except IntegrityError:
            raise UserError("run", "it has been deleted meanwhile.", "See `status`.") from None

    def candidates(self, run_id: int) -> list[CandidateRow]:
        """Every candidate of a run as it stands in its table, in the order of their numbers."""
        query = select(Candidate).where(Candidate.run_id == run_id).order_by(Candidate.number)
        with Session(self._engine) as session:
            return [candidate_row(row) for row in session.scalars(query)]

    def students(self, run_id: int, known: Sequence[StudentRow] = ()) -> list[StudentRow]:
        """Every candidate with its search-time measurement, intervals and front membership, by number.

        One stopped on the ladder ("pruned") has the figures of the highest rung that it reached.

        Args:
            known: what an earlier call returned: a student that it has the result of is not read again.
        """
        rows = {row["number"]: row for row in known if row["told"] is not None}
        last = max((row["told"] for row in known if row["told"] is not None), default=-1)
        is_new = (Candidate.run_id == run_id) & (Candidate.told.is_(None) | (Candidate.told > last))
        of_search = Measurement.purpose.in_((SEARCH, RUNG))
        # Tables' columns, not objects: that reads thousands faster.
        candidates = (
            select(*Candidate.__table__.columns, Artifact.sha256.label("weights_sha256"))
            .outerjoin(Artifact, Artifact.id == Candidate.artifact_id)
            .where(is_new)
        )
        measurements = (
            select(*Measurement.__table__.columns)
            .join(Candidate, Candidate.id == Measurement.candidate_id)
            .where(is_new, of_search)
            .order_by(Measurement.rung)
        )
        with self._engine.connect() as connection:
            # Candidates first: a result that comes in between is of one that was still queued, and is read next time.
            found = connection.execute(candidates).mappings().all()
            # The highest rung comes last and wins.
            seen = {row.candidate_id: row for row in connection.execute(measurements)}
        for row in found:
            rows[row["number"]] = student_row(dict(row), seen.get(row["id"]) if row["told"] is not None else None)
        return with_front([rows[number] for number in sorted(rows)])

    def student(self, run_id: int, name: str) -> StudentRow:
        """One student by its name (`s0007`), number or digest.

        Raises:
            UserError: if the run has no such student.
        """
        for student in self.students(run_id):
            if name in (student["name"], str(student["number"]), student["digest"]):
                return student
        raise UserError("student", f"the run has no student '{name}'.", "Names look like s0007; see `report`.")

    def known_weights(self, among: Collection[str]) -> set[str]:
        """Those of some weights, by their SHA-256, that this store has a row of."""
        with Session(self._engine) as session:
            return set(session.scalars(select(Artifact.sha256).where(Artifact.sha256.in_(among))))

    def weights_of(self, run_id: int, name: str) -> str | None:
        """SHA-256 of a student's weights, by its name, number or digest, without reading all the others."""
        number = name[1:] if name.startswith("s") else name
        of_student = Candidate.digest == name
        if number.isascii() and number.isdigit() and len(number) < 10:
            of_student |= Candidate.number == int(number)
        weights = select(Artifact.sha256).join(Candidate, Candidate.artifact_id == Artifact.id)
        with Session(self._engine) as session:
            return session.scalar(weights.where(Candidate.run_id == run_id, of_student).order_by(Candidate.number))

    def teacher_measurement(self, run_id: int) -> MeasurementRow | None:
        """The teacher's own numbers under the run's attack, once they are there."""
        of_teacher = (Measurement.run_id == run_id) & Measurement.candidate_id.is_(None)
        query = select(Measurement).where(of_teacher, Measurement.purpose == SEARCH)
        with Session(self._engine) as session:
            row = session.scalar(query.order_by(Measurement.id.desc()))
            return None if row is None else measurement_row(row)

    def measurements(self, run_id: int, purpose: Purpose) -> list[OwnedMeasurementRow]:
        """All measurements of a purpose in the order they were made, each with its student's `name` ('teacher' for
        the teacher's), `number` (None for it), `candidate_id`, `seed`, `rung` and `created`."""
        query = (
            select(Measurement, Candidate.number)
            .outerjoin(Candidate, Candidate.id == Measurement.candidate_id)
            .where(Measurement.run_id == run_id, Measurement.purpose == purpose)
            .order_by(Measurement.id)
        )
        with Session(self._engine) as session:
            return [measurement_of(row, number) for row, number in session.execute(query)]

    def examples(self, measurement_id: int) -> list[ExampleRow]:
        """Every attacked sentence of a measurement."""
        query = select(AttackExample).where(AttackExample.measurement_id == measurement_id).order_by(AttackExample.id)
        with Session(self._engine) as session:
            return [example_row(row) for row in session.scalars(query)]

    # People's words on the attacks

    def mark(self, run_id: int, student: str, recipe: str, original: str, perturbed: str, kept: bool) -> None:
        """Keep whether an adversarial sentence still means what the original meant. The last word counts."""
        which = (Mark.run_id == run_id) & (Mark.student == student)
        with self.transaction() as session:
            session.execute(delete(Mark).where(which, Mark.original == original, Mark.perturbed == perturbed))
            values = {"student": student, "recipe": recipe, "original": original, "perturbed": perturbed, "kept": kept}
            session.add(Mark(run_id=run_id, **values))

    def marks(self, run_id: int) -> list[MarkRow]:
        """All marks of a run, in the order they were made."""
        with Session(self._engine) as session:
            return [
                mark_row(row) for row in session.scalars(select(Mark).where(Mark.run_id == run_id).order_by(Mark.id))
            ]


def is_name(name: str) -> bool:
    """Whether a run may be called that."""
    return 0 < len(name) <= 60 and not name.startswith(".") and all(c.isalnum() or c in "-_." for c in name)


def check_name(name: str) -> None:
    """Refuse a run name that cannot be a folder or a part of an address.

    Raises:
        UserError: if it is empty, long, or holds anything but letters, digits, '-', '_' and '.'.
    """
    if not is_name(name):
        raise UserError("run", f"'{name}' is not a valid run name.", "Use 1 to 60 letters, digits, '-', '_' or '.'.")


def name_taken(name: str) -> UserError:
    return UserError("run", f"the name '{name}' is taken.", "Choose another name, or `resume` the run with this name.")


def artifact_id(session: Session, sha256: str, size: int) -> int:
    """The row of a file of weights, added if it is new."""
    known = session.scalar(select(Artifact.id).where(Artifact.sha256 == sha256))
    if known is not None:
        return known
    artifact = Artifact(sha256=sha256, bytes=size)
    session.add(artifact)
    session.flush()
    return artifact.id


def _artifact_id(connection: Connection, sha256: str, size: int) -> int:
    """As `artifact_id`."""
    known = connection.execute(_FIND_ARTIFACT, {"sought": sha256}).scalar_one_or_none()
    if known is None:
        known = connection.execute(_ADD_ARTIFACT, {"sha256": sha256, "bytes": size}).scalar_one()
    return int(known)


def _measure(
    connection: Connection,
    run_id: int,
    candidate_id: int | None,
    measurement: NewMeasurement,
    examples: Sequence[Example],
) -> None:
    values = {"run_id": run_id, "candidate_id": candidate_id, **measurement}
    number = connection.execute(_ADD_MEASUREMENT, values).scalar_one()
    if examples:
        connection.execute(_ADD_EXAMPLES, [{"measurement_id": number, **one} for one in examples])
