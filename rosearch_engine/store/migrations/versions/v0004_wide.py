"""Numbers of 64 bits where 32 are too few. SQLite's hold 64 bits already."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Integer

revision = "0004"
down_revision = "0003"

WIDE = {
    "candidate": ("weights", "encoder_weights", "flops"),
    "measurement": ("seed",),
    "artifact": ("bytes",),
}


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        return
    for table, columns in WIDE.items():
        for column in columns:
            op.alter_column(table, column, type_=BigInteger(), existing_type=Integer(), existing_nullable=False)
