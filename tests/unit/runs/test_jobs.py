"""Background work on a run: its process, its progress, its end, and what is refused meanwhile."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from rosearch_engine import spawn
from rosearch_engine.errors import UserError
from rosearch_engine.runs import jobs, process
from rosearch_engine.runs.identity import mark
from rosearch_engine.store import Store
from tests.app.conftest import fill

PATIENCE = 300.0
FORKED = multiprocessing.get_context("fork")


@pytest.fixture
def run_id(home: Path) -> int:
    return fill("demo", students=4)


def ended(run: str, kind: jobs.Kind) -> jobs.Job:
    deadline = time.monotonic() + PATIENCE
    while (found := jobs.look(run, kind)) is not None and found.state == "running":
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    assert found is not None
    return found


def test_a_finished_run_is_packed_in_the_background(calm: str) -> None:
    jobs.start(calm, "pack", {})
    with pytest.raises(UserError, match="already running"):
        jobs.start(calm, "pack", {})
    with pytest.raises(UserError, match="pack of"):
        process.rename(Store.read().run(calm), "another")
    found = ended(calm, "pack")
    assert found.state == "done", found.error
    assert found.result is not None
    file = Path(found.result["file"])
    assert file.stat().st_size == found.result["bytes"]
    assert "manifest.json" in zipfile.ZipFile(file).namelist()


def test_what_a_job_cannot_do_is_told_in_words(run_id: int) -> None:
    jobs.start("demo", "transfer", {"students": ["s0099"]})
    found = ended("demo", "transfer")
    assert found.state == "failed"
    assert found.error is not None
    assert set(found.error) == {"field", "problem", "remedy"}
    with pytest.raises(UserError, match="there is no run"):
        jobs.start("gone", "transfer", {})
    assert jobs.look("demo", "rescore") is None


def test_a_job_whose_process_died_is_lost_and_one_that_works_is_running(run_id: int) -> None:
    jobs.write("demo", "rescore", "request", {"arguments": {}, "began": time.time()})
    jobs.write("demo", "rescore", "process", {"pid": os.getpid(), "mark": mark(os.getpid())})
    jobs.write("demo", "rescore", "progress", {"stage": "attack", "done": 3, "total": 9})
    found = jobs.look("demo", "rescore")
    assert found is not None
    assert (found.state, found.progress["done"]) == ("running", 3)
    with pytest.raises(UserError, match="rescore of 'demo' is running"):
        process.remove("demo")
    jobs.write("demo", "rescore", "process", {"pid": os.getpid(), "mark": "another's"})
    found = jobs.look("demo", "rescore")
    assert found is not None
    assert found.state == "lost"
    process.remove("demo")
    assert not jobs.folder("demo", "rescore").exists()


def test_a_job_that_is_stopped_says_so(run_id: int) -> None:
    jobs.start("demo", "transfer", {})
    jobs.stop("demo", "transfer")
    assert ended("demo", "transfer").state in ("stopped", "lost", "failed")


def _start(barrier: Any, answers: Any) -> None:
    barrier.wait(PATIENCE)
    try:
        jobs.start("demo", "pack", {})
        answers.put("in")
    except UserError as error:
        answers.put(error.problem)


def test_of_processes_that_want_the_same_job_at_once_one_gets_it(run_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    idle = [sys.executable, "-c", "import time; time.sleep(600)"]
    monkeypatch.setattr(spawn, "command", lambda *arguments: idle)
    for _ in range(4):
        barrier, answers = FORKED.Barrier(3), FORKED.Queue()
        wanting = [FORKED.Process(target=_start, args=(barrier, answers)) for _ in range(3)]
        for one in wanting:
            one.start()
        found = sorted(answers.get(timeout=PATIENCE) for _ in wanting)
        for one in wanting:
            one.join(PATIENCE)
        assert [job.kind for job in jobs.running()] == ["pack"]
        jobs.stop("demo", "pack")
        assert found == ["in", *["pack of 'demo' is already running."] * 2]
        assert ended("demo", "pack").state == "lost"


def test_a_job_whose_process_cannot_be_started_leaves_nothing(run_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spawn, "command", lambda *arguments: ["/nowhere/python"])
    with pytest.raises(UserError, match="No such file"):
        jobs.start("demo", "pack", {})
    assert jobs.look("demo", "pack") is None
