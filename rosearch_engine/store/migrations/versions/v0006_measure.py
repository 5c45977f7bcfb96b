"""What a run counts as robustness: what holds under attack, or what is certified."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, String

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("measurement", Column("measure", String))
