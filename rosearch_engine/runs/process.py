"""The search as a process of its own: start, stop, resume, and its true state.

A process's own word is not enough: a killed one says nothing, and an unreaped child still answers signals.
So a state is read from the exit record, the pid with its start, and the age of the heartbeat.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import psutil
from sqlalchemy.exc import DatabaseError

from rosearch_engine import spawn, weights
from rosearch_engine.config import RunConfig
from rosearch_engine.errors import UserError
from rosearch_engine.resources import home_path
from rosearch_engine.runs import jobs
from rosearch_engine.runs.identity import holder, mark
from rosearch_engine.store.database import database
from rosearch_engine.store.neighbours import used_elsewhere
from rosearch_engine.store.repo import Store, check_name, name_taken
from rosearch_engine.store.rows import RunRow

State = Literal["recorded", "queued", "running", "stalled", "stopping", "stopped", "finished", "crashed", "lost"]
ALIVE: frozenset[State] = frozenset({"queued", "running", "stalled", "stopping"})

# A search beats once a second, even while a student trains.
STALLED_AFTER = 30.0
START_WITHIN = 60.0

_LEFT = ".left"  # a note beside weights that were too young to be deleted


def start(name: str, config: RunConfig) -> None:
    """Create a run and search in the background.

    Raises:
        UserError: if the name is taken or not allowed.
    """
    run_id = create(name, config)
    _spawn(Store.write(), run_id, name)


def create(name: str, config: RunConfig, *, here: bool = False) -> int:
    """Add a run after checking what its settings name; returns its id.

    The recipe is settled and paths are made whole, so that the run means the same whenever and wherever it goes on.
    The name of a run that ended before its first architecture may be used again.

    Args:
        here: this process is the one that will search: if it dies before it has begun, that is known at once.

    Raises:
        UserError: if the name is taken or not allowed, or the data, the teacher or the recipe cannot be had.
    """
    check_name(name)
    store = Store.write()
    before = next((run for run in store.runs() if run["name"] == name), None)
    if before and (state(before) in ALIVE or store.candidates(before["id"])):
        raise name_taken(name)
    from rosearch_engine.check import check  # pandas takes its time to import

    checked = check(config)
    if before:
        store.delete_run(name, before)
    run_id = store.create_run(name, checked.config)
    for warning in checked.warnings():
        store.log(run_id, "warning", warning)
    if here:
        store.update_claimed(run_id, None, **holder(os.getpid()))
    return run_id


def resume(name: str, executor: Mapping[str, Any] | None = None) -> None:
    """Go on with a run in the background, from its last finished student.

    Args:
        executor: as for `reopen`.

    Raises:
        UserError: as `reopen`.
    """
    _spawn(Store.write(), reopen(name, executor), name)


def reopen(name: str, executor: Mapping[str, Any] | None = None, *, here: bool = False) -> int:
    """Make a run ready to go on, after a look at what it needs; returns its id.

    Args:
        executor: settings of its workers from now on; none: as before.
        here: as for `create`.

    Raises:
        UserError: if there is no such run, it is alive, finished or recorded, or what its settings name cannot be had
            or is not what it began with. Then the run stays as it is.
    """
    run = Store.read().run(name)
    check_resumable(run)
    from rosearch_engine.check import check_again  # as in `create`

    if executor:
        run = {**run, "config": run["config"] | {"executor": dict(executor)}}
    check_again(run)
    run_id = claim_again(name, here=here)
    if executor:
        Store.write().update_run(run_id, config=run["config"])
    return run_id


def claim_again(name: str, *, here: bool = False) -> int:
    """Take a run that may go on, which of several processes only one can do; returns its id.

    Args:
        here: as for `create`.

    Raises:
        UserError: if there is no such run, or it is alive, finished or recorded.
    """
    store = Store.write()
    run = store.run(name)
    check_resumable(run)
    who = holder(os.getpid()) if here else {"pid": None, "host": None}
    anew = {"exit": None, "stop_requested": None, "heartbeat": None, "progress": None, "queued": time.time()}
    if store.claim_run(run["id"], run["claim"], **anew, **who) is None:
        raise already_running(name)
    return run["id"]


def already_running(name: str) -> UserError:
    return UserError("run", f"'{name}' is already running.", "Watch it with `status`.")


def check_resumable(run: RunRow) -> None:
    """Refuse a run that cannot go on.

    Raises:
        UserError: if it is alive, finished or recorded.
    """
    now = state(run)
    if now in ALIVE:
        raise UserError("run", f"'{run['name']}' is {now}.", "Stop it first, or watch it with `status`.")
    if now in ("finished", "recorded"):
        raise UserError("run", f"'{run['name']}' is {now}; there is nothing left to do.", "Start a new run.")


def stop(name: str, force: bool = False) -> State:
    """Ask a search to end after what it can lay down safely; with `force`, kill it now.

    Either way nothing measured is lost and `resume` goes on. Returns the state seen afterwards.

    Raises:
        UserError: if there is no such run or it is not running.
    """
    store = Store.write()
    run = store.run(name)
    if state(run) not in ALIVE:
        raise UserError("run", f"'{name}' is not running (it is {state(run)}).", "See `status` for all runs.")
    if run["host"] not in (None, socket.gethostname()):
        raise UserError("run", f"'{name}' runs on {run['host']}.", "Stop it there.")
    store.update_run(run["id"], stop_requested=time.time())
    process = live_process(run)
    if process is not None:
        if force:
            _kill(process)
            ending = {"reason": "stopped", "message": "killed on request", "time": time.time()}
            # Nobody's exit but that of the process that was killed.
            store.update_claimed(run["id"], run["claim"], exit=ending)
        else:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGTERM)
    return state(store.run(name))


def remove(name: str) -> None:
    """Forget a run for good: its students, their measurements, its log, and weights that no other run has.

    Raises:
        UserError: if there is no such run, or it is alive, or the place for weights cannot be used.
    """
    store = Store.write()
    # A damaged run can be deleted too.
    run = next((run for run in store.runs() if run["name"] == name), None) or store.run(name)
    now = state(run)
    if now in ALIVE:
        raise UserError("run", f"'{name}' is {now}.", "Stop it first.")
    jobs.check_idle(name)
    weights.require()  # while the run is still there: nobody would know of its weights afterwards
    _sweep(store, store.delete_run(name, run))
    shutil.rmtree(log_path(name).parent, ignore_errors=True)


def rename(seen: RunRow, name: str) -> None:
    """Give a run another name; its log goes along.

    Raises:
        UserError: if the run is alive or has changed since it was `seen`, or the name is taken or not allowed.
    """
    store = Store.write()
    now = state(store.run(seen["name"]))
    if now in ALIVE:
        raise UserError("run", f"'{seen['name']}' is {now}.", "Stop it first.")
    jobs.check_idle(seen["name"])
    store.rename_run(seen, name)
    old, new = log_path(seen["name"]).parent, log_path(name).parent
    with suppress(OSError):  # a log is no reason to refuse
        shutil.rmtree(new, ignore_errors=True)
        old.rename(new)


def _sweep(store: Store, orphans: Collection[str]) -> None:
    """Delete weights that no run of any store has any more, by their SHA-256, and those that an earlier sweep left."""
    for shelf in weights.shelves():
        ages = shelf.ages()
        left = {name.removesuffix(_LEFT) for name in ages if name.endswith(_LEFT)}
        asked = left | set(orphans)
        in_use = store.known_weights(asked) | used_elsewhere(database(), asked, shelf)
        for sha256 in asked:
            name, note = weights.file_name(sha256), f"{sha256}{_LEFT}"
            # Another search may just be writing the very same student, whose row is yet to come: the next sweep will
            # tell. Of unknown age, it may always be.
            if sha256 not in in_use and name in ages and (ages[name] or 0.0) <= START_WITHIN:
                shelf.put(note, b"")
                continue
            if sha256 not in in_use and name in ages:
                shelf.remove(name)
            if sha256 in left:
                shelf.remove(note)


def _kill(process: psutil.Process, within: float = 10.0) -> None:
    """Kill a process and its children, and wait until it works no more, be it a zombie that its parent forgot."""
    with suppress(psutil.NoSuchProcess):
        for one in [*process.children(recursive=True), process]:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        deadline = time.monotonic() + within
        while process.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
            time.sleep(0.02)


def state(run: RunRow) -> State:
    """True state of a run, as `Store.run` gives it."""
    if run["recorded"]:
        return "recorded"
    if run["exit"]:
        return run["exit"]["reason"]
    now = time.time()
    beat = run["heartbeat"] or run["created"]
    if run["host"] not in (None, socket.gethostname()):
        if now - beat > STALLED_AFTER:
            return "lost"
    elif run["pid"] is None:
        return "queued" if now - (run["queued"] or run["created"]) < START_WITHIN else "lost"
    elif live_process(run) is None:
        # Asked to stop before it could hear: its modules were still loading.
        return "stopped" if run["stop_requested"] else "lost"
    if run["stop_requested"]:
        return "stopping"
    if run["heartbeat"] is None:
        return "queued"
    return "running" if now - beat <= STALLED_AFTER else "stalled"


def log_path(name: str) -> Path:
    check_name(name)
    return home_path() / "runs" / name / "log.txt"


def log_tail(name: str, lines: int = 30) -> list[str]:
    """The last lines the search process wrote, for a person to read."""
    path = log_path(name)
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - 400 * lines))
        return file.read().decode("utf-8", errors="replace").splitlines()[-lines:]


def _spawn(store: Store, run_id: int, name: str) -> None:
    path, claim = log_path(name), store.run(name)["claim"]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as log:
            process = subprocess.Popen(
                spawn.command("work", name),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=spawn.environment(PYTHONUNBUFFERED="1"),
            )
    except OSError as error:
        problem = UserError("run", f"its process cannot be started ({error.strerror}).", "Mend that, then `resume` it.")
        ending = {"reason": "crashed", "message": str(problem), "error": problem.as_dict(), "time": time.time()}
        with suppress(DatabaseError):
            store.update_claimed(run_id, claim, exit=ending)
        raise problem from error
    # The process itself may have been faster.
    store.update_claimed(run_id, claim, **holder(process.pid))


def live_process(run: RunRow) -> psutil.Process | None:
    """The run's process if it is there, is the one that was started, and is no zombie."""
    if run["pid"] is None:
        return None
    try:
        process = psutil.Process(run["pid"])
        if run["process_mark"]:
            same = run["process_mark"] == mark(process.pid)
        else:  # of an earlier version
            same = abs(process.create_time() - (run["process_created"] or 0.0)) < 1.0
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None
