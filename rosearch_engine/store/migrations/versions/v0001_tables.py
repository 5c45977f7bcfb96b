"""The tables of 0.1.0.

Its stores have no version, and those of its early days lack tables, columns and indexes that came later. What is not
there is added, with null in the rows that are, so that all stores are alike from here on.
"""

from __future__ import annotations

from typing import Any

from alembic import op
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    inspect,
)

revision = "0001"
down_revision = None

# As they were then. The models go on changing, this does not.
TABLES = MetaData()


def needed(
    name: str, kind: type, *key: ForeignKey, unique: bool | None = None, index: bool | None = None
) -> Column[Any]:
    return Column(name, kind, *key, nullable=False, unique=unique, index=index)


def identity() -> Column[Any]:
    return Column("id", Integer, primary_key=True)


def of(table: str) -> ForeignKey:
    return ForeignKey(f"{table}.id", ondelete="CASCADE")


Table(
    "artifact",
    TABLES,
    identity(),
    needed("sha256", String, unique=True),
    needed("bytes", Integer),
    needed("created", Double),
)
Table(
    "run",
    TABLES,
    identity(),
    needed("name", String, unique=True),
    needed("config", JSON),
    needed("version", String),
    needed("created", Double),
    needed("recorded", Boolean),
    Column("provenance", JSON),
    Column("dataset", JSON),
    Column("teacher", JSON),
    Column("frame", JSON),
    Column("host", String),
    Column("pid", Integer),
    Column("process_created", Double),
    Column("heartbeat", Double),
    Column("progress", JSON),
    Column("stop_requested", Double),
    Column("exit", JSON),
    needed("active_seconds", Double),
)
Table("shipped", TABLES, Column("sha256", String, primary_key=True), needed("created", Double))
Table(
    "candidate",
    TABLES,
    identity(),
    needed("run_id", Integer, of("run"), index=True),
    needed("number", Integer),
    needed("digest", String, index=True),
    needed("genome", JSON),
    needed("origin", String),
    needed("parents", JSON),
    needed("change", String),
    needed("asked_after", Integer),
    Column("told", Integer),
    needed("status", String),
    Column("error", String),
    needed("weights", Integer),
    needed("encoder_weights", Integer),
    needed("flops", Integer),
    needed("compression", Double),
    needed("encoder_compression", Double),
    Column("latency_ms", Double),
    Column("training", JSON),
    Column("seconds", JSON),
    Column("artifact_id", Integer, ForeignKey("artifact.id")),
    needed("created", Double),
    Column("finished", Double),
    UniqueConstraint("run_id", "number"),
    Index("ix_candidate_run_id_status", "run_id", "status"),
    Index("ix_candidate_run_id_told", "run_id", "told"),
)
Table(
    "event",
    TABLES,
    identity(),
    needed("run_id", Integer, of("run"), index=True),
    needed("time", Double),
    needed("kind", String),
    needed("text", String),
)
Table(
    "mark",
    TABLES,
    identity(),
    needed("run_id", Integer, of("run"), index=True),
    needed("student", String),
    needed("recipe", String),
    needed("original", String),
    needed("perturbed", String),
    needed("kept", Boolean),
    needed("created", Double),
    UniqueConstraint("run_id", "student", "original", "perturbed"),
)
Table(
    "measurement",
    TABLES,
    identity(),
    needed("run_id", Integer, of("run"), index=True),
    Column("candidate_id", Integer, of("candidate"), index=True),
    needed("purpose", String),
    needed("rung", Integer),
    needed("seed", Integer),
    needed("protocol", JSON),
    needed("accuracy", Double),
    needed("accuracy_n", Integer),
    Column("floor", Double),
    needed("robustness", Double),
    needed("held", Integer),
    needed("attacked", Integer),
    Column("calibrated_held", Integer),
    Column("raw_held", Integer),
    Column("one_swap_held", Integer),
    Column("success_rate", Double),
    needed("mean_queries", Double),
    needed("temperature", Double),
    needed("created", Double),
)
Table(
    "attack_example",
    TABLES,
    identity(),
    needed("measurement_id", Integer, of("measurement"), index=True),
    needed("sentence", Integer),
    needed("outcome", String),
    needed("label", Integer),
    needed("before", JSON),
    needed("after", JSON),
    needed("queries", Integer),
    needed("reason", String),
    Column("raw_outcome", String),
    Column("raw_queries", Integer),
    Column("swaps", Integer),
    Column("flips", Integer),
    Column("worst_swap", JSON),
)


def upgrade() -> None:
    connection = op.get_bind()
    look = inspect(connection)
    for table in TABLES.sorted_tables:
        if not look.has_table(table.name):
            table.create(connection)
            continue
        there = {column["name"] for column in look.get_columns(table.name)}
        for column in table.columns:
            if column.name not in there:
                op.add_column(table.name, Column(column.name, column.type))
        for index in table.indexes:
            index.create(connection, checkfirst=True)
