"""How this program starts itself again, in a process of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def command(*arguments: str) -> list[str]:
    """The command line, as `python -m rosearch_engine` with these arguments."""
    return [sys.executable, "-m", "rosearch_engine", *arguments]


def environment(**more: str) -> dict[str, str]:
    """The environment in which it is found, whatever folder the caller works in."""
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | more
