"""Searches that are killed at random moments: `python -m benchmarks.faults FOLDER [--kills 100]`.

A small real search is run once undisturbed. Then it is run again and again, each time in a home folder of its own:
`kill -9` ends its process and all its children after a random time, `resume` goes on, and so up to `EACH` times before
it may come to its end. Nothing may be lost or measured twice, and the finished run must be the undisturbed one: its
students, every figure, every attacked sentence, every tensor. Everything is kept in FOLDER: called again, it goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from rosearch_engine.paths import weights_path
from rosearch_engine.resources import home
from rosearch_engine.runs import process
from rosearch_engine.store import Store
from rosearch_engine.store.rows import StudentRow
from tests.conftest import ROOT, make_encoder, sentences

RUN = "run"
EACH = 8  # kills of one search before it may come to its end
PART = 0.6  # of the undisturbed run's seconds: until then a kill may come
SETTINGS = (
    "data.validation=150",
    "data.search_attack=60",
    "data.held_out=60",
    "teacher.epochs=6",
    "teacher.learning_rate=0.003",
    "distil.epochs=2",
    "distil.tokens=640",
    "distil.learning_rate=0.003",
    "distil.adversary=off",
    "space.max_nodes=3",
    "space.ranks=[8,16]",
    'space.codes=["plain"]',
    "space.vocabulary=seen",
    "space.ledger_bound=null",
    "space.context=bounded",
    "space.contexts=[]",
    "space.kappas=[]",
    "distil.copies=0",
    "attack.recipe=pwws",
    "attack.sentences=12",
    "search.chains=1",
    "search.population=2",
    "search.candidates=5",
)
TIMES = ("id", "run_id", "artifact_id", "measurement_id", "created", "finished", "latency_ms", "seconds")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--kills", type=int, default=100)
    options.add_argument("--table", action="store_true", help="Print the table of what was done so far, and end.")
    given = options.parse_args()
    folder: Path = given.folder.resolve()
    results = folder / "rounds.jsonl"
    if given.table:
        print(table(results))
        return
    os.environ["OMP_NUM_THREADS"] = "1"  # equal sums need an equal number of threads
    folder.mkdir(parents=True, exist_ok=True)
    make_materials(folder)
    while sum(len(one["kills"]) for one in rounds(results)) < given.kills:
        number = len(rounds(results))
        found = disturbed(folder, number)
        with results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")
        print(f"search {number}: {len(found['kills'])} kills, {found['differences'] or 'equal'}", flush=True)
    print(table(results))


def make_materials(folder: Path) -> None:
    """Sentences, an encoder that knows their words, and the undisturbed run with the seconds that it took."""
    if (folder / "calm.json").exists():
        return
    for name in ("encoder", "calm"):
        shutil.rmtree(folder / name, ignore_errors=True)
    rows = sentences()
    rows.to_csv(folder / "sentences.csv", index=False)
    make_encoder(folder / "encoder", list(rows["sentence"]), list(rows["label"]))
    began = time.perf_counter()
    with at_home(folder, "calm"):
        assert start(folder, "search").wait() == 0
        seconds = time.perf_counter() - began
        calm = {"seconds": seconds, "run": told()}
    (folder / "calm.json").write_text(json.dumps(calm), encoding="utf-8")
    print(f"undisturbed: {seconds:.0f} s", flush=True)


@contextmanager
def at_home(folder: Path, name: str) -> Iterator[None]:
    """A new home folder with what was fetched, in force during the block, and gone after it."""
    place, fetched, kept = folder / name, (home() / "resources").resolve(), dict(os.environ)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    (place / "resources").symlink_to(fetched)
    os.environ.update(ROSEARCH_HOME=str(place), ROSEARCH_RECORDED="", NLTK_DATA=str(fetched / "nltk_data"))
    os.environ.pop("ROSEARCH_STORE", None)
    os.environ.pop("ROSEARCH_WEIGHTS", None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)
        shutil.rmtree(place, ignore_errors=True)


def start(folder: Path, how: str) -> subprocess.Popen[bytes]:
    """The real command in a process group of its own."""
    paths = (f"data.name={folder / 'sentences.csv'}", f"teacher.name={folder / 'encoder'}")
    settings = [part for one in (*paths, *SETTINGS) for part in ("--set", one)]
    arguments = ("search", "--run", RUN, "--json", *settings) if how == "search" else ("resume", RUN, "--json")
    with (home() / "said.txt").open("ab") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "rosearch_engine", *arguments],
            cwd=ROOT,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )


def disturbed(folder: Path, number: int) -> dict[str, Any]:
    """One search, killed up to `EACH` times; what was seen at each kill, and how its end differs from the calm one."""
    calm = json.loads((folder / "calm.json").read_text(encoding="utf-8"))
    chance = random.Random(number)
    kills: list[dict[str, Any]] = []
    with at_home(folder, "disturbed"):
        while len(kills) < EACH:
            searching = start(folder, "resume" if is_made() else "search")
            try:
                code = searching.wait(chance.uniform(0.0, PART * calm["seconds"]))
            except subprocess.TimeoutExpired:
                os.killpg(searching.pid, signal.SIGKILL)
                searching.wait()
                kills.append(after_kill())
                continue
            assert code == 0, (home() / "said.txt").read_text(encoding="utf-8")[-2000:]
            break
        if not is_made() or process.state(Store.read().run(RUN)) != "finished":
            assert start(folder, "resume" if is_made() else "search").wait() == 0
        return {"kills": kills, "differences": differences(calm["run"], told()), "left": left_over()}


def is_made() -> bool:
    return (home() / "rosearch.db").exists() and any(run["name"] == RUN for run in Store.read().runs())


def after_kill() -> dict[str, Any]:
    """What a kill left: the true state, where the search was, whether the database is whole."""
    if not is_made():
        return {"state": None, "stage": "before the run is made", "measured": 0, "whole": integrity()}
    run = Store.read().run(RUN)
    stage = run["progress"]["stage"] if run["progress"] else "loading"
    return {"state": process.state(run), "stage": stage, "measured": run["students"], "whole": integrity()}


def integrity() -> bool:
    file = home() / "rosearch.db"
    if not file.exists():
        return True
    with closing(sqlite3.connect(file)) as connection:
        return bool(connection.execute("PRAGMA integrity_check").fetchone() == ("ok",))


def told() -> dict[str, Any]:
    """All of the finished run that does not tell the time."""
    store = Store.read()
    run = store.run(RUN)
    students = store.students(run["id"])
    teacher = store.teacher_measurement(run["id"])
    assert teacher is not None
    return {
        "state": process.state(run),
        "students": [timeless(student) for student in students],
        "sentences": [examples(store, student["measurement_id"]) for student in students],
        "teacher": {name: teacher[name] for name in ("accuracy", "held", "attacked", "mean_queries")},
        "measurements": len(store.measurements(run["id"], "search")),
        "tensors": [digest(student["weights_sha256"]) for student in students],
    }


def timeless(student: StudentRow) -> dict[str, object]:
    kept = {name: value for name, value in student.items() if name not in TIMES}
    plain: dict[str, object] = json.loads(
        json.dumps(kept | {"training": {**(student["training"] or {}), "seconds": None}})
    )
    return plain


def examples(store: Store, measurement_id: int | None) -> list[dict[str, object]]:
    rows = store.examples(measurement_id) if measurement_id is not None else []
    return [{name: value for name, value in row.items() if name not in ("id", "measurement_id")} for row in rows]


def digest(sha256: str | None) -> str:
    """Of a student's weights, as they lie on the disk."""
    return hashlib.sha256(weights_path(sha256 or "").read_bytes()).hexdigest()


