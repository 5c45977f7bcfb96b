"""Work on a finished run as a process of its own: pack, rescore, transfer. One of each kind a run at a time.

A job keeps its files in the run's folder: what was asked, how far it is, what came of it. Its process writes them
(`cli.jobs`), whoever watches reads them.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import psutil
from filelock import FileLock, Timeout

from rosearch_engine import spawn
from rosearch_engine.atomic import new_file
from rosearch_engine.errors import UserError
from rosearch_engine.progress import Facts
from rosearch_engine.resources import home_path
from rosearch_engine.runs.identity import mark
from rosearch_engine.store.repo import Store, check_name

Kind = Literal["pack", "rescore", "transfer"]
JobState = Literal["running", "done", "failed", "stopped", "lost"]
KINDS: tuple[Kind, ...] = get_args(Kind)
START_WITHIN = 60.0


@dataclass(frozen=True)
class Job:
    """A job as its files tell.

    Attributes:
        progress: what it told last; empty before its first word.
        result: what came of it, as its command prints it; None unless it is done.
        error: field, problem and remedy, if it failed.
    """

    run: str
    kind: Kind
    state: JobState
    arguments: dict[str, Any]
    began: float
    progress: Facts
    result: dict[str, Any] | None
    error: dict[str, str] | None


def start(run: str, kind: Kind, arguments: Mapping[str, Any]) -> None:
    """Begin a job in the background.

    Args:
        arguments: those of the command, by name.

    Raises:
        UserError: if there is no such run, a job of this kind is at work on it, or its process cannot be started.
    """
    Store.read().run(run)
    place = folder(run, kind)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(home_path() / "jobs.lock", timeout=START_WITHIN):
            before = look(run, kind)
            if before is not None and before.state == "running":
                raise UserError("job", f"{kind} of '{run}' is already running.", "Wait for it, or stop it.")
            _begin(place, run, kind, arguments)
    except Timeout:
        raise UserError("job", "another one is just being started.", "Try again in a minute.") from None
    except OSError as error:
        shutil.rmtree(place, ignore_errors=True)
        problem = f"{kind} of '{run}' cannot be started ({error.strerror or error})."
        raise UserError("job", problem, "Mend that, then try again.") from error


def _begin(place: Path, run: str, kind: Kind, arguments: Mapping[str, Any]) -> None:
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    write(run, kind, "request", {"arguments": dict(arguments), "began": time.time()})
    with (place / "log.txt").open("ab") as log:
        process = subprocess.Popen(
            spawn.command("job", run, kind),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=spawn.environment(PYTHONUNBUFFERED="1"),
        )
    write(run, kind, "process", {"pid": process.pid, "mark": mark(process.pid)})


def stop(run: str, kind: Kind) -> None:
    """Ask a job to end; `rescore` keeps what it has measured."""
    process = _process(run, kind)
    if process is not None:
        with suppress(psutil.NoSuchProcess):
            process.terminate()


def look(run: str, kind: Kind) -> Job | None:
    """The last job of a kind on a run; None if there was none."""
    request = _read(run, kind, "request")
    if request is None:
        return None
    ending = _read(run, kind, "ending")
    if ending is not None:
        state: JobState = ending["state"]
    elif _process(run, kind) is not None or _is_young(run, kind, request["began"]):
        state = "running"
    else:
        ending, state = {}, "lost"
    progress: Facts = _read(run, kind, "progress") or {}  # type: ignore[assignment]
    known = ending or {}
    arguments, began = request["arguments"], request["began"]
    return Job(run, kind, state, arguments, began, progress, known.get("result"), known.get("error"))


def running() -> list[Job]:
    """The jobs that are at work on any run of this home folder."""
    found = []
    for request in sorted((home_path() / "runs").glob("*/jobs/*/request.json")):
        kind, run = request.parts[-2], request.parts[-4]
        with suppress(UserError):  # a folder of another name than a run can have
            job = look(run, kind) if kind in KINDS else None
            found += [job] if job is not None and job.state == "running" else []
    return found


def check_idle(run: str) -> None:
    """Refuse while a job is at work on the run.

    Raises:
        UserError: naming it.
    """
    for kind in KINDS:
        found = look(run, kind)
        if found is not None and found.state == "running":
            raise UserError("run", f"{kind} of '{run}' is running.", "Wait for it, or stop it.")


def folder(run: str, kind: Kind) -> Path:
    """Where a job keeps its files."""
    check_name(run)
    return home_path() / "runs" / run / "jobs" / kind


def write(run: str, kind: Kind, name: str, content: Mapping[str, Any]) -> None:
    """Write one of a job's files, whole or not at all."""
    with new_file(folder(run, kind) / f"{name}.json") as draft:
        draft.write_text(json.dumps(content), encoding="utf-8")


def _read(run: str, kind: Kind, name: str) -> dict[str, Any] | None:
    try:
        content = json.loads((folder(run, kind) / f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _is_young(run: str, kind: Kind, began: float) -> bool:
    """Whether its process may not have been noted yet."""
    return _read(run, kind, "process") is None and time.time() - began < START_WITHIN


def _process(run: str, kind: Kind) -> psutil.Process | None:
    known = _read(run, kind, "process")
    if known is None:
        return None
    try:
        process = psutil.Process(known["pid"])
        same = known["mark"] == mark(process.pid)
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None
