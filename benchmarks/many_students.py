"""What the command line takes for thousands of students: `python -m benchmarks.many_students [--students 5000]`.

Fills a store of its own, then runs each command as a person would, in a process of its own. Prints seconds until the
command has ended, CPU seconds and the most memory: the least of three. Importing takes its part: `--help` shows it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.load import LOAD, Load
from benchmarks.own_home import own_home
from rosearch_engine.resources import home

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = {
    "--help": None,
    "status": 1.0,
    f"status {LOAD}": 1.0,
    f"report {LOAD}": 3.0,
    f"report {LOAD} --all": None,
    f"report {LOAD} --json": 5.0,
    f"report {LOAD} --statistics": 10.0,
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--students", type=int, default=5_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--keep", type=Path, help="Leave the store in this folder, and use the one that is there.")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder: Path = given.keep or Path(temporary) / "home"
        if (folder / "rosearch.db").exists():
            os.environ["ROSEARCH_HOME"] = str(folder)
            os.environ.pop("ROSEARCH_STORE", None)
            os.environ.pop("ROSEARCH_WEIGHTS", None)
        else:
            own_home(folder)
            began = time.perf_counter()
            Load(given.students)
            print(f"filled with {given.students:,} students in {time.perf_counter() - began:.0f} s")
        print(f"database: {(home() / 'rosearch.db').stat().st_size / 1e6:.1f} MB; load {os.getloadavg()[0]:.1f}\n")
        print("| command | seconds | CPU seconds | memory | output | goal |")
        print("| --- | --- | --- | --- | --- | --- |")
        for command, goal in COMMANDS.items():
            print(row(command, goal, given.rounds), flush=True)


def row(command: str, goal: float | None, rounds: int) -> str:
    found = [measured(command) for _ in range(rounds)]
    seconds, cpu, memory, output = (min(values) for values in zip(*found, strict=True))
    aim = "" if goal is None else f"{goal:.0f} s"
    return f"| `{command}` | {seconds:.1f} | {cpu:.1f} | {memory:.0f} MB | {output / 1e6:.2f} MB | {aim} |"


def measured(command: str) -> tuple[float, float, float, float]:
    """Seconds, CPU seconds, MB of memory, bytes of output."""
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "rosearch_engine", *command.split()],
            cwd=ROOT, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, command
        return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, output.seek(0, os.SEEK_END)


if __name__ == "__main__":
    main()
