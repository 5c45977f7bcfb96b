"""What several commands share: their options, progress on the terminal, names taken apart."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from rosearch_engine.cli.console import bars, say
from rosearch_engine.errors import UserError
from rosearch_engine.progress import Progress, Stopped

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
RunName = Annotated[str, typer.Argument(help="Name of the run.")]
StudentName = Annotated[str, typer.Argument(metavar="RUN/STUDENT", help="For example demo/s0007 or demo/teacher.")]

ExecutorKind = Annotated[
    str | None, typer.Option("--executor", help="inline: in this process. ray: workers of a Ray cluster.")
]
Address = Annotated[
    str | None, typer.Option(metavar="local|HOST:PORT", help="With ray: one of its own, or a cluster's head.")
]
Workers = Annotated[int | None, typer.Option(help="With ray: how many. Default: as many as there is room for.")]
Threads = Annotated[int | None, typer.Option(help="With ray: CPU cores per worker. Default: 1.")]
Gpus = Annotated[float | None, typer.Option(help="With ray: GPU share per worker, e.g. 0.25.")]


def executor_settings(
    kind: str | None, address: str | None, workers: int | None, threads: int | None, gpus: float | None
) -> dict[str, Any]:
    """The settings of the stage `executor` that were given.

    Raises:
        UserError: if there are some for Ray, and Ray was not chosen.
    """
    more = {"address": address, "workers": workers, "threads": threads, "gpus": gpus}
    given = {name: value for name, value in more.items() if value is not None}
    if given and kind != "ray":
        options = ", ".join(f"--{name}" for name in given)
        raise UserError("executor", f"{options} can only be used with Ray.", "Add --executor ray.")
    return ({} if kind is None else {"kind": kind}) | given


def listed(names: str) -> list[str]:
    """The parts of "a, b,c"."""
    return [name.strip() for name in names.split(",") if name.strip()]


@contextmanager
def watched(as_json: bool, on_stop: str = "") -> Iterator[Progress]:
    """A job's progress, drawn as bars; Ctrl-C ends it in plain words."""
    progress = Progress()
    try:
        with bars(enabled=not as_json) as show:
            show.follow(progress)
            yield progress
    except (KeyboardInterrupt, Stopped):
        say(f"Stopped. {on_stop}".strip(), error=True)
        raise typer.Exit(130) from None


def quieten() -> None:
    """Keep libraries from writing over our own words."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


def run_and_name(student: str) -> tuple[str, str]:
    """The parts of RUN/STUDENT.

    Raises:
        UserError: if one is missing.
    """
    run, slash, name = student.rpartition("/")
    if not slash or not run or not name:
        raise UserError("student", f"'{student}' is not of the form RUN/STUDENT.", "Write for example demo/s0007.")
    return run, name
