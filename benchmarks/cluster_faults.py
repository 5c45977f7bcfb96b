"""Searches by Ray's workers, disturbed at random moments: `python -m benchmarks.cluster_faults FOLDER [--kills 20]`.

The small search of `benchmarks.faults` with two workers of one thread. In each round one thing happens to it after a
random time: `kill -9` to the driver and all that it started, `kill -9` to a worker that is at a student, or the
PostgreSQL server that has the runs stops as if its machine had lost power, and comes back after up to five seconds. A
search that ends by that is resumed. In the end every student must have been measured and told once, and students that
an undisturbed search has too must be the same, weights included. Rounds that were done before are kept in FOLDER.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy.exc import SQLAlchemyError

from benchmarks.faults import RUN, SETTINGS, at_home, left_over, make_materials, rounds
from rosearch_engine.errors import UserError
from rosearch_engine.resources import home
from rosearch_engine.runs import process
from rosearch_engine.store import Store
from tests import postgres
from tests.conftest import ROOT

WITH_RAY = ("--executor", "ray", "--workers", "2", "--threads", "1")
AT_WORK = "ray::RayWorker.begin"
PATIENCE = 300.0  # seconds, against a hang
AWAY = 5.0  # most seconds that the server is away


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--kills", type=int, default=20, help="of each kind")
    options.add_argument("--kind", choices=list(KINDS), action="append", help="default: all")
    options.add_argument("--table", action="store_true", help="Print the table of what was done so far, and end.")
    given = options.parse_args()
    folder: Path = given.folder.resolve()
    results = folder / "cluster.jsonl"
    if not given.table:
        os.environ["OMP_NUM_THREADS"] = "1"
        folder.mkdir(parents=True, exist_ok=True)
        make_materials(folder)
        for kind in given.kind or KINDS:
            while (number := sum(one["kind"] == kind for one in rounds(results))) < given.kills:
                found = {"kind": kind} | KINDS[kind](folder, random.Random(f"{kind} {number}"))
                with results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(found) + "\n")
                print(json.dumps(found), flush=True)
    print(table(rounds(results)))


def kill_driver(folder: Path, chance: random.Random) -> dict[str, Any]:
    """The search's whole process group; Ray's own processes end with it or by themselves."""
    with at_home(folder, "cluster"):
        driver = start(folder, "search")
        seen = wait(driver, chance.uniform(0, 1.2 * undisturbed(folder)))
        with suppress(ProcessLookupError):
            os.killpg(driver.pid, signal.SIGKILL)
        driver.wait()
        return seen | went_on(folder)


def kill_worker(folder: Path, chance: random.Random) -> dict[str, Any]:
    """One that is at a student, or the next one that is."""
    with at_home(folder, "cluster"):
        driver = start(folder, "search")
        seen = wait(driver, chance.uniform(0, undisturbed(folder)))
        deadline = time.monotonic() + PATIENCE
        while driver.poll() is None and time.monotonic() < deadline:
            if some := workers(driver.pid):
                with suppress(psutil.NoSuchProcess):
                    chance.choice(some).kill()
                seen = wait(driver, 0) | {"after": seen["after"]}
                break
            time.sleep(0.02)
        driver.wait(PATIENCE)
        return seen | went_on(folder)


def stop_server(folder: Path, chance: random.Random) -> dict[str, Any]:
    """The server's processes end at once, unasked and without a last word, and it starts again."""
    with postgres.server() as socket, at_home(folder, "cluster"):
        os.environ["ROSEARCH_STORE"] = postgres.address(socket)
        driver = start(folder, "search")
        seen = wait(driver, chance.uniform(0, 1.2 * undisturbed(folder)))
        with postgres.halted(socket):
            time.sleep(chance.uniform(0, AWAY))
        driver.wait(PATIENCE)
        return seen | went_on(folder)


KINDS: dict[str, Callable[[Path, random.Random], dict[str, Any]]] = {
    "driver": kill_driver,
    "worker": kill_worker,
    "server": stop_server,
}


