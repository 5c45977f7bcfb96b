"""The demo preset as a newcomer meets it: from an empty cache, in the background, on this machine.

    python benchmarks/demo.py [--candidates 12]

Prints the time to the first measured student, the whole run, where the time went, and the memory it took.
Outside resources are taken from ROSEARCH_HOME; everything else starts empty in a folder of its own.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Never

import psutil

from rosearch_engine import resources
from rosearch_engine.config import build
from rosearch_engine.runs import process
from rosearch_engine.store import Store
from rosearch_engine.store.rows import Figures, measured


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--candidates", type=int, default=None)
    parser.add_argument("--preset", default="demo")
    parser.add_argument("--keep", type=Path, help="Leave the run in this folder.")
    arguments = parser.parse_args()
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="rosearch-demo-"))
    fetched = resources.home() / "resources"
    resources.fetch()
    shutil.copytree(fetched, folder / "resources", dirs_exist_ok=True)
    os.environ["ROSEARCH_HOME"] = str(folder)
    settings = [] if arguments.candidates is None else [f"search.candidates={arguments.candidates}"]

    began = time.perf_counter()
    process.start("demo", build(arguments.preset, settings=settings))
    store, first, memory = Store.read(), 0.0, 0
    while process.state(store.run("demo")) in process.ALIVE:
        run = store.run("demo")
        if not first and any(student["status"] == "done" for student in store.students(run["id"])):
            first = time.perf_counter() - began
        try:
            memory = max(memory, psutil.Process(run["pid"]).memory_info().rss)
        except psutil.NoSuchProcess:
            break
        time.sleep(0.5)
    total = time.perf_counter() - began
    run = store.run("demo")
    students = measured(store.students(run["id"]))
    assert run["progress"] is not None
    assert run["teacher"] is not None

    print(f"machine: {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}; {run['progress']['device']}")
    print(f"state: {process.state(run)}; students measured: {len(students)}")
    print(f"first measured student: {first / 60:.1f} min; whole run: {total / 60:.1f} min")
    print(f"search process, largest resident memory: {memory / 1e9:.2f} GB")
    print("\n| stage | seconds | share |\n| --- | --- | --- |")
    for stage, seconds in sorted(run["progress"]["spent"].items(), key=lambda item: -item[1]):
        print(f"| {stage} | {seconds:.0f} | {seconds / total:.0%} |")
    teacher = store.teacher_measurement(run["id"])
    print("\n| student | from | accuracy | after attack (95%, n) | queries | smaller | front |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    if teacher:
        print(_row("teacher", run["teacher"]["name"], teacher, 1.0, ""))
    for student in sorted(students, key=lambda s: -s["robustness"]):
        place = "knee" if student["knee"] else "yes" if student["front"] else ""
        print(_row(student["name"], student["origin"], student, student["compression"], place))
    if arguments.keep is None:
        shutil.rmtree(folder)


def _row(name: str, origin: str, numbers: Figures[Never], smaller: float, place: str) -> str:
    low, high = numbers["robustness_interval"]
    after = f"{numbers['robustness']:.0%} ({low:.0%} to {high:.0%}, {numbers['attacked']})"
    queries = f"{numbers['mean_queries']:.0f}"
    return f"| {name} | {origin} | {numbers['accuracy']:.1%} | {after} | {queries} | {smaller:.1f}x | {place} |"


if __name__ == "__main__":
    main()
