"""Who holds a run: one process, known whatever the clock does, and nobody takes from under it what it works on."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from rosearch_engine.config import RunConfig
from rosearch_engine.errors import UserError
from rosearch_engine.progress import Progress
from rosearch_engine.runs import process
from rosearch_engine.runs.heartbeat import in_charge
from rosearch_engine.runs.identity import holder, mark
from rosearch_engine.store import Store
from tests.conftest import ROOT, Workshop
from tests.unit.store.test_store import add, finish

FORKED = multiprocessing.get_context("fork")
ROUNDS = 8
WITHIN = 60.0  # against a hang only


@pytest.fixture
def store(home: Path) -> Store:
    return Store.write()


def _hold(barrier: Any, answers: Any) -> None:
    """Read the run when all others do, then take it when all others do."""
    store = Store.write()
    run = store.run("mine")
    barrier.wait(WITHIN)
    try:
        with in_charge(store, run, Progress()):
            answers.put("in")
            barrier.wait(WITHIN)
    except UserError as error:
        answers.put(error.problem)
        barrier.wait(WITHIN)


def _reopen(barrier: Any, answers: Any) -> None:
    barrier.wait(WITHIN)
    try:
        process.claim_again("mine", here=True)
        answers.put("in")
    except UserError as error:
        answers.put(error.problem)
    barrier.wait(WITHIN)


def at_once(how: Any) -> list[str]:
    """What each of three processes that do the same at the same moment is answered."""
    barrier, answers = FORKED.Barrier(3), FORKED.Queue()
    wanting = [FORKED.Process(target=how, args=(barrier, answers)) for _ in range(3)]
    for one in wanting:
        one.start()
    found = sorted(answers.get(timeout=WITHIN) for _ in wanting)
    for one in wanting:
        one.join(WITHIN)
    return found


@pytest.mark.parametrize("how", [_hold, _reopen])
def test_of_processes_that_want_a_run_at_once_one_gets_it(store: Store, how: Any) -> None:
    run_id = store.create_run("mine", RunConfig())
    for _ in range(ROUNDS):
        store.update_run(run_id, exit={"reason": "stopped", "message": "", "time": 0.0})
        found = at_once(how)
        assert found.count("in") == 1, found
        assert all("'mine' is" in refusal for refusal in found if refusal != "in")


def _create(barrier: Any, answers: Any) -> None:
    store = Store.write()
    barrier.wait(WITHIN)
    try:
        store.create_run("mine", RunConfig())
        answers.put("in")
    except UserError as error:
        answers.put(error.problem)


def test_of_processes_that_want_a_name_at_once_one_gets_it(store: Store) -> None:
    for _ in range(ROUNDS):
        found = at_once(_create)
        assert found.count("in") == 1, found
        assert all("taken" in refusal for refusal in found if refusal != "in")
        store.delete_run("mine")


def test_a_student_is_measured_once(store: Store) -> None:
    run_id = store.create_run("mine", RunConfig())
    candidate = add(store, run_id, 1)
    finish(store, candidate, 1)
    with pytest.raises(UserError, match="measured elsewhere"):
        finish(store, candidate, 1)
    assert len(store.measurements(run_id, "search")) == 1


@pytest.mark.parametrize("step", [-3600.0, -1.5, 1.5, 86_400.0])
def test_a_stepped_clock_makes_no_other_process_of_it(store: Store, step: float) -> None:
    """A step moves the creation time that is reckoned from the clock, and nothing else."""
    run_id = store.create_run("mine", RunConfig())
    me = holder(os.getpid())
    stepped = me | {"process_created": me["process_created"] + step}
    store.update_run(run_id, **stepped, heartbeat=time.time())
    assert process.state(store.run("mine")) == "running"
    with pytest.raises(UserError, match="is running"):
        process.remove("mine")
    with pytest.raises(UserError, match="is running"):
        process.claim_again("mine")


def test_a_process_of_another_start_is_another_one(store: Store) -> None:
    run_id = store.create_run("mine", RunConfig())
    me = holder(os.getpid())
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as child:
        other = mark(child.pid)
    assert other != me["process_mark"] == mark(os.getpid())
    store.update_run(run_id, **me | {"process_mark": other}, heartbeat=time.time())
    assert process.state(store.run("mine")) == "lost"


def test_a_process_that_is_gone_has_no_mark(store: Store) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pass
    assert mark(child.pid) is None
    store.update_run(store.create_run("mine", RunConfig()), **holder(child.pid))
    assert process.state(store.run("mine")) == "lost"


def test_a_run_of_an_earlier_version_is_known_by_its_creation_time(store: Store) -> None:
    run_id = store.create_run("mine", RunConfig())
    before = {"pid": os.getpid(), "host": socket.gethostname(), "heartbeat": time.time()}
    store.update_run(run_id, **before, process_created=psutil.Process().create_time())
    assert process.state(store.run("mine")) == "running"


def test_an_old_run_that_goes_on_is_queued_and_cannot_be_deleted(store: Store) -> None:
    """Loading takes longer than the run's age would allow."""
    run_id = store.create_run("mine", RunConfig())
    store.update_run(run_id, created=1.0, exit={"reason": "stopped", "message": "", "time": 0.0})
    for here in (True, False):
        process.claim_again("mine", here=here)
        assert process.state(store.run("mine")) == "queued"
        with pytest.raises(UserError, match="queued"):
            process.remove("mine")
        with pytest.raises(UserError, match="queued"):
            process.claim_again("mine")
        store.update_run(run_id, exit={"reason": "stopped", "message": "", "time": 0.0})


def test_what_was_started_since_it_was_seen_is_not_deleted(store: Store) -> None:
    run_id = store.create_run("mine", RunConfig())
    store.update_run(run_id, exit={"reason": "stopped", "message": "", "time": 0.0})
    seen = store.run("mine")
    process.claim_again("mine")
    with pytest.raises(UserError, match="just been started"):
        store.delete_run("mine", seen)
    assert store.run("mine")["id"] == run_id


def test_who_lost_the_run_writes_no_last_word(store: Store) -> None:
    run_id = store.create_run("mine", RunConfig())
    with in_charge(store, store.run("mine"), Progress()):
        assert store.claim_run(run_id, store.run("mine")["claim"]) is not None
    assert store.run("mine")["exit"] is None


# What `search` and `resume` do, up to the point where modules load.
LOADING = """
import signal
import sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # as from a terminal, also where it is ignored
from rosearch_engine.config import build
from rosearch_engine.runs import process
name, *settings = sys.argv[1:]
process.create(name, build("standard", settings=settings), here=True)
print("made", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_a_search_that_dies_while_it_loads_is_known_dead_at_once(workshop: Workshop, ending: signal.Signals) -> None:
    name = f"dies-by-{ending.name}"
    child = subprocess.Popen(
        [sys.executable, "-c", LOADING, name, *workshop.settings],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline() == b"made\n"
    assert process.state(Store.read().run(name)) == "queued"
    child.send_signal(ending)
    child.wait(WITHIN)
    assert process.state(Store.read().run(name)) == "lost"
    process.check_resumable(Store.read().run(name))
    process.remove(name)


def test_a_search_that_cannot_be_started_is_no_queued_one(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    (workshop.home / "runs").mkdir(exist_ok=True)
    (workshop.home / "runs" / "barred").write_text("a file where the log's folder would be")
    with pytest.raises(UserError, match="cannot be started"):
        process.start("barred", workshop.config)
    assert process.state(Store.read().run("barred")) == "crashed"
    process.remove("barred")
    (workshop.home / "runs" / "barred").unlink(missing_ok=True)
