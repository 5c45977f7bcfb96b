"""A home folder of a benchmark's own, whatever the person's settings are."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from rosearch_engine.resources import home

FETCHED = home() / "resources"
"""The person's own, wherever a benchmark keeps its things later."""


def own_home(folder: Path) -> None:
    """Keep everything in this folder from now on, in a database of its own, with the recorded run that comes along
    and what was fetched for attacks."""
    shutil.copytree(FETCHED, folder / "resources", symlinks=True)
    os.environ["ROSEARCH_HOME"] = str(folder)
    for name in ("ROSEARCH_STORE", "ROSEARCH_WEIGHTS", "ROSEARCH_RECORDED"):
        os.environ.pop(name, None)