def start(folder: Path, how: str) -> subprocess.Popen[bytes]:
    paths = (f"data.name={folder / 'sentences.csv'}", f"teacher.name={folder / 'encoder'}")
    settings = [part for one in (*paths, *SETTINGS) for part in ("--set", one)]
    arguments = ["search", "--run", RUN, *settings] if how == "search" else ["resume", RUN]
    with (home() / "said.txt").open("ab") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "rosearch_engine", *arguments, "--json", *WITH_RAY],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=said,
            stderr=said,
            start_new_session=True,
        )


def undisturbed(folder: Path) -> float:
    """Seconds of the inline search: about as long as two workers and Ray's own start take."""
    seconds: float = json.loads((folder / "calm.json").read_text(encoding="utf-8"))["seconds"]
    return seconds


def wait(driver: subprocess.Popen[bytes], seconds: float) -> dict[str, Any]:
    """What the search was at after so many seconds."""
    with suppress(subprocess.TimeoutExpired):
        driver.wait(seconds)
    with reading() as store:
        run = next((run for run in store.runs() if run["name"] == RUN), None) if store else None
        if run is None:
            return {"after": round(seconds, 1), "stage": "before the run is made", "measured": 0}
        stage = "ended" if driver.poll() is not None else (run["progress"] or {}).get("stage", "loading")
        return {"after": round(seconds, 1), "stage": stage, "measured": run["students"]}


def workers(of: int) -> list[psutil.Process]:
    """Ray's workers below a process that are at a student."""
    try:
        return [one for one in psutil.Process(of).children(recursive=True) if one.cmdline()[:1] == [AT_WORK]]
    except psutil.Error:
        return []


def went_on(folder: Path) -> dict[str, Any]:
    """Resume until the search has come to its end; how often, and what is wrong then."""
    resumed = 0
    while resumed < 5 and not is_finished():
        start(folder, "resume" if is_made() else "search").wait(PATIENCE)
        resumed += 1
    return {"resumed": resumed, "wrong": wrong(folder)}


def wrong(folder: Path) -> list[str]:
    """What was lost or doubled, or is another than in the undisturbed search."""
    calm = json.loads((folder / "calm.json").read_text(encoding="utf-8"))["run"]
    with reading() as store:
        if store is None or not is_finished():
            return ["not finished", (home() / "said.txt").read_text(encoding="utf-8")[-500:]]
        run = store.run(RUN)
        students = store.students(run["id"])
        named = Counter(row["name"] for row in store.measurements(run["id"], "search"))
    found = []
    if {student["status"] for student in students} != {"done"} or len(students) != len(calm["students"]):
        found.append("not every student was measured")
    if named != Counter([*(student["name"] for student in students), "teacher"]):
        found.append("measured twice or not at all")
    if sorted(student["told"] or 0 for student in students) != list(range(1, len(students) + 1)):
        found.append("told twice or not at all")
    same = {student["digest"]: student for student in calm["students"]}
    for student in students:
        other = same.get(student["digest"], student)
        figures = ("weights_sha256", "accuracy", "robustness")
        if any(student[figure] != other[figure] for figure in figures):  # type: ignore[literal-required]
            found.append(f"{student['name']} is another one")
    found += [f"{count} {what}" for what, count in left_over().items() if count]
    return found


@contextmanager
def reading() -> Iterator[Store | None]:
    """The store, as a reader opens it; None while there is none."""
    try:
        store = Store.read()
    except (UserError, SQLAlchemyError):  # no file yet, or a server that is starting
        yield None
        return
    try:
        yield store
    finally:
        store.close()


def is_made() -> bool:
    with reading() as store:
        return store is not None and any(run["name"] == RUN for run in store.runs())


def is_finished() -> bool:
    with reading() as store:
        return store is not None and is_made() and process.state(store.run(RUN)) == "finished"


def table(done: list[dict[str, Any]]) -> str:
    """What came of all rounds, as Markdown."""
    lines = [
        "| what happened | times | nothing lost, doubled or other | resumed | while |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    for kind in KINDS:
        own = [one for one in done if one["kind"] == kind]
        stages = ", ".join(f"{stage} {count}" for stage, count in Counter(one["stage"] for one in own).most_common())
        right, resumed = sum(not one["wrong"] for one in own), sum(one["resumed"] > 0 for one in own)
        lines.append(f"| {kind} | {len(own)} | {right} | {resumed} | {stages} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
