"""The command line. Heavy modules are imported inside the commands that need them."""

from __future__ import annotations

import io
import json
import sys
from typing import NoReturn

import typer

from rosearch_engine.cli import benchmarks, jobs, resources, runs, students
from rosearch_engine.cli.console import say
from rosearch_engine.errors import UserError, is_full_disk

app = typer.Typer(
    name="rosearch",
    help="Search for small text classifiers that stay accurate under attack.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for commands in (resources, runs, students, jobs):
    app.add_typer(commands.app)
app.add_typer(benchmarks.app, name="bench")


def main() -> None:
    """Run a command; what a user can fix is printed without a traceback, with exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # text of others may hold what a terminal has no letters for
            stream.reconfigure(errors="backslashreplace")
    try:
        app(standalone_mode=True)
    except UserError as error:
        _fail(error)
    except Exception as error:
        _fail(_in_words(error))


def _in_words(error: Exception) -> UserError:
    """A low-level error as one the user can fix; anything else is a bug of ours and keeps its traceback."""
    from sqlalchemy.exc import DatabaseError

    from rosearch_engine.store.database import damaged

    if isinstance(error, DatabaseError):
        return damaged(error)
    if isinstance(error, UnicodeDecodeError) and "sqlalchemy" in _modules(error):
        return UserError("database", "it is damaged.", "Move rosearch.db away and start over, or bring back a copy.")
    if is_full_disk(error):
        return UserError("disk", "it is full.", "No result is lost: free some disk space and try again.")
    raise error


def _modules(error: Exception) -> set[str]:
    """The packages that an error came through."""
    found, trace = set[str](), error.__traceback__
    while trace is not None:
        found.add(str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0])
        trace = trace.tb_next
    return found


def _fail(error: UserError) -> NoReturn:
    if "--json" in sys.argv:
        print(json.dumps({"error": error.as_dict()}))
    else:
        say(f"{error.field}: {error.problem}\n  {error.remedy}", error=True)
    sys.exit(2)
