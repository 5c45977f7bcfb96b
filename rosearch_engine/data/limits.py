"""How large a table may be. A small file may hold a huge one, so its own word on its size is read before its rows."""

from __future__ import annotations

from rosearch_engine.errors import UserError

MOST_BYTES = 500_000_000  # unpacked
MOST_ROWS = 5_000_000
MOST_COLUMNS = 500


def check_bytes(count: int, name: str) -> None:
    """Refuse a source of too many bytes.

    Raises:
        UserError: saying how many it may have.
    """
    if count > MOST_BYTES:
        problem = f"{name} holds more than {MOST_BYTES / 1e6:,.0f} MB, unpacked."
        raise UserError("data.name", problem, "Provide a part of its rows.")


def check_shape(rows: int, columns: int, name: str) -> None:
    """Refuse a table of too many rows or columns.

    Raises:
        UserError: saying how many it may have.
    """
    if rows > MOST_ROWS:
        problem = f"{name} has {rows:,} rows; at most {MOST_ROWS:,} are read."
        raise UserError("data.name", problem, "Provide a part of them.")
    if columns > MOST_COLUMNS:
        problem = f"{name} has {columns:,} columns; at most {MOST_COLUMNS} are read."
        raise UserError("data.name", problem, "Keep those of the texts and the classes.")
