"""A run's true state, whatever its process did or failed to say."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from rosearch_engine.config import RunConfig, build, validate
from rosearch_engine.errors import UserError
from rosearch_engine.paths import weights_path
from rosearch_engine.progress import Progress, Stage, Stopped
from rosearch_engine.runs import process
from rosearch_engine.runs.heartbeat import in_charge
from rosearch_engine.store import Store
from rosearch_engine.store.rows import RunRow
from tests.conftest import Workshop
from tests.unit.store.test_store import add, finish

# Says that it is there and waits for its standard input to end, as it does with its parent at the latest.
IDLE = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]


@pytest.fixture
def store(home: Path) -> Store:
    return Store.write()


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that does nothing."""
    with subprocess.Popen(IDLE, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        started.stdout.readline()
        yield started
        started.kill()


def run_with(store: Store, **values: Any) -> RunRow:
    run_id = store.create_run("mine", RunConfig())
    if values:
        store.update_run(run_id, **values)
    return store.run("mine")


def alive(pid: int) -> dict[str, Any]:
    """The record of a living process that beats."""
    return {
        "pid": pid,
        "process_created": psutil.Process(pid).create_time(),
        "host": socket.gethostname(),
        "heartbeat": time.time(),
    }


def test_a_new_run_is_queued_and_then_lost(store: Store) -> None:
    assert process.state(run_with(store)) == "queued"
    old: RunRow = {**store.run("mine"), "created": time.time() - process.START_WITHIN - 1}
    assert process.state(old) == "lost"


def test_started_but_silent_is_queued(store: Store, child: subprocess.Popen[bytes]) -> None:
    assert process.state(run_with(store, **alive(child.pid) | {"heartbeat": None})) == "queued"


def test_alive_and_beating_is_running(store: Store, child: subprocess.Popen[bytes]) -> None:
    assert process.state(run_with(store, **alive(child.pid))) == "running"


def test_alive_without_a_beat_is_stalled(store: Store, child: subprocess.Popen[bytes]) -> None:
    late = time.time() - process.STALLED_AFTER - 1
    assert process.state(run_with(store, **alive(child.pid) | {"heartbeat": late})) == "stalled"


def test_asked_to_stop_is_stopping(store: Store, child: subprocess.Popen[bytes]) -> None:
    assert process.state(run_with(store, **alive(child.pid), stop_requested=time.time())) == "stopping"


def test_killed_is_lost_even_while_a_zombie(store: Store, child: subprocess.Popen[bytes]) -> None:
    run = run_with(store, **alive(child.pid))
    os.kill(child.pid, signal.SIGKILL)
    zombie = psutil.Process(child.pid)
    while zombie.status() != psutil.STATUS_ZOMBIE:
        pass
    assert process.state(run) == "lost"
    child.wait()
    assert process.state(run) == "lost"


def test_another_process_of_the_same_number_is_not_it(store: Store, child: subprocess.Popen[bytes]) -> None:
    record = alive(child.pid)
    assert process.state(run_with(store, **record | {"process_created": record["process_created"] - 100})) == "lost"


def test_a_run_of_another_machine_is_judged_by_its_beat(store: Store) -> None:
    run = run_with(store, pid=1, process_created=0.0, host="elsewhere", heartbeat=time.time())
    assert process.state(run) == "running"
    assert process.state({**run, "heartbeat": time.time() - process.STALLED_AFTER - 1}) == "lost"
    with pytest.raises(UserError, match="elsewhere"):
        process.stop("mine")


@pytest.mark.parametrize("reason", ["finished", "stopped", "crashed"])
def test_an_exit_record_is_believed(store: Store, child: subprocess.Popen[bytes], reason: str) -> None:
    run = run_with(store, **alive(child.pid), exit={"reason": reason, "message": "", "time": 0.0})
    assert process.state(run) == reason
    assert process.state({**run, "recorded": True}) == "recorded"


def test_stop_asks_and_then_kills(store: Store, child: subprocess.Popen[bytes]) -> None:
    run_with(store, **alive(child.pid))
    # This process does not listen yet, as a search that is still loading its modules: the signal ends it at once.
    assert process.stop("mine") in ("stopping", "stopped")
    assert child.wait(10) == -signal.SIGTERM
    assert process.state(store.run("mine")) == "stopped"
    process.check_resumable(store.run("mine"))
    with pytest.raises(UserError, match="not running"):
        process.stop("mine")


def test_a_forced_stop_does_not_wait_for_a_parent_that_never_looks(store: Store) -> None:
    """The app's process starts a search and does not reap it: killed by another process it stays a zombie."""
    program = (
        "import subprocess, sys; from subprocess import PIPE;"
        f"child = subprocess.Popen({IDLE!r}, stdin=PIPE, stdout=PIPE); child.stdout.readline();"
        "print(child.pid, flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert parent.stdout is not None
        run_with(store, **alive(int(parent.stdout.readline())))
        assert process.stop("mine", force=True) == "stopped"
        ending = store.run("mine")["exit"]
        assert ending is not None
        assert ending["message"] == "killed on request"
    finally:
        parent.kill()
        parent.wait()


def test_what_is_alive_or_finished_cannot_be_resumed(store: Store, child: subprocess.Popen[bytes]) -> None:
    run = run_with(store, **alive(child.pid))
    with pytest.raises(UserError, match="is running"):
        process.check_resumable(run)
    with pytest.raises(UserError, match="there is nothing left"):
        process.check_resumable({**run, "exit": {"reason": "finished", "message": ""}})
    process.check_resumable({**run, "exit": {"reason": "stopped", "message": ""}})
    process.check_resumable({**run, "pid": None, "created": 0.0})


def test_the_holder_of_a_run_says_that_it_lives_and_how_it_ended(store: Store) -> None:
    run = run_with(store)
    progress = Progress()
    with in_charge(store, run, progress):
        held = store.run("mine")
        assert process.state(held) == "running"
        assert held["pid"] == os.getpid()
        progress.stage(Stage.ATTACK, 10, "sentences")
    ended = store.run("mine")
    assert process.state(ended) == "finished"
    assert ended["progress"] is not None
    assert ended["progress"]["stage"] == "attack"
    assert ended["active_seconds"] > 0


@pytest.mark.parametrize(
    ("error", "reason", "message"),
    [
        (Stopped(), "stopped", ""),
        (UserError("data.name", "it is gone.", "Bring it back."), "crashed", "data.name: it is gone. Bring it back."),
        (ZeroDivisionError("by zero"), "crashed", "ZeroDivisionError: by zero"),
        (KeyboardInterrupt(), "crashed", "KeyboardInterrupt: "),
    ],
)
def test_every_ending_is_recorded(store: Store, error: BaseException, reason: str, message: str) -> None:
    with pytest.raises(type(error)), in_charge(store, run_with(store), Progress()):
        raise error
    ended = store.run("mine")
    assert process.state(ended) == reason
    assert ended["exit"] is not None
    assert ended["exit"]["message"] == message
    assert store.events(ended["id"])[-1]["kind"] == reason
    process.check_resumable(ended)


def test_signals_become_a_stop_and_are_given_back(store: Store) -> None:
    before = signal.getsignal(signal.SIGTERM)
    progress = Progress()

    def work() -> None:
        with in_charge(store, run_with(store), progress):
            os.kill(os.getpid(), signal.SIGTERM)
            assert progress.stopping
            progress.check()

    with pytest.raises(Stopped):
        work()
    assert signal.getsignal(signal.SIGTERM) == before
    assert process.state(store.run("mine")) == "stopped"


def test_a_stop_asked_before_it_could_hear_is_kept(store: Store) -> None:
    with pytest.raises(Stopped), in_charge(store, run_with(store, stop_requested=time.time()), Progress()):
        pytest.fail("it went on")
    assert process.state(store.run("mine")) == "stopped"
    process.claim_again("mine")
    assert store.run("mine")["stop_requested"] is None


def test_a_run_is_created_with_whole_paths_and_a_settled_recipe(
    workshop: Workshop, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NLTK_DATA", workshop.nltk_data)
    monkeypatch.chdir(workshop.data.parent)
    settings = ["data.name=sentences.csv", "teacher.name=./encoder"]
    process.create("mine", build("demo", None, settings))
    config = validate(store.run("mine")["config"])
    assert Path(config.data.name) == workshop.data
    assert Path(config.teacher.name) == workshop.encoder
    assert config.attack.recipe == "pwws"
    assert config == build(
        "demo", None, [f"data.name={workshop.data}", f"teacher.name={workshop.encoder}", "attack.recipe=pwws"]
    )


def test_a_name_is_free_again_where_nothing_was_searched_under_it(workshop: Workshop, store: Store) -> None:
    first = run_with(store, exit={"reason": "crashed", "message": "", "time": 0.0})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NLTK_DATA", workshop.nltk_data)
        second = process.create("mine", workshop.config)
        assert store.run("mine")["id"] == second
        add(store, second, 1)
        store.update_run(second, exit=first["exit"])
        with pytest.raises(UserError, match="taken"):
            process.create("mine", workshop.config)


def test_a_run_has_one_holder(store: Store, child: subprocess.Popen[bytes]) -> None:
    run = run_with(store, **alive(child.pid))
    with pytest.raises(UserError, match="already running"), in_charge(store, run, Progress()):
        pytest.fail("two processes held one run")
    assert process.state(store.run("mine")) == "running"


def test_the_log_shows_its_end(home: Path) -> None:
    assert process.log_tail("mine") == []
    path = process.log_path("mine")
    path.parent.mkdir(parents=True)
    path.write_text("".join(f"line {n} ä\n" for n in range(5000)))
    assert process.log_tail("mine", 2) == ["line 4998 ä", "line 4999 ä"]


def test_a_run_is_removed_with_its_weights_and_its_log(store: Store, child: subprocess.Popen[bytes]) -> None:
    run = run_with(store, **alive(child.pid))
    with pytest.raises(UserError, match="running"):
        process.remove("mine")
    store.update_run(run["id"], exit={"reason": "stopped", "message": "", "time": 0.0})
    finish(store, add(store, run["id"], 1), 1, sha256="ab" * 32)
    finish(store, add(store, run["id"], 2), 2, sha256="cd" * 32)
    old, fresh = weights_path("ab" * 32), weights_path("cd" * 32)
    for path in (old, fresh, process.log_path("mine")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    os.utime(old, (0, 0))
    process.remove("mine")
    assert store.runs() == []
    assert not old.exists()
    assert fresh.exists(), "another search may just have written it"
    assert not process.log_path("mine").parent.exists()
    with pytest.raises(UserError, match="mine"):
        process.remove("mine")
