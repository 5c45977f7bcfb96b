"""Background work on a run: its process, its progress, its end, and what is refused meanwhile."""

from __future__ import annotations

import os
import time
import zipfile
from pathlib import Path

import pytest

from rosearch_engine.errors import UserError
from rosearch_engine.runs import jobs, process
from rosearch_engine.runs.identity import mark
from rosearch_engine.store import Store
from tests.app.conftest import fill

PATIENCE = 300.0


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
