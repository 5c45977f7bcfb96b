"""Versions of the store's tables, one module in `versions` for each.

Alembic, slow to import, is asked only where a database is made or changed: whether one is at this program's version
takes a look at one row. CONTRIBUTING.md tells how to add a version.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0006"
"""The version this program reads and writes."""

_SCRIPTS = "rosearch_engine.store:migrations"
_ALEMBIC = threading.Lock()  # it keeps what it works on in a module, one for all threads


def version(connection: Connection) -> str | None:
    """A database's version; None where it has none: a new one, or one of 0.1.0."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def is_known(version: str) -> bool:
    """Whether this program can bring a database of that version to its own."""
    from alembic.script import ScriptDirectory

    return any(version == script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def upgrade(connection: Connection) -> None:
    """Bring a database to this program's version, within the connection's transaction."""
    from alembic import command

    with _ALEMBIC:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", _SCRIPTS)
    return config
