"""Certified sentences: how many of a measurement, and which."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Boolean, Column, Integer

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("measurement", Column("certified", Integer))
    op.add_column("attack_example", Column("certified", Boolean))