def differences(calm: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Names of what is not as in the undisturbed run."""
    return [name for name in calm if calm[name] != found[name]]


def left_over() -> dict[str, int]:
    """Files of weights that no student has, or whose content is not what their name says, and drafts."""
    known = {student["weights_sha256"] for student in Store.read().students(Store.read().run(RUN)["id"])}
    files = list((home() / "weights").glob("*.safetensors"))
    return {
        "orphans": sum(file.stem not in known for file in files),
        "damaged": sum(hashlib.sha256(file.read_bytes()).hexdigest() != file.stem for file in files),
        "drafts": sum(1 for _ in home().rglob(".*.draft")),
    }


def rounds(results: Path) -> list[dict[str, Any]]:
    if not results.exists():
        return []
    return [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]


def table(results: Path) -> str:
    """What came of all kills, as Markdown."""
    done = rounds(results)
    kills = [kill for one in done for kill in one["kills"]]
    stages = Counter(kill["stage"] for kill in kills)
    states = Counter(kill["state"] or "no run yet" for kill in kills)
    lines = [
        "| | |",
        "| --- | --- |",
        f"| kills, in searches | {len(kills)}, in {len(done)} |",
        f"| searches whose end equals the undisturbed run | {sum(not one['differences'] for one in done)} |",
        f"| state after the kill | {', '.join(f'{state} {count}' for state, count in states.most_common())} |",
        f"| database whole after the kill | {sum(kill['whole'] for kill in kills)} |",
        *(
            f"| {what} left at the end, over all searches | {sum(one['left'][what] for one in done)} |"
            for what in ("orphans", "damaged", "drafts")
        ),
        "",
        "| killed while | times |",
        "| --- | --- |",
        *(f"| {stage} | {count} |" for stage, count in stages.most_common()),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
