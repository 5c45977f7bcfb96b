"""The process that reads a foreign file for `apart`: the table, or what is to be said, goes to standard output."""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
from pathlib import Path

from rosearch_engine.data import files, hub
from rosearch_engine.data.apart import memory, too_large
from rosearch_engine.data.table import Table
from rosearch_engine.errors import UserError


def _read(path: Path) -> Table | UserError:
    try:
        return hub.read(path.name, folder=str(path)) if path.is_dir() else files.read(path)
    except UserError as error:
        return error
    except MemoryError:
        return too_large(path)


def _bound_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):  # where the system knows no such limit
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory(), memory()))


def _main(path: Path) -> None:
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints is no answer
    _bound_memory()
    with answer:
        pickle.dump(_read(path), answer, pickle.HIGHEST_PROTOCOL)


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
