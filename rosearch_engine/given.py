"""Paths as a user writes them."""

from __future__ import annotations

from pathlib import Path

from rosearch_engine.errors import UserError


def given_path(name: str | Path, field: str) -> Path:
    """A path with its `~` in full, which may or may not be there.

    Raises:
        UserError: if nothing can be called that, or nobody may look there.
    """
    try:
        path = Path(name).expanduser()
        if "\0" in str(path):
            raise ValueError("it contains a NUL")
        path.exists()
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(field, f"'{name}' is not a path that can be used ({reason}).", "Check the path.") from None
    return path
