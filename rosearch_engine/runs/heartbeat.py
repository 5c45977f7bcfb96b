"""Which process runs a search, that it is alive, and how it ended."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy.exc import OperationalError

from rosearch_engine.device import gpu_use, memory_mb
from rosearch_engine.errors import UserError, is_full_disk
from rosearch_engine.progress import Facts, Progress, Stopped
from rosearch_engine.runs.identity import holder
from rosearch_engine.runs.process import already_running, live_process
from rosearch_engine.store.repo import Store
from rosearch_engine.store.rows import Ending, RunRow

HEARTBEAT_SECONDS = 1.0


@contextmanager
def in_charge(store: Store, run: RunRow, progress: Progress) -> Iterator[None]:
    """Hold the run: say who works on it, beat while it lives, obey signals, and record how it ended."""
    run_id = run["id"]
    _refuse_second(run)
    claim = store.claim_run(run_id, run["claim"], **holder(os.getpid()), heartbeat=time.time(), exit=None)
    if claim is None:
        raise already_running(run["name"])
    began, done = time.time(), threading.Event()
    ticker = threading.Thread(target=_beat, args=(store, run_id, progress, done), daemon=True)
    ticker.start()
    ending: Ending = {"reason": "crashed", "message": ""}
    try:
        with stop_on_signals(progress):
            if run["stop_requested"]:
                # Asked while this process was still loading its modules.
                progress.stop()
            progress.check()
            yield
        ending = {"reason": "finished", "message": ""}
    except Stopped:
        ending = {"reason": "stopped", "message": ""}
        raise
    except UserError as error:
        ending |= {"message": str(error), "error": error.as_dict()}
        raise
    except BaseException as error:
        ending |= {"message": f"{type(error).__name__}: {error}", "trace": traceback.format_exc(limit=-6)}
        if is_full_disk(error):
            full = UserError("disk", "it is full.", "No result is lost: free some disk space, then resume.")
            ending |= {"message": str(full), "error": full.as_dict()}
            raise full from error
        raise
    finally:
        done.set()
        ticker.join()
        seconds = run["active_seconds"] + time.time() - began
        # A database on a full disk takes no last word either; then the process's absence speaks.
        with suppress(OperationalError):
            facts = progress.facts()
            last = {"exit": ending | {"time": time.time()}, "active_seconds": seconds, "progress": facts}
            if store.update_claimed(run_id, claim, **last):
                store.log(run_id, ending["reason"], f"search {ending['reason']} {ending['message']}".strip())


def _refuse_second(run: RunRow) -> None:
    other = None if run["host"] != socket.gethostname() else live_process(run)
    if other is not None and other.pid != os.getpid() and not run["exit"]:
        raise already_running(run["name"])


def _beat(store: Store, run_id: int, progress: Progress, done: threading.Event) -> None:
    """Say once a second that the search is alive, from a thread of its own: training one student takes minutes."""
    while not done.wait(HEARTBEAT_SECONDS):
        try:
            facts: Facts = {**progress.facts(), "memory_mb": memory_mb(), **gpu_use()}
            store.update_run(run_id, heartbeat=time.time(), progress=facts)
        except Exception as error:
            # A missed beat is no reason to lose a student: the disk may be full for a moment.
            print(f"heartbeat: {error}", file=sys.stderr, flush=True)  # what a command prints may be JSON


@contextmanager
def stop_on_signals(progress: Progress) -> Iterator[None]:
    """Turn SIGTERM and Ctrl-C into a stop after what is in hand can be laid down; a second Ctrl-C ends at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        if progress.stopping and number == signal.SIGINT:
            os._exit(130)
        progress.stop()

    kept = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
