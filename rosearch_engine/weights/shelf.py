"""A place of weights whose troubles are said in words."""

from __future__ import annotations

import secrets
import threading
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from rosearch_engine.errors import UserError
from rosearch_engine.paths import weights_path
from rosearch_engine.resources import home
from rosearch_engine.weights.address import VARIABLE, given, place_at, told, unusable
from rosearch_engine.weights.places import Folder, Place

PATIENCE = 60.0
"""Seconds within which a place must answer before work starts; a mount that is gone never does."""


@dataclass(frozen=True)
class Shelf:
    """Where weights lie. The home folder's own raises `OSError`, as any file does, every other place `UserError`.

    Attributes:
        address: as `ROSEARCH_WEIGHTS` has it; empty for the home folder's own.
    """

    place: Place
    address: str = ""

    @property
    def is_home(self) -> bool:
        return not self.address

    def put(self, name: str, content: bytes) -> None:
        """As `Place.put`."""
        with self._told("written to"):
            self.place.put(name, content)

    def get(self, name: str) -> bytes | None:
        """Content of a file; None if there is none of that name."""
        with self._told("read"):
            try:
                return self.place.get(name)
            except FileNotFoundError:
                return None

    def has(self, name: str) -> bool:
        with self._told("read"):
            return self.place.has(name)

    def remove(self, name: str) -> None:
        """As `Place.remove`."""
        with self._told("written to"):
            self.place.remove(name)

    def ages(self, folder: str = "") -> dict[str, float | None]:
        """As `Place.ages`."""
        with self._told("read"):
            return self.place.ages(folder)

    def _told(self, what: str) -> AbstractContextManager[None]:
        return told(self.address, what) if self.address else nullcontext()


def of_home() -> Shelf:
    """The home folder's own."""
    return Shelf(Folder(weights_path("").parent))


def elsewhere() -> Shelf | None:
    """The place that `ROSEARCH_WEIGHTS` names; None where it names none, or the home folder's own.

    Raises:
        UserError: if it is no address, or its file system cannot be had.
    """
    address = given()
    if not address:
        return None
    place = place_at(address)
    return None if place.shown == str(home() / "weights") else Shelf(place, address)


def require() -> None:
    """See that weights can be kept where `ROSEARCH_WEIGHTS` says: a file is written there, read and deleted.

    Raises:
        UserError: naming the setting, if they cannot.
    """
    address = given()
    if not address:
        return
    found: list[BaseException] = []
    # In a thread that nobody waits for at the end: what does not answer would hold the whole process.
    thread = threading.Thread(target=_try, args=(found,), daemon=True)
    thread.start()
    thread.join(PATIENCE)
    if thread.is_alive():
        raise unusable(address, "used", TimeoutError(f"it has not answered in {PATIENCE:g} seconds"))
    if found:
        raise found[0]


def _try(found: list[BaseException]) -> None:
    try:
        shelf = elsewhere()
        if shelf is None:
            return
        token = secrets.token_hex(8)
        name, content = f".probe-{token}", token.encode()
        shelf.put(name, content)
        read = shelf.get(name)
        shelf.remove(name)
        if read != content:
            raise UserError(VARIABLE, f"{shelf.place.shown} does not give back what was written.", "Use another one.")
    except BaseException as error:
        found.append(error)
