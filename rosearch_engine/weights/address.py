"""`ROSEARCH_WEIGHTS`: a folder, or an address that fsspec knows. What it may hold of secrets is never repeated."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote

from rosearch_engine.errors import UserError, is_full_disk
from rosearch_engine.given import given_path
from rosearch_engine.weights.places import OBJECT_STORES, Folder, Place, Remote

VARIABLE = "ROSEARCH_WEIGHTS"

_URL = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)", re.DOTALL | re.IGNORECASE)
_REMEDY = "Set it to a folder that all machines see, or to an address such as s3://bucket/folder; or unset it."
_ACCESS = "See that it is there, that it can be reached, and that you may read, write and delete there."


def given() -> str:
    """The setting; empty: weights lie in the home folder."""
    return os.environ.get(VARIABLE, "").strip()


def shown(address: str) -> str:
    """An address as it may be shown: a password and what follows a question mark are left out."""
    match = _URL.fullmatch(address)
    if match is None:
        return f"{address.partition(':')[0]}:…" if _has_no_form(address) else address
    kind, rest = match.groups()
    place, question, _ = rest.partition("?")
    who, at, where = place.rpartition("@")
    user = f"{who.partition(':')[0]}:***" if ":" in who else who
    return f"{kind}://{user}{at}{where}" + ("?…" if question else "")


def place_at(address: str) -> Place:
    """The place of an address. Nothing is written; some file systems connect.

    Raises:
        UserError: if it is no such address, or its file system cannot be had.
    """
    match = _URL.fullmatch(address)
    if match is None:
        if _has_no_form(address):
            raise UserError(VARIABLE, f"'{shown(address)}' is neither a folder nor an address.", _REMEDY)
        return Folder(given_path(address, VARIABLE).absolute())
    protocol = match[1].lower()
    if "::" in address or not match[2].strip("/"):
        raise UserError(VARIABLE, f"{shown(address)} names no folder that weights could lie in.", _REMEDY)
    if protocol in ("file", "local"):
        return Folder(given_path(match[2], VARIABLE).absolute())  # renames and waits for the disk, as fsspec does not
    return _remote(address, protocol)


def _remote(address: str, protocol: str) -> Remote:
    import fsspec  # it takes its time to import, and is seldom asked
    from fsspec.core import url_to_fs

    if protocol not in fsspec.available_protocols():
        raise UserError(VARIABLE, f"{shown(address)}: no file system is known for '{protocol}'.", _REMEDY)
    try:
        system, root = url_to_fs(address)
    except ImportError as error:
        lacking = getattr(error.__cause__, "name", None) or f"what {protocol} needs"
        problem = f"{shown(address)} cannot be used: {lacking} is not installed."
        raise UserError(VARIABLE, problem, f"{without_secrets(str(error), address).rstrip('.')}.") from None
    except Exception as error:  # each file system has errors of its own
        raise unusable(address, "used", error) from None
    return Remote(system, root, shown(address), puts_whole=protocol in OBJECT_STORES)


@contextmanager
def told(address: str, what: str) -> Iterator[None]:
    """Say in words why a place cannot be used.

    Args:
        what: "read" or "written to".

    Raises:
        UserError: for whatever its file system raises.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # each file system has errors of its own
        raise unusable(address, what, error) from error


def unusable(address: str, what: str, error: BaseException) -> UserError:
    """The error of a file system in words for the user."""
    if is_full_disk(error):
        return UserError(VARIABLE, f"{shown(address)} is full.", "No result is lost: free some room there.")
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    lines = without_secrets(said, address).strip().splitlines()
    why = lines[0].rstrip(".") if lines else type(error).__name__
    return UserError(VARIABLE, f"{shown(address)} cannot be {what} ({why}).", _ACCESS)


def without_secrets(text: str, address: str) -> str:
    """A text that may quote an address, without what `shown` leaves out of it."""
    text = text.replace(address, shown(address))
    match = _URL.fullmatch(address)
    place, _, query = match[2].partition("?") if match else ("", "", "")
    who = place.rpartition("@")[0]
    secrets = [who.partition(":")[2], query, *(pair.partition("=")[2] for pair in query.split("&"))]
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***").replace(unquote(secret), "***")
    return text


def _has_no_form(address: str) -> bool:
    """Whether a text is neither a folder nor an address, such as s3:/bucket; a password may be anywhere in it."""
    return _URL.fullmatch(address) is None and ":" in address.partition("/")[0]
