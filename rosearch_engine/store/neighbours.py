"""Stores that share one home folder, and so the files of weights in it; or that share weights which lie elsewhere.

Each store leaves a note: a file of SQLite by its path, any other database by a digest alone, since its address may
hold a password. What a store that cannot be asked may have is taken to be in use. Of the stores of a home folder, a
file that is gone has nothing; beside weights that lie elsewhere, it may be another machine's.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from sqlalchemy import make_url, select
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from rosearch_engine import weights
from rosearch_engine.atomic import new_file
from rosearch_engine.resources import home
from rosearch_engine.store.database import read_only, sqlite_address, sqlite_file
from rosearch_engine.store.models import Artifact

_NOTES = "stores"


def remember(address: str) -> None:
    """Leave a store's note. Where none can be left, no weights can be either."""
    note = _note(address)
    if note is not None and not note.exists():
        with suppress(OSError), new_file(note) as draft:
            draft.write_text(str(_place(address) or ""), encoding="utf-8")


def sign(address: str) -> None:
    """Leave a store's note beside weights that lie elsewhere, if they do, before it has any there.

    Raises:
        UserError: if none can be left.
    """
    shelf = weights.elsewhere()
    if shelf is not None:
        name, text = _signature(address)
        if not shelf.has(name):
            shelf.put(name, text.encode())


def used_elsewhere(address: str, among: Collection[str], shelf: weights.Shelf | None = None) -> set[str]:
    """Those of some weights, by their SHA-256, that a store other than this one has, or may have.

    Args:
        shelf: where they lie; None: in the home folder.

    Raises:
        UserError: if a shelf that is not the home folder's cannot be read.
    """
    found: set[str] = set()
    for file in _others(address) if shelf is None or shelf.is_home else _signed(address, shelf):
        if file is None:
            return set(among)
        if file.exists():
            engine = read_only(file)
            try:
                with Session(engine) as session:
                    found |= set(session.scalars(select(Artifact.sha256).where(Artifact.sha256.in_(among))))
            except DatabaseError:
                return set(among)
            finally:
                engine.dispose()
    return found


def _signed(address: str, shelf: weights.Shelf) -> Iterator[Path | None]:
    """The files of the stores that signed a shelf; None for one that cannot be seen from here."""
    own, _ = _signature(address)
    for name in shelf.ages(_NOTES):
        if f"{_NOTES}/{name}" != own:
            text = (shelf.get(f"{_NOTES}/{name}") or b"").decode("utf-8", "replace")
            file = Path(text)
            is_it = text and file.exists() and _signature(sqlite_address(file))[0] == f"{_NOTES}/{name}"
            yield file if is_it else None


def _signature(address: str) -> tuple[str, str]:
    """Name and content of a store's note beside weights that machines share: paths are no names there, so a SQLite
    file has a number of its own in a file beside it."""
    place = _place(address)
    if place is None:
        return f"{_NOTES}/{_digest(make_url(address).render_as_string(hide_password=True))}", ""
    number = place.with_name(f"{place.name}.id")
    if not number.exists():
        with new_file(number, keep=True) as draft:
            draft.write_text(secrets.token_hex(16), encoding="utf-8")
    return f"{_NOTES}/{_digest(number.read_text(encoding='utf-8'))}", str(place)


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
    return home() / _NOTES


def _place(address: str) -> Path | None:
    file = sqlite_file(address)
    return None if file is None else file.absolute()


def _note(address: str) -> Path | None:
    """Where a store's note lies; None for the home folder's own store, which everybody knows."""
    place = _place(address)
    if place == _default():
        return None
    return _folder() / _digest(str(place) if place else make_url(address).render_as_string(hide_password=True))


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:16]
