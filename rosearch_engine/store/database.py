"""The database itself: its address, how it is made and grown, what to say when it cannot be used."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Engine, create_engine, inspect, text
from sqlalchemy.exc import ArgumentError, DatabaseError

from rosearch_engine.errors import UserError, is_full_disk
from rosearch_engine.resources import home
from rosearch_engine.store.models import Base


def database() -> str:
    """SQLAlchemy address of the store: `ROSEARCH_STORE`, or a SQLite file in the home folder."""
    return os.environ.get("ROSEARCH_STORE") or f"sqlite:///{home() / 'rosearch.db'}"


def new_columns(engine: Engine) -> list[Column[Any]]:
    """Columns that a database made by an earlier version of this program lacks."""
    look = inspect(engine)
    there = {
        table: {column["name"] for column in look.get_columns(table)} if look.has_table(table) else set()
        for table in Base.metadata.tables
    }
    tables = Base.metadata.tables.items()
    return [column for name, table in tables for column in table.columns if column.name not in there[name]]


def add_new_columns(engine: Engine) -> None:
    """Give an earlier version's tables what they lack; their rows get null there."""
    for column in new_columns(engine):
        kind = column.type.compile(engine.dialect)
        with engine.begin() as connection:
            connection.execute(text(f'ALTER TABLE "{column.table.name}" ADD COLUMN "{column.name}" {kind}'))


def add_new_indexes(engine: Engine) -> None:
    """Make the indexes that are not there."""
    for table in Base.metadata.tables.values():
        for index in table.indexes:
            index.create(engine, checkfirst=True)


def set_pragmas(connection: Any, _: Any) -> None:
    """SQLite's settings for a connection that writes: readers go on meanwhile, a busy file is waited for."""
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def create_sqlite(path: Path) -> None:
    """Make an empty database if there is none. It appears whole: a reader never meets one without its tables."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        return
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".store-") as folder:
        draft = Path(folder) / path.name
        engine = create_engine(f"sqlite:///{draft}")
        Base.metadata.create_all(engine)
        engine.dispose()
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        except OSError:
            os.replace(draft, path)  # a file system without hard links


@contextmanager
def readable(address: str) -> Iterator[None]:
    """Say in words why a database cannot be used.

    Raises:
        UserError: if it is damaged, its disk is full, or its address is none.
    """
    try:
        yield
    except DatabaseError as error:
        raise damaged(error) from None
    except (ArgumentError, ImportError, OSError) as error:
        place = re.sub(r"//[^@/]*@", "//", address)  # never show a password
        raise UserError("ROSEARCH_STORE", f"{place} cannot be used ({error}).", "Give a database's address.") from None


def damaged(error: DatabaseError) -> UserError:
    """The same error in words for the user."""
    if is_full_disk(error):
        return UserError("disk", "it is full.", "Nothing measured is lost: free some space and try again.")
    return UserError(
        "database",
        f"it cannot be used ({error.orig}).",
        "If it is damaged, move rosearch.db away and start again: weights and teachers are kept in their own files.",
    )
