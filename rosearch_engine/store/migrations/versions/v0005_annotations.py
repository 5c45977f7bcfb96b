"""What people note of runs and students: a text, tags, a pin."""

from __future__ import annotations

from alembic import op
from sqlalchemy import JSON, Boolean, Column, Double, ForeignKey, Integer, String, UniqueConstraint

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "annotation",
        Column("id", Integer, primary_key=True),
        Column("run_id", Integer, ForeignKey("run.id", ondelete="CASCADE"), nullable=False, index=True),
        Column("student", String, nullable=False),
        Column("note", String, nullable=False),
        Column("tags", JSON, nullable=False),
        Column("pinned", Boolean, nullable=False),
        Column("updated", Double, nullable=False),
        UniqueConstraint("run_id", "student"),
    )
