"""A search that is killed with -9, resumed, stopped and resumed again ends as one that nobody disturbed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rosearch_engine.runs import process
from rosearch_engine.store import Store
from rosearch_engine.store.rows import StudentRow
from tests.conftest import ROOT, Workshop, rosearch

NAME = "disturbed"
# Against a hang only: on a busy machine a search may take minutes to begin.
PATIENCE = 900.0


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "rosearch_engine", *arguments]


@pytest.fixture
def home(workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own: the teacher is made anew as well."""
    folder = tmp_path / "home"
    monkeypatch.setenv("ROSEARCH_HOME", str(folder))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return folder


@pytest.fixture
def started(home: Path, workshop: Workshop) -> Iterator[subprocess.Popen[str]]:
    settings = [part for setting in workshop.settings for part in ("--set", setting)]
    search = subprocess.Popen(
        command("search", "--run", NAME, "--json", *settings),
        cwd=home.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield search
    search.kill()
    search.wait()


def students() -> list[StudentRow]:
    store = Store.read()
    runs = [run for run in store.runs() if run["name"] == NAME]
    try:
        return store.students(runs[0]["id"]) if runs else []
    finally:
        store.close()


def measured() -> int:
    return sum(student["status"] == "done" for student in students())


def wait_for(count: int, alive: Any) -> None:
    """Wait until so many students are measured."""
    deadline = time.monotonic() + PATIENCE
    while measured() < count:
        assert alive(), "the search ended before its time"
        assert time.monotonic() < deadline, "no student in a long time"
        time.sleep(0.05)


def comparable(student: StudentRow) -> dict[str, object]:
    """All of a student that does not tell the time."""
    times = ("id", "run_id", "artifact_id", "measurement_id", "created", "finished", "latency_ms", "seconds")
    kept = {name: value for name, value in student.items() if name not in times}
    return kept | {"training": {**(student["training"] or {}), "seconds": None, "latency_spread": None}}


def examples(store: Store, student: StudentRow) -> list[dict[str, object]]:
    assert student["status"] == "done"
    return [
        {name: value for name, value in row.items() if name not in ("id", "measurement_id")}
        for row in store.examples(student["measurement_id"])
    ]


def test_a_disturbed_search_ends_as_a_calm_one(
    calm: str, workshop: Workshop, home: Path, started: subprocess.Popen[str]
) -> None:
    wait_for(2, alive=lambda: started.poll() is None)
    assert process.state(Store.read().run(NAME)) == "running"
    started.kill()
    os.waitid(os.P_PID, started.pid, os.WEXITED | os.WNOWAIT)  # dead, and not yet buried
    assert process.state(Store.read().run(NAME)) == "lost"
    started.wait()
    survived = students()
    assert sum(student["status"] == "done" for student in survived) >= 2

    detached = subprocess.run(command("resume", NAME, "--detach", "--json"), capture_output=True, text=True, check=True)
    assert json.loads(detached.stdout)["state"] in ("queued", "running")
    before = measured()
    wait_for(before + 1, alive=lambda: process.state(Store.read().run(NAME)) in process.ALIVE)
    assert process.stop(NAME) in ("stopping", "stopped")
    deadline = time.monotonic() + PATIENCE
    while process.state(Store.read().run(NAME)) == "stopping":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert process.state(Store.read().run(NAME)) == "stopped"
    assert process.log_tail(NAME, 1) == ["stopped"]
    assert measured() < 6, "it was stopped too late to prove anything"

    last = rosearch("resume", NAME, "--json")
    assert last.code == 0, last.err
    assert last.json["state"] == "finished"

    disturbed_store = Store.read()
    disturbed = disturbed_store.students(disturbed_store.run(NAME)["id"])
    teacher = disturbed_store.teacher_measurement(disturbed_store.run(NAME)["id"])
    assert [s["weights_sha256"] for s in disturbed if s["status"] == "done"][:2] == [
        s["weights_sha256"] for s in survived if s["status"] == "done"
    ][:2]
    for student in disturbed:
        assert (home / "weights" / f"{student['weights_sha256']}.safetensors").exists()

    calm_store = Store.read(f"sqlite:///{workshop.home / 'rosearch.db'}")
    undisturbed = calm_store.students(calm_store.run(calm)["id"])
    for name in ("digest", "accuracy", "robustness", "weights_sha256"):
        assert [s[name] for s in disturbed] == [s[name] for s in undisturbed], name
    for mine, theirs in zip(disturbed, undisturbed, strict=True):
        assert comparable(mine) == comparable(theirs)
        assert examples(disturbed_store, mine) == examples(calm_store, theirs)
    reference = calm_store.teacher_measurement(calm_store.run(calm)["id"])
    assert teacher is not None
    assert reference is not None
    assert (teacher["accuracy"], teacher["held"]) == (reference["accuracy"], reference["held"])


def test_nothing_but_whole_files_is_left(calm: str, workshop: Workshop) -> None:
    """Weights under the SHA-256 of their content, no drafts."""
    import hashlib

    files = list((workshop.home / "weights").iterdir())
    assert files
    for file in files:
        assert file.suffix == ".safetensors"
        assert hashlib.sha256(file.read_bytes()).hexdigest() == file.stem
    assert not [name for name in os.listdir(workshop.home) if "draft" in name]
