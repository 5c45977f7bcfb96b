"""The tables. Times are seconds since 1970, UTC."""

from __future__ import annotations

import time
from typing import Annotated, Any, Final

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# Purposes of a measurement.
SEARCH: Final = "search"
RUNG: Final = "rung"
HELD_OUT: Final = "held_out"
# Origins of the baselines; a searched architecture's is what its strategy did.
CHAIN, BAG = "chain", "bag"
BASELINES = (BAG, CHAIN)
TEACHER: Final = "teacher"  # name of the teacher, where a student's may stand


# Seeds are unsigned numbers of 32 bits, bytes and operations may be more; SQLite's integers hold 64 bits anyhow.
Big = Annotated[int, mapped_column(BigInteger().with_variant(Integer, "sqlite"))]


class Base(DeclarativeBase):
    type_annotation_map = {dict[str, Any]: JSON, list[int]: JSON, list[str]: JSON, list[float]: JSON}  # noqa: RUF012


class Run(Base):
    """One search: its settings, its teacher, and what its process last said of itself.

    `recorded` is true of one that came in a file; `provenance` then tells what the file said of its making.
    `claim` is another each time the run changes hands; `queued` is when it was last asked to go on.
    """

    __tablename__ = "run"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    config: Mapped[dict[str, Any]]
    version: Mapped[str]
    created: Mapped[float] = mapped_column(default=time.time)
    recorded: Mapped[bool] = mapped_column(default=False)
    provenance: Mapped[dict[str, Any] | None]
    dataset: Mapped[dict[str, Any] | None]
    teacher: Mapped[dict[str, Any] | None]
    frame: Mapped[dict[str, Any] | None]
    host: Mapped[str | None]
    pid: Mapped[int | None]
    process_created: Mapped[float | None]
    process_mark: Mapped[str | None]
    claim: Mapped[str | None]
    queued: Mapped[float | None]
    heartbeat: Mapped[float | None]
    progress: Mapped[dict[str, Any] | None]
    stop_requested: Mapped[float | None]
    exit: Mapped[dict[str, Any] | None]
    active_seconds: Mapped[float] = mapped_column(default=0.0)


class Candidate(Base):
    """One architecture of a run. `told` orders the results as the strategy learnt of them.

    `status` is 'queued', 'done', 'failed', or 'pruned' for one that was stopped on the fidelity ladder.
    """

    __tablename__ = "candidate"
    # Every refresh of a screen asks how many students of each run are done, and which are new.
    __table_args__ = (
        UniqueConstraint("run_id", "number"),
        Index("ix_candidate_run_id_status", "run_id", "status"),
        Index("ix_candidate_run_id_told", "run_id", "told"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"), index=True)
    number: Mapped[int]
    digest: Mapped[str] = mapped_column(index=True)
    genome: Mapped[dict[str, Any]]
    origin: Mapped[str]
    parents: Mapped[list[int]]
    change: Mapped[str]
    asked_after: Mapped[int]
    told: Mapped[int | None]
    status: Mapped[str] = mapped_column(default="queued")
    error: Mapped[str | None]
    weights: Mapped[Big]
    encoder_weights: Mapped[Big]
    flops: Mapped[Big]
    compression: Mapped[float]
    encoder_compression: Mapped[float]
    latency_ms: Mapped[float | None]
    training: Mapped[dict[str, Any] | None]
    seconds: Mapped[dict[str, Any] | None]
    artifact_id: Mapped[int | None] = mapped_column(ForeignKey("artifact.id"))
    created: Mapped[float] = mapped_column(default=time.time)
    finished: Mapped[float | None]


class Measurement(Base):
    """What one attack said of one student (or, with no candidate, of the run's teacher).

    `purpose` is SEARCH, HELD_OUT, or RUNG for what was seen below the top of the fidelity ladder; `rung` counts its
    rungs from 0. `floor` is the clean accuracy that a student must exceed to count, `measure` what
    counts as robustness.
    """

    __tablename__ = "measurement"

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"), index=True)
    candidate_id: Mapped[int | None] = mapped_column(ForeignKey("candidate.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str] = mapped_column(default=SEARCH)
    rung: Mapped[int] = mapped_column(default=0)
    seed: Mapped[Big]
    protocol: Mapped[dict[str, Any]]
    accuracy: Mapped[float]
    accuracy_n: Mapped[int]
    floor: Mapped[float | None]
    measure: Mapped[str | None]
    robustness: Mapped[float]
    held: Mapped[int]
    attacked: Mapped[int]
    calibrated_held: Mapped[int | None]
    raw_held: Mapped[int | None]
    one_swap_held: Mapped[int | None]
    certified: Mapped[int | None]
    success_rate: Mapped[float | None]
    mean_queries: Mapped[float]
    temperature: Mapped[float]
    created: Mapped[float] = mapped_column(default=time.time)


class AttackExample(Base):
    """The outcome for one attacked sentence."""

    __tablename__ = "attack_example"

    id: Mapped[int] = mapped_column(primary_key=True)
    measurement_id: Mapped[int] = mapped_column(ForeignKey("measurement.id", ondelete="CASCADE"), index=True)
    sentence: Mapped[int]
    outcome: Mapped[str]
    label: Mapped[int]
    before: Mapped[dict[str, Any]]
    after: Mapped[dict[str, Any]]
    queries: Mapped[int]
    reason: Mapped[str] = mapped_column(default="")
    raw_outcome: Mapped[str | None]
    raw_queries: Mapped[int | None]
    swaps: Mapped[int | None]
    flips: Mapped[int | None]
    worst_swap: Mapped[dict[str, Any] | None]
    certified: Mapped[bool | None]


class Mark(Base):
    """What a person said of an adversarial sentence: whether it still means what the original meant."""

    __tablename__ = "mark"
    __table_args__ = (UniqueConstraint("run_id", "student", "original", "perturbed"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"), index=True)
    student: Mapped[str]
    recipe: Mapped[str]
    original: Mapped[str]
    perturbed: Mapped[str]
    kept: Mapped[bool]
    created: Mapped[float] = mapped_column(default=time.time)


class Annotation(Base):
    """What a person notes of a student, or of the run itself, whose `student` is empty."""

    __tablename__ = "annotation"
    __table_args__ = (UniqueConstraint("run_id", "student"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"), index=True)
    student: Mapped[str]
    note: Mapped[str]
    tags: Mapped[list[str]]
    pinned: Mapped[bool]
    updated: Mapped[float]


class Event(Base):
    """Something worth a line in the run's history."""

    __tablename__ = "event"

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"), index=True)
    time: Mapped[float] = mapped_column(default=time.time)
    kind: Mapped[str]
    text: Mapped[str]


class Artifact(Base):
    """A file of weights, named by the SHA-256 of its content: `rosearch_engine.weights` knows where it lies."""

    __tablename__ = "artifact"

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(unique=True)
    bytes: Mapped[Big]
    created: Mapped[float] = mapped_column(default=time.time)


class Shipped(Base):
    """The recorded run that comes with the program, once it was brought in: deleted, it stays deleted."""

    __tablename__ = "shipped"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    created: Mapped[float] = mapped_column(default=time.time)
