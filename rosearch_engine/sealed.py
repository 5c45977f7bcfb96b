"""Folders that say what is in them: a list of digests beside the files, as `sha256sum --check SHA256SUMS` reads it."""

from __future__ import annotations

import hashlib
from pathlib import Path

SUMS = "SHA256SUMS"


def seal(folder: Path) -> None:
    """Write down the digest of every file in a folder.

    Raises:
        OSError: if a file cannot be read or the list cannot be written.
    """
    files = [file for file in sorted(folder.iterdir()) if file.is_file() and file.name != SUMS]
    lines = [f"{_digest(file)}  {file.name}\n" for file in files]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def broken(folder: Path) -> str | None:
    """The first file of a folder that is not as it was sealed; None if all are, or it never was."""
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        return SUMS
    for line in lines:
        digest, _, name = line.partition("  ")
        try:
            if _digest(folder / Path(name).name) != digest:
                return name
        except OSError:
            return name
    return None


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
