"""Run by Alembic before it works: which database it works on, and how.

The program passes its connection; the `alembic` command, which a developer uses, takes the store's own database.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, create_engine

from rosearch_engine.store.database import database
from rosearch_engine.store.models import Base


def migrate(connection: Connection) -> None:
    # SQLite cannot change a column: Alembic then copies the table ("batch mode").
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


passed = context.config.attributes.get("connection")
if passed is not None:
    migrate(passed)
else:
    with create_engine(database()).begin() as connection:
        migrate(connection)
