"""How this program starts itself again, in a process of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def command(*arguments: str, module: str = "rosearch_engine") -> list[str]:
    """The command line, as `python -m rosearch_engine` (or another module) with these arguments."""
    return [sys.executable, "-m", module, *arguments]


def environment(**more: str) -> dict[str, str]:
    """The environment in which it is found, whatever folder the caller works in."""
    root = str(Path(__file__).resolve().parents[1])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | more
