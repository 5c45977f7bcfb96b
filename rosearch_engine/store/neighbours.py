"""Stores that share one home folder, and so the files of weights in it.

Each store leaves a note in the home folder: a file of SQLite by its path, any other database by a digest alone, since
its address may hold a password. What a store that cannot be asked may have is taken to be in use.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from sqlalchemy import make_url, select
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from rosearch_engine.atomic import new_file
from rosearch_engine.resources import home
from rosearch_engine.store.database import read_only, sqlite_file
from rosearch_engine.store.models import Artifact


def remember(address: str) -> None:
    """Leave a store's note. Where none can be left, no weights can be either."""
    note = _note(address)
    if note is not None and not note.exists():
        with suppress(OSError), new_file(note) as draft:
            draft.write_text(str(_place(address) or ""), encoding="utf-8")


def used_elsewhere(address: str, weights: Collection[str]) -> set[str]:
    """Those of some weights, by their SHA-256, that a store other than this one has, or may have."""
    found: set[str] = set()
    for file in _others(address):
        if file is None:
            return set(weights)
        if file.exists():
            engine = read_only(file)
            try:
                with Session(engine) as session:
                    found |= set(session.scalars(select(Artifact.sha256).where(Artifact.sha256.in_(weights))))
            except DatabaseError:
                return set(weights)
            finally:
                engine.dispose()
    return found


def _others(address: str) -> Iterator[Path | None]:
    """The other stores' files; None for one that is no file."""
    mine, own = _place(address), _note(address)
    if mine != _default():
        yield _default()
    with suppress(OSError):
        for note in _folder().iterdir():
            if note != own and not note.name.startswith("."):
                text = note.read_text(encoding="utf-8")
                yield Path(text) if text else None


def _default() -> Path:
    return (home() / "rosearch.db").absolute()


def _folder() -> Path:
    return home() / "stores"


def _place(address: str) -> Path | None:
    file = sqlite_file(address)
    return None if file is None else file.absolute()


def _note(address: str) -> Path | None:
    """Where a store's note lies; None for the home folder's own store, which everybody knows."""
    place = _place(address)
    if place == _default():
        return None
    name = str(place) if place else make_url(address).render_as_string(hide_password=True)
    return _folder() / hashlib.sha256(name.encode()).hexdigest()[:16]
