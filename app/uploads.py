"""Files that a user uploads: kept by their content, counted, listed, and removed again."""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from app import access
from rosearch_engine import resources
from rosearch_engine.atomic import new_file
from rosearch_engine.errors import UserError
from rosearch_engine.store.repo import Store

MOST_MB = 1_000


@dataclass(frozen=True)
class Upload:
    """An uploaded file. `size` is in bytes; `used_by` are the runs whose settings name it."""

    path: Path
    size: int
    uploaded: float
    used_by: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.path.name


def keep(name: str, content: bytes) -> str:
    """Lay an uploaded file in the home folder, by its content; returns its path.

    Raises:
        UserError: if all uploads together would take more room than they may.
    """
    path = _place(name, content)
    # What an earlier version, or a damaged disk, left cut off is written again.
    if kept(name, content) is None:
        _require_room(len(content))
        with new_file(path) as draft:
            draft.write_bytes(content)
    return str(path)


def kept(name: str, content: bytes) -> str | None:
    """The path of a file that is kept already, whole; None of any other."""
    path = _place(name, content)
    return str(path) if path.is_file() and path.read_bytes() == content else None


def listed() -> list[Upload]:
    """All uploaded files, the newest first."""
    named: dict[str, list[str]] = {}
    for run in Store.read().runs():
        if not run["recorded"]:
            for source in {run["config"]["data"]["name"], run["config"]["distil"].get("extra")}:
                named.setdefault(str(source), []).append(run["name"])
    found = []
    for path in _folder().glob("*/*"):
        if path.is_file() and not path.name.startswith("."):
            facts = path.stat()
            used_by = tuple(named.get(str(path.resolve()), []))
            found.append(Upload(path, facts.st_size, facts.st_mtime, used_by))
    return sorted(found, key=lambda upload: -upload.uploaded)


def remove(upload: Upload) -> None:
    """Delete an uploaded file.

    Raises:
        UserError: if a run's settings name it: it would be needed to go on with it, or to attack its students again.
    """
    now = next((one for one in listed() if one.path == upload.path), None)
    if now is None:
        return
    if now.used_by:
        runs = ", ".join(f"'{name}'" for name in now.used_by[:3])
        raise UserError("upload", f"{now.name} is used by {runs}.", "Delete those runs first.")
    now.path.unlink(missing_ok=True)
    with suppress(OSError):  # the same content by another name
        now.path.parent.rmdir()


def safe_name(name: str) -> str:
    """A file's name without anything that a folder could take amiss."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).lstrip(".")[-150:].lstrip(".") or "data.csv"


def _require_room(size: int) -> None:
    most = access.number("ROSEARCH_UPLOADS_MB", MOST_MB)
    assert most is not None
    taken = sum(path.stat().st_size for path in _folder().glob("*/*") if path.is_file())
    if taken + size > most * 1_000_000:
        problem = f"this file of {size / 1e6:.1f} MB, with {taken / 1e6:.1f} MB of earlier ones, exceeds {most:,} MB."
        raise UserError("upload", problem, "Remove uploaded files, or raise ROSEARCH_UPLOADS_MB.")


def _folder() -> Path:
    return resources.home() / "uploads"


def _place(name: str, content: bytes) -> Path:
    return _folder() / hashlib.sha256(content).hexdigest()[:16] / safe_name(name)
