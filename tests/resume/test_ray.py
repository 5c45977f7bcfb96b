"""A search by Ray's workers, one of which is killed, and then the driver: it ends as one that nobody disturbed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from rosearch_engine.progress import Progress
from rosearch_engine.search.journal import Journal
from rosearch_engine.store import Store
from tests.conftest import ROOT, Workshop, rosearch

NAME = "by-ray"
PATIENCE = 300.0  # against a hang only


def workers(of: psutil.Process) -> list[psutil.Process]:
    """Ray's workers below a process that are at a student."""
    return [one for one in of.children(recursive=True) if one.cmdline()[:1] == ["ray::RayWorker.begin"]]


def wait_until(what: Callable[[], Any], alive: Callable[[], bool] = lambda: True) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := what()):
        assert alive(), "it ended before its time"
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.02)
    return found


def test_a_search_whose_worker_and_driver_are_killed(calm: str, workshop: Workshop, bench: Any) -> None:
    """Nothing is lost, nothing doubled, and the order of asks and tells that is stored gives these very students."""
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    settings = [part for setting in workshop.settings for part in ("--set", setting)]
    with_ray = ("--executor", "ray", "--workers", "2")
    driver = subprocess.Popen(
        [sys.executable, "-m", "rosearch_engine", "search", "--run", NAME, "--json", *with_ray, *settings],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        running = lambda: driver.poll() is None  # noqa: E731
        wait_until(lambda: workers(psutil.Process(driver.pid)), running)[0].kill()
        wait_until(lambda: measured() >= 2, running)
    finally:
        driver.kill()
        driver.wait()
    survived = {student["name"]: student["weights_sha256"] for student in done()}
    assert len(survived) < 7, "it was killed too late to prove anything"
    answer = rosearch("resume", NAME, "--json", *with_ray)
    assert answer.code == 0, answer.err
    assert answer.json["state"] == "finished"

    store = Store.read()
    run = store.run(NAME)
    students, once = store.students(run["id"]), store.measurements(run["id"], "search")
    assert {student["status"] for student in students} == {"done"}
    assert sorted(row["name"] for row in once) == sorted([*(student["name"] for student in students), "teacher"])
    assert {student["told"] for student in students} == set(range(1, len(students) + 1))
    assert {student["name"]: student["weights_sha256"] for student in done()}.items() >= survived.items()
    assert any("is gone" in event["text"] for event in store.events(run["id"]))
    # Raises if a student is another one than the strategy asks for after the same tells.
    Journal(Store.write(), run["id"], bench, Progress())
    inline = {student["digest"]: student for student in store.students(store.run(calm)["id"])}
    both = [student for student in students if student["digest"] in inline]
    assert len(both) >= 3
    for student in both:
        for figure in ("weights_sha256", "accuracy", "robustness"):
            assert student[figure] == inline[student["digest"]][figure]


def done() -> list[Any]:
    store = Store.read()
    runs = [run for run in store.runs() if run["name"] == NAME]
    try:
        return [student for run in runs for student in store.students(run["id"]) if student["status"] == "done"]
    finally:
        store.close()


def measured() -> int:
    return len(done())
