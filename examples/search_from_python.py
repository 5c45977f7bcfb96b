"""Run a search from Python with the demo preset, then print the Pareto front.

    python examples/search_from_python.py
    python examples/search_from_python.py data.name=reviews.csv search.candidates=20

Every argument is a setting, as for `rosearch search --set`. The demo preset takes minutes on two CPU cores.
"""

from __future__ import annotations

import sys
import time

from rosearch_engine.config import build
from rosearch_engine.runs import process
from rosearch_engine.search.loop import search
from rosearch_engine.store import Store
from rosearch_engine.store.rows import measured


def main(settings: list[str]) -> None:
    name = time.strftime("python-%Y%m%d-%H%M%S")
    process.create(name, build("demo", settings=settings))
    # In this process. After Ctrl-C, `rosearch resume` or another call of `search` continues the same run.
    search(name)

    store = Store.read()
    for student in measured(store.students(store.run(name)["id"])):
        if student["front"]:
            low, high = student["robustness_interval"]
            print(
                f"{student['name']}: robustness {student['robustness']:.1%} (95% interval {low:.1%} to {high:.1%}, "
                f"n = {student['attacked']}), accuracy {student['accuracy']:.1%}, {student['compression']:.1f}x smaller"
            )


if __name__ == "__main__":
    main(sys.argv[1:])
