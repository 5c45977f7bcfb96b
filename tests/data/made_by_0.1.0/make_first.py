"""Writes first.db: store.db's rows in the tables of the first commit with a store. README.md tells how to run it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

from rosearch_engine.store import Store

HERE = Path(__file__).parent


def columns(database: sqlite3.Connection, schema: str, table: str) -> str:
    return ", ".join(f'"{name}"' for _, name, *_ in database.execute(f"PRAGMA {schema}.table_info({table})"))


def main() -> None:
    Store.write().close()
    with sqlite3.connect(Path(os.environ["ROSEARCH_HOME"], "rosearch.db")) as first:
        for change in ("PRAGMA journal_mode=DELETE", "PRAGMA page_size=1024", "VACUUM"):
            first.execute(change)
        first.execute("ATTACH ? AS later", (str(HERE / "store.db"),))
        tables = [name for (name,) in first.execute("SELECT name FROM main.sqlite_master WHERE type='table'")]
        for table in tables:
            names = columns(first, "main", table)
            first.execute(f"INSERT INTO main.{table} ({names}) SELECT {names} FROM later.{table}")
    first.close()
    shutil.copyfile(Path(os.environ["ROSEARCH_HOME"], "rosearch.db"), HERE / "first.db")


if __name__ == "__main__":
    main()
