"""The database itself: its address, how it is made and brought up to date, what to say when it cannot be used."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, func, inspect, make_url, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import ArgumentError, DatabaseError, SQLAlchemyError
from sqlalchemy.schema import CreateTable

from rosearch_engine.atomic import new_file
from rosearch_engine.errors import UserError, is_full_disk
from rosearch_engine.resources import home_path
from rosearch_engine.store import migrations
from rosearch_engine.store.models import Base

PATIENCE_MS = 10_000
"""How long a process waits while another writes to the same SQLite file."""

AWAY = "ROSEARCH_STORE_AWAY"
AWAY_SECONDS = 120.0
WAITING = "database: the server is away; it is waited for, at most"
_AWAY = (None, "57P03")  # nothing answers; it is starting up: PostgreSQL's `cannot_connect_now`
AGAIN_SECONDS = 1.0  # between two tries to reach a server that is away

_LOCK = int.from_bytes(b"rosearch")  # any number that no other program on a PostgreSQL server takes


def database() -> str:
    """SQLAlchemy address of the store: `ROSEARCH_STORE`, or a SQLite file in the home folder."""
    return os.environ.get("ROSEARCH_STORE") or sqlite_address(home_path() / "rosearch.db")


def sqlite_address(path: Path) -> str:
    """Address of a SQLite file, whatever signs its path has."""
    return URL.create("sqlite", database=str(path)).render_as_string()


def parsed(address: str) -> URL:
    """An address by its parts.

    Raises:
        UserError: if it is none, or of a kind that cannot be used. It is not repeated: it may hold a password.
    """
    try:
        url = make_url(address)
        url.get_dialect()  # there may be none of that name
    except (ArgumentError, ValueError):
        raise _no_address("its text is not the address of a database, so it cannot be used.") from None
    kind = url.get_backend_name()
    if kind not in ("sqlite", "postgresql"):
        raise _no_address(f"databases of the kind '{kind}' cannot be used.")
    if url.drivername.startswith("sqlite+") and url.drivername != "sqlite+pysqlite":
        raise _no_address("SQLite's files cannot be used by another driver than Python's own.")
    if kind == "sqlite" and (not url.database or url.database.startswith((":memory:", "file:"))):
        raise _no_address("a SQLite database that is no ordinary file cannot be used: processes share it.")
    return url


def _no_address(problem: str) -> UserError:
    remedy = "Use sqlite:////folder/file.db or postgresql+psycopg://user@host/name, or unset it: rosearch.db is used."
    return UserError("ROSEARCH_STORE", problem, remedy)


def sqlite_file(address: str) -> Path | None:
    """The file of a SQLite address; None of another database's.

    Raises:
        UserError: as `parsed`.
    """
    url = parsed(address)
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def writable(address: str) -> Engine:
    """A database to write to."""
    url = parsed(address)
    if url.get_backend_name() != "sqlite":
        engine = _engine(url, pool_pre_ping=True)
        _Returning().watch(engine)
        return engine
    engine = _engine(url)
    event.listen(engine, "connect", set_pragmas)
    return engine


def read_only(file: Path) -> Engine:
    """A SQLite file that cannot be written to."""
    uri = file.absolute().as_uri()
    return _engine(URL.create("sqlite", database=uri, query={"mode": "ro", "uri": "true"}))


def _engine(address: str | URL, **more: Any) -> Engine:
    """An engine that reads damaged cells as what no sound row holds (`bounds.check_row`), rather than fail at them."""
    engine = create_engine(address, json_deserializer=_read_json, **more)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _read_softly)
    return engine


def _read_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return "no JSON"


def _read_softly(connection: Any, _: Any) -> None:
    connection.text_factory = lambda content: content.decode("utf-8", "replace")


class _Returning:
    """Waits for a server that was there before and is away, so that a search outlives its server's restart.

    Only connecting is tried again, never a statement: nothing is written twice.
    """

    def __init__(self) -> None:
        self._was_there, self._patience = False, away_seconds()

    def watch(self, engine: Engine) -> None:
        event.listen(engine, "do_connect", self._connect)

    def _connect(self, dialect: Any, _: Any, arguments: Any, options: Any) -> Any:
        deadline, is_told = time.monotonic() + (self._patience if self._was_there else 0), False
        while True:
            try:
                found = dialect.connect(*arguments, **options)
            except dialect.loaded_dbapi.OperationalError as error:
                if time.monotonic() >= deadline or getattr(error, "sqlstate", None) not in _AWAY:
                    raise
                if not is_told:  # what a command prints may be JSON: not there
                    print(f"{WAITING} {self._patience:g} s.", file=sys.stderr, flush=True)
                is_told = True
                time.sleep(AGAIN_SECONDS)
            else:
                self._was_there = True
                return found


def away_seconds() -> float:
    """How long a server that was there may be away: `ROSEARCH_STORE_AWAY`, in seconds.

    Raises:
        UserError: if that is no number of seconds.
    """
    given = os.environ.get(AWAY) or AWAY_SECONDS
    with suppress(ValueError):
        if 0 <= float(given) <= 86_400:
            return float(given)
    raise UserError(AWAY, f"{given!r} is no number of seconds from 0 to 86,400.", "Set it to a number, or unset it.")


def server_read_only(address: str) -> Engine:
    """A server's database in which nothing can be changed."""
    return _engine(address, pool_pre_ping=True, execution_options={"postgresql_readonly": True})


