"""A random sample of the search space: `python benchmarks/sample.py [--candidates 120] [--look]`.

A random search whose students climb the whole ladder, nobody stopped, in a database of its own: for statistics without
evolution's bias, and for how far each rung ranks students as the full measurement does. Cut off, the same command goes
on; `--look` prints what is there.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict

import numpy as np

from rosearch_engine.config import build
from rosearch_engine.resources import home
from rosearch_engine.runs import process
from rosearch_engine.search.ladder import Ladder
from rosearch_engine.search.loop import search
from rosearch_engine.statistics.paired import rank_correlation
from rosearch_engine.store import Store
from rosearch_engine.store.models import RUNG

RUN = "random-1"
SETTINGS = ["attack.recipe=pwws", "distil.epochs=1.5", "search.strategy=random", "search.rungs=3", "search.seed=1"]


class Everyone(Ladder):
    """A ladder that prunes no student."""

    def goes_on(self, rung: int, objectives: np.ndarray) -> bool:
        super().goes_on(rung, objectives)
        return True


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--candidates", type=int, default=120)
    options.add_argument("--look", action="store_true", help="only print existing results")
    given = options.parse_args()
    address = f"sqlite:///{home() / 'bench' / 'random.db'}"
    os.environ["ROSEARCH_STORE"] = address
    if not given.look:
        _sample(given.candidates)
    store = Store.read()
    run = store.run(RUN)
    students = {s["name"]: s for s in store.students(run["id"]) if s["status"] == "done"}
    for code in sorted({s["genome"]["code"] for s in students.values()}):
        some = [s for s in students.values() if s["genome"]["code"] == code]
        held, right = (np.mean([s[figure] for s in some]) for figure in ("robustness", "accuracy"))
        print(f"code {code}: n = {len(some)}, held {held:.1%}, clean {right:.1%}")
    rows = [row for row in store.measurements(run["id"], RUNG) if row["name"] in students]
    for rung in sorted({row["rung"] for row in rows}):
        for figure in ("robustness", "accuracy"):
            low = {row["name"]: float(row[figure]) for row in rows if row["rung"] == rung}
            top = {name: float(students[name][figure]) for name in low}
            print(f"rung {rung + 1}, {figure}: {asdict(rank_correlation({'rung': low, 'top': top})[0])}")
    print(f"ROSEARCH_STORE={address} python -m rosearch_engine report {RUN} --statistics shows the rest.")


def _sample(candidates: int) -> None:
    from rosearch_engine.search import journal

    setattr(journal, "Ladder", Everyone)  # noqa: B010
    store = Store.write()
    if RUN not in {run["name"] for run in store.runs()}:
        store.create_run(RUN, build("standard", settings=[*SETTINGS, f"search.candidates={candidates}"]))
    elif process.state(store.run(RUN)) == "finished":
        return
    else:
        process.reopen(RUN)
    search(RUN)


if __name__ == "__main__":
    main()
