"""Read a store: runs, students and attacked sentences as tables, for a notebook or a statistics program.

    python examples/read_a_store.py
    python examples/read_a_store.py my-run

Reading is safe at any time, even while a search writes. Set ROSEARCH_STORE to use another store than the default.
"""

from __future__ import annotations

import sys

import pandas as pd

from rosearch_engine.recorded.unpack import bring_shipped
from rosearch_engine.store import Store

FIGURES = ["name", "origin", "robustness", "accuracy", "compression", "front"]


def main(name: str = "example") -> None:
    bring_shipped()
    store = Store.read()
    print(pd.DataFrame(store.runs())[["name", "students", "version"]].to_string(index=False))

    measured = [student for student in store.students(store.run(name)["id"]) if student["status"] == "done"]
    students = pd.DataFrame(measured).sort_values("robustness", ascending=False)
    print(students[FIGURES].to_string(index=False))
    # The architecture is a graph in plain JSON; here, how often each operation occurs among all students.
    operations = pd.Series([node["operation"] for student in measured for node in student["genome"]["nodes"]])
    print(operations.value_counts().to_string())

    # Every attacked sentence is kept: here, the first that fooled the most robust student.
    attacked = store.examples(int(students.iloc[0]["measurement_id"]))
    for sentence in [row for row in attacked if row["outcome"] == "fooled"][:5]:
        print(f"{sentence['before']['text']}\n-> {sentence['after']['text']}")


if __name__ == "__main__":
    main(*sys.argv[1:])
