"""Who holds a run, told by what no clock changes, and when it was asked to go on."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Double, String

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("run", Column("process_mark", String))
    op.add_column("run", Column("claim", String))
    op.add_column("run", Column("queued", Double))