def not_yet_made(file: Path) -> Engine:
    """A SQLite file that nobody has made so far: empty tables until somebody does, and from then on the file's."""

    def connect() -> sqlite3.Connection:
        if file.exists():
            return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)
        connection = sqlite3.connect(":memory:", check_same_thread=False)
        for table in Base.metadata.sorted_tables:
            connection.execute(str(CreateTable(table).compile(dialect=sqlite.dialect())))
        return connection

    return _engine("sqlite://", creator=connect, poolclass=NullPool)


def is_current(engine: Engine) -> bool:
    """Whether a database's tables are those of this program; no if it is older, or has none yet.

    Raises:
        UserError: if a later version of this program made or changed it.
    """
    with engine.connect() as connection:
        return _is_current(connection)


def _is_current(connection: Connection) -> bool:
    found = migrations.version(connection)
    if found in (None, migrations.HEAD):
        return found is not None
    if migrations.is_known(found):
        return False
    raise UserError(
        "database",
        f"it was written by a later version of this program (schema {found}; this one supports {migrations.HEAD}).",
        "Update the program, or set ROSEARCH_STORE to another database.",
    )


def migrate(address: str) -> None:
    """Bring a database's tables to this program's version, or make them: all of it or nothing.

    Processes that do so at once wait for each other; the last find nothing left to do.

    Raises:
        UserError: as `is_current`.
    """
    engine = create_engine(parsed(address), poolclass=NullPool)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_migration)
        event.listen(engine, "begin", _lock_sqlite)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        if not _is_current(connection):
            migrations.upgrade(connection)


def _set_up_migration(connection: Any, _: Any) -> None:
    # Python's driver would commit before some statements. Foreign keys are off: a table that is copied and dropped
    # must not take other tables' rows along.
    connection.isolation_level = None
    for pragma in (f"busy_timeout={PATIENCE_MS}", "foreign_keys=OFF"):
        connection.execute(f"PRAGMA {pragma}")


def _lock_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def lacks_columns(engine: Engine) -> bool:
    """Whether a database cannot be read as it is, for want of a table or a column."""
    look = inspect(engine)
    return any(
        not look.has_table(name)
        or {column.name for column in table.columns} - {column["name"] for column in look.get_columns(name)}
        for name, table in Base.metadata.tables.items()
    )


def set_pragmas(connection: Any, _: Any) -> None:
    """SQLite's settings for a connection that writes: readers go on meanwhile, a busy file is waited for."""
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", f"busy_timeout={PATIENCE_MS}", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def create_sqlite(path: Path) -> None:
    """Make an empty database if there is none. It appears whole: a reader never meets one without its tables."""
    if not path.exists():
        with new_file(path, keep=True) as draft:
            migrate(sqlite_address(draft))


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
    except ImportError as error:
        place, name = address_without_password(address), error.name or "its driver"
        remedy = "For a PostgreSQL server write postgresql+psycopg://… and: pip install '.[postgres]'"
        raise UserError("ROSEARCH_STORE", f"{place} cannot be used: {name} is not installed.", remedy) from None
    except (SQLAlchemyError, OSError, ValueError, TypeError) as error:
        place, why = address_without_password(address), f" ({error.strerror})" if isinstance(error, OSError) else ""
        raise UserError(
            "ROSEARCH_STORE", f"{place} cannot be used{why}.", "Set it to the address of a database."
        ) from None


def address_without_password(address: str) -> str:
    """An address as it may be shown: its password and its options, which may hold one, are left out."""
    try:
        return make_url(address).set(query={}).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        return "the address"


def damaged(error: DatabaseError) -> UserError:
    """The same error in words for the user."""
    if is_full_disk(error):
        return UserError("disk", "it is full.", "No result is lost: free some disk space and try again.")
    if not isinstance(error.orig, sqlite3.Error):
        said = (str(error.orig).strip() or "no reason given").splitlines()[0]
        remedy = "See that the server runs, and that ROSEARCH_STORE names a user who may make and change tables."
        return UserError("database", f"the server cannot be used ({said.rstrip('.')}).", remedy)
    return UserError(
        "database",
        f"it cannot be used ({error.orig}).",
        "If it is damaged, move rosearch.db away and start over; weights and teachers are stored in separate files.",
    )


def outdated(error: DatabaseError) -> UserError:
    """What to say of a database that lacks what this program reads, and could not be changed."""
    if not isinstance(error.orig, sqlite3.Error):
        said = (str(error.orig).strip() or "no reason given").splitlines()[0]
        problem = f"it has no tables of this version, and they cannot be made ({said.rstrip('.')})."
        return UserError("database", problem, "Let ROSEARCH_STORE name a user who may make and change tables.")
    return UserError(
        "database",
        f"it was written by an earlier version of this program and cannot be upgraded ({error.orig}).",
        "Make it writable, or copy it elsewhere and set ROSEARCH_STORE to the copy.",
    )
