"""Students' weights, each file named by the SHA-256 of its content: the one place that knows where they are.

They lie in the home folder or, if `ROSEARCH_WEIGHTS` names a folder or an address of fsspec, there, so that searches
and apps on several machines have the same ones. What lies in the home folder is found in either case.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from rosearch_engine.atomic import new_file
from rosearch_engine.errors import UserError
from rosearch_engine.resources import home, home_path
from rosearch_engine.weights.address import VARIABLE, given, shown
from rosearch_engine.weights.places import Remote
from rosearch_engine.weights.shelf import Shelf, elsewhere, of_home, require

__all__ = [
    "Shelf",
    "damaged",
    "drop",
    "elsewhere",
    "file_name",
    "given",
    "has",
    "put",
    "read",
    "require",
    "shelves",
    "where",
]

_CACHED = 100
"""Files of another machine's that are kept here, the ones that were read last."""


def file_name(sha256: str) -> str:
    return f"{sha256}.safetensors"


def where() -> str:
    """Where weights lie, as it may be shown."""
    return shown(given()) or str(home_path() / "weights")


def shelves() -> list[Shelf]:
    """All places that may have weights, the one to write to first.

    Raises:
        UserError: as `elsewhere`.
    """
    other = elsewhere()
    return [of_home()] if other is None else [other, of_home()]


def put(content: bytes) -> str:
    """Keep weights; returns the SHA-256 of their content.

    Raises:
        OSError: if the home folder cannot be written.
        UserError: if another place cannot.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    shelves()[0].put(file_name(sha256), content)
    return sha256


def has(sha256: str) -> bool:
    """Whether weights lie where they would be put.

    Raises:
        UserError: if that cannot be told.
    """
    return shelves()[0].has(file_name(sha256))


def drop(sha256: str) -> None:
    """Delete weights from where they were put.

    Raises:
        OSError: as `put`.
        UserError: as `put`.
    """
    shelves()[0].remove(file_name(sha256))


def read(sha256: str, student: str) -> bytes:
    """A student's weights as they were saved, compared with their digest.

    Those of another machine's are kept in the home folder: named by their content, they are never out of date.

    Raises:
        UserError: if they are missing or damaged, or where they lie cannot be read.
    """
    name = file_name(sha256)
    first, *others = shelves()
    cache = Path(home(), "cached-weights", name) if isinstance(first.place, Remote) else None
    near = [Path(own.place.shown, name) for own in others] + ([] if cache is None else [cache])
    for file in near:
        with suppress(OSError):  # what is missing or damaged here may be whole there
            content = file.read_bytes()
            if _is(content, sha256):
                if file == cache:
                    file.touch()
                return content
    content = _from(first, sha256, student)
    if cache is not None:
        _keep(cache, content)
    return content


def damaged(student: str, reason: str) -> UserError:
    return UserError("student", f"the weights of {student} are damaged ({reason}).", "Choose another student.")


def _from(shelf: Shelf, sha256: str, student: str) -> bytes:
    try:
        content = shelf.get(file_name(sha256))
    except OSError as error:
        raise damaged(student, str(error.strerror)) from None
    except UserError as error:
        # Visitors of a demo read this too: the place and what its server says are for `doctor`.
        remedy = f"Try again; `doctor` tells what is wrong with the place that {error.field} names."
        raise UserError("student", f"the weights of {student} cannot be read.", remedy) from error
    place = "" if shelf.is_home else f" where {VARIABLE} says"
    if content is None:
        raise UserError("student", f"the weights of {student} are missing{place}.", "Choose another student.")
    if not _is(content, sha256):
        raise damaged(student, f"their content{place} is not what was saved")
    return content


def _is(content: bytes, sha256: str) -> bool:
    return hashlib.sha256(content).hexdigest() == sha256


def _keep(file: Path, content: bytes) -> None:
    """Keep a file for the next time, and no more than so many: a disk without room for it is no reason to fail."""
    with suppress(OSError):
        with new_file(file, durable=False) as draft:
            draft.write_bytes(content)
        kept = sorted(file.parent.glob("*.safetensors"), key=lambda one: one.stat().st_mtime)
        for old in kept[:-_CACHED]:
            old.unlink(missing_ok=True)
