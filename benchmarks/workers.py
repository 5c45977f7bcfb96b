"""Students an hour by executor, on this machine's cores: `python -m benchmarks.workers [--students 8] [--rounds 3]`.

Every leg is a whole `search` in a process of its own, and trains and attacks the very same students (random search, one
seed): inline on all cores, one Ray worker of one thread, and one such worker a core. A first leg, which is not counted,
makes the teacher and fills what searches keep for each other. A leg is timed from its first architecture to its last
result: without the start of Python and Ray. On a machine that others share only figures side by side say something: the
legs take turns, and ratios are taken within a round.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
from pathlib import Path

from benchmarks.own_home import own_home
from rosearch_engine import spawn
from rosearch_engine.device import cpu_name
from rosearch_engine.store import Store

SETTINGS = ("search.strategy=random", "search.chains=0", "search.bag=false", "attack.sentences=30")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--students", type=int, default=8)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--rows", type=int, default=1_500, help="of the movie reviews")
    options.add_argument("--cores", type=int, default=2, help="that are used, of those there are")
    given = options.parse_args()
    cores = sorted(os.sched_getaffinity(0))[: given.cores]
    os.sched_setaffinity(0, cores)  # children keep to them
    legs = {
        "one Ray worker of one thread": ray(1),
        "inline on all cores": [],
        f"{len(cores)} Ray workers of one thread": ray(len(cores)),
    }
    print(f"{cpu_name()}, {len(cores)} cores used, load {os.getloadavg()[0]:.1f}\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        own_home(Path(folder))
        os.environ |= {"ROSEARCH_RECORDED": "", "OMP_NUM_THREADS": str(len(cores))}
        rate("warm-up", [], given.students, given.rows)
        rates: dict[str, list[float]] = {leg: [] for leg in legs}
        for number in range(given.rounds):
            for leg, how in legs.items():
                rates[leg].append(rate(f"{number}-{len(how)}-{how[-1:]}", how, given.students, given.rows))
                print(f"round {number + 1}, {leg}: {rates[leg][-1]:.0f} students an hour", flush=True)
    first, inline, both = legs
    print("\n| | students an hour, median | each round |\n| --- | --- | --- |")
    for leg in legs:
        each = ", ".join(f"{one:.0f}" for one in rates[leg])
        print(f"| {leg} | {statistics.median(rates[leg]):.0f} | {each} |")
    for other, goal in ((first, 1.7), (inline, 1.15)):
        ratios = [mine / theirs for mine, theirs in zip(rates[both], rates[other], strict=True)]
        each = ", ".join(f"{one:.2f}" for one in ratios)
        print(f"\n{both} against {other}: {statistics.median(ratios):.2f} times ({each}; goal {goal})")


def ray(workers: int) -> list[str]:
    return ["--executor", "ray", "--threads", "1", "--workers", str(workers)]


def rate(name: str, how: list[str], students: int, rows: int) -> float:
    """Students an hour of a search."""
    name = "".join(sign for sign in name if sign.isalnum() or sign == "-")
    settings = [*SETTINGS, f"search.candidates={students}", f"data.limit={rows}"]
    options = [part for one in settings for part in ("--set", one)]
    command = spawn.command("search", "--preset", "demo", "--run", name, "--json", *how, *options)
    subprocess.run(command, env=spawn.environment(), check=True, stdout=subprocess.DEVNULL)
    store = Store.read()
    found = store.candidates(store.run(name)["id"])
    ends = [row["finished"] for row in found if row["finished"] is not None]
    assert len(ends) == students, "not all students were measured"
    return 3600 * students / (max(ends) - min(row["created"] for row in found))


if __name__ == "__main__":
    main()
