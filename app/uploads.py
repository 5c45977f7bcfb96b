"""Files that a user uploads."""

from __future__ import annotations

import hashlib
import re

from rosearch_engine import resources
from rosearch_engine.atomic import new_file

_LONGEST = 100


def keep(name: str, content: bytes) -> str:
    """Lay an uploaded file in the home folder, by its content; returns its path."""
    path = resources.home() / "uploads" / hashlib.sha256(content).hexdigest()[:16] / safe_name(name)
    # What an earlier version, or a damaged disk, left cut off is written again.
    if not path.is_file() or path.read_bytes() != content:
        with new_file(path) as draft:
            draft.write_bytes(content)
    return str(path)


def safe_name(name: str) -> str:
    """A file's name without anything that a folder could take amiss."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name).lstrip(".") or "data.csv"
    return plain[-_LONGEST:].lstrip(".") or "data.csv"  # its end says what kind it is
