"""Foreign files are read in a process of their own, whose memory is bounded.

What a file holds can be a thousand times its size, and only its reader finds out. If that is too much, the reader dies
and not the app. The process (`__main__`) is this program's own and believed; it is no guard against code in a
file: none is run.
"""

from __future__ import annotations

import pickle
import subprocess
import tempfile
from pathlib import Path
from typing import IO

import psutil

from rosearch_engine import spawn
from rosearch_engine.data import files
from rosearch_engine.data.table import Table
from rosearch_engine.errors import UserError

MEMORY = 8_000_000_000
"""Most bytes of a reader; less where the machine has less to give."""

SMALL = 256_000
"""Bytes of a plain text file that is read right here: it cannot hold much."""


def read(path: Path) -> Table:
    """Read a labelled file, or a folder in the hub's layout.

    Raises:
        UserError: as `files.read` and `hub.read`, or it needs too much memory.
    """
    if not path.is_dir() and (not path.is_file() or _is_small(path)):
        return files.read(path)
    return _read_apart(path)


def _is_small(path: Path) -> bool:
    return files.suffix_of(path.name) in (None, ".csv", ".tsv", ".jsonl") and path.stat().st_size <= SMALL


def _read_apart(path: Path) -> Table:
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            spawn.command(str(path.absolute()), module=__package__),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=spawn.environment(),
        ) as process,
    ):
        assert process.stdout is not None
        try:
            answer = pickle.load(process.stdout)
        except (EOFError, pickle.UnpicklingError):
            process.stdout.close()
            answer = too_large(path) if process.wait() < 0 else _failed(path, errors)
    if isinstance(answer, UserError):
        raise answer
    assert isinstance(answer, Table)
    return answer


def _failed(path: Path, errors: IO[bytes]) -> UserError:
    errors.seek(0)
    reason = (errors.read().decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
    return UserError("data.name", f"{path.name} cannot be read ({reason[:200]}).", "Check the file.")


def too_large(path: Path) -> UserError:
    """What is said of a file that a reader died of."""
    problem = f"{path.name} needs more than {memory() / 1e9:.0f} GB of memory to be read."
    return UserError("data.name", problem, "Provide a part of its rows.")


def memory() -> int:
    """Bytes that a reader may use."""
    return int(min(MEMORY, psutil.virtual_memory().available))
