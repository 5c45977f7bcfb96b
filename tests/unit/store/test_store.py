"""The store: what was written comes back, readers change nothing, damage is said in plain words."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from rosearch_engine.config import RunConfig, SpaceConfig, validate
from rosearch_engine.errors import UserError
from rosearch_engine.genome import Genome, Space, cost
from rosearch_engine.genome.operators import sample
from rosearch_engine.objectives import wilson
from rosearch_engine.paths import weights_path
from rosearch_engine.store import Store
from rosearch_engine.store.database import address_without_password, database, sqlite_file
from rosearch_engine.store.repo import check_name
from rosearch_engine.store.rows import Example, NewMeasurement, ProtocolRow, copies_loss
from tests.property.strategies import FRAME

SPACE = Space.of(SpaceConfig(), FRAME)


def genome(seed: int) -> Genome:
    return sample(SPACE, np.random.default_rng(seed))


def add(store: Store, run_id: int, number: int) -> int:
    one = genome(number)
    row = store.add_candidate(
        run_id, number, one, cost(one, FRAME), origin="sample", parents=(), change="", asked_after=number - 1
    )
    assert (row["number"], row["status"], row["digest"]) == (number, "queued", one.digest)
    return row["id"]


def measured(accuracy: float = 0.8, held: int = 3, attacked: int = 10) -> NewMeasurement:
    return {
        "seed": 5,
        "protocol": cast(ProtocolRow, {"recipe": "pwws"}),
        "accuracy": accuracy,
        "accuracy_n": 100,
        "robustness": held / attacked,
        "held": held,
        "attacked": attacked,
        "calibrated_held": None,
        "raw_held": None,
        "one_swap_held": None,
        "certified": None,
        "success_rate": None,
        "mean_queries": 12.5,
        "temperature": 1.5,
    }


EXAMPLE: Example = {
    "sentence": 17,
    "outcome": "fooled",
    "label": 1,
    "before": {"text": "naïve 🎬", "class": 1, "probabilities": [0.1, 0.9]},
    "after": {"text": "סרט", "class": 0, "probabilities": [0.6, 0.4]},
    "queries": 31,
    "reason": "",
    "raw_outcome": None,
    "raw_queries": None,
    "swaps": 3,
    "flips": 1,
    "worst_swap": {"text": "סרט", "class": 0, "probabilities": [0.6, 0.4]},
    "certified": None,
}


def finish(
    store: Store,
    candidate: int,
    told: int | None,
    sha256: str = "ab" * 32,
    more: Any = None,
    **values: Any,
) -> None:
    store.finish_candidate(
        candidate,
        told,
        weights_file=(sha256, 1234),
        latency_ms=1.5,
        training={"steps": 3, "curve": [[1, 0.5]]} | (more or {}),
        seconds={"distil": 2.0},
        measurements=[measured(**values)],
        examples=[EXAMPLE],
    )


def test_the_loss_on_copies_is_the_trainings_own_and_that_of_older_stores_is_unknown(home: Path) -> None:
    from rosearch_engine.report import summary, table_rows

    store = Store.write()
    run_id = store.create_run("first", RunConfig())
    for told, more in enumerate([{}, {"adversarial": None}, {"adversarial": (0.5, 0.75)}], start=1):
        number = add(store, run_id, told)
        header, _ = table_rows(summary(store, store.run("first"), "running"))
        assert "loss on copies" not in header
        finish(store, number, told, more=more)
    add(store, run_id, 4)
    students = Store.read().students(run_id)
    assert [copies_loss(student) for student in students] == [None, None, (0.5, 0.75), None]
    what = summary(store, store.run("first"), "running")
    header, rows = table_rows(what)
    assert header[-1] == "loss on copies"
    assert {row[0]: row[-1] for row in rows} == {"s0001": "", "s0002": "", "s0003": "0.50 / 0.75", "s0004": ""}
    assert {len(row) for row in rows} == {len(header)}
    assert any("one gradient step" in line for line in what["headline"])


def test_a_run_and_its_students_come_back(home: Path) -> None:
    store = Store.write()
    config = RunConfig()
    run_id = store.create_run("first", config)
    done, failed = add(store, run_id, 1), add(store, run_id, 2)
    add(store, run_id, 3)
    finish(store, done, told=1)
    store.fail_candidate(failed, 2, "it ran out of memory")
    store.measure(run_id, None, measured(accuracy=0.95), [])

    reader = Store.read()
    run = reader.run("first")
    assert validate(run["config"]) == config
    first, second, third = reader.students(run_id)
    assert [student["status"] for student in (first, second, third)] == ["done", "failed", "queued"]
    assert Genome.from_dict(first["genome"]) == genome(1)
    assert first["digest"] == genome(1).digest
    assert first["weights"] == cost(genome(1), FRAME).weights
    assert first["weights_sha256"] == "ab" * 32
    assert first["accuracy_interval"] == pytest.approx(wilson(80, 100))
    assert first["robustness_interval"] == pytest.approx(wilson(3, 10))
    assert (first["front"], first["knee"]) == (True, True)
    assert second["error"] == "it ran out of memory"
    assert third["accuracy"] is None
    assert not third["front"]
    assert first["status"] == "done"
    example = reader.examples(first["measurement_id"])[0]
    assert example == {**EXAMPLE, "id": example["id"], "measurement_id": first["measurement_id"]}
    teacher = reader.teacher_measurement(run_id)
    assert teacher is not None
    assert teacher["accuracy"] == 0.95
    assert [row["students"] for row in reader.runs()] == [1]
    assert [event["kind"] for event in reader.events(run_id)] == ["created", "student", "failed"]


def test_a_student_goes_by_name_number_and_digest(home: Path) -> None:
    store = Store.write()
    run_id = store.create_run("first", RunConfig())
    add(store, run_id, 7)
    for name in ("s0007", "7", genome(7).digest):
        assert store.student(run_id, name)["number"] == 7
    with pytest.raises(UserError, match="no student 's0008'"):
        store.student(run_id, "s0008")


def test_front_and_knee_are_told(home: Path) -> None:
    store = Store.write()
    run_id = store.create_run("first", RunConfig())
    values = [(0.9, 1), (0.5, 9), (0.4, 1)]
    for number, (accuracy, held) in enumerate(values, start=1):
        one = genome(1)
        candidate = store.add_candidate(
            run_id, number, one, cost(one, FRAME), origin="sample", parents=(), change="", asked_after=0
        )
        finish(store, candidate["id"], number, accuracy=accuracy, held=held)
    students = store.students(run_id)
    assert [student["front"] for student in students] == [True, True, False]
    assert sum(student["knee"] for student in students) == 1


def test_a_taken_name_is_refused_and_nothing_lost(home: Path) -> None:
    store = Store.write()
    store.create_run("mine", RunConfig())
    with pytest.raises(UserError, match="taken"):
        Store.write().create_run("mine", RunConfig())
    assert [run["name"] for run in store.runs()] == ["mine"]


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "a b", "x" * 61, "a\n", "a\\b"])
def test_a_name_that_is_no_folder_is_refused(home: Path, name: str) -> None:
    with pytest.raises(UserError, match="not a valid run name"):
        Store.write().create_run(name, RunConfig())
    check_name("größe-2.b_C")


def test_an_unknown_run_names_those_there_are(home: Path) -> None:
    with pytest.raises(UserError, match="no runs yet"):
        Store.read().run("mine")
    Store.write().create_run("yours", RunConfig())
    with pytest.raises(UserError, match="yours"):
        Store.read().run("mine")


def test_a_reader_cannot_write(home: Path) -> None:
    run_id = Store.write().create_run("mine", RunConfig())
    reader = Store.read()
    with pytest.raises(AssertionError):
        reader.log(run_id, "note", "hello")
    with pytest.raises(OperationalError, match="readonly"), reader._engine.begin() as connection:
        connection.execute(text("DELETE FROM run"))
    assert reader.run("mine")["id"] == run_id


def test_reading_where_nothing_is_yet_shows_an_empty_store(home: Path) -> None:
    assert Store.read().runs() == []


def test_a_whole_transaction_or_none_of_it(home: Path) -> None:
    store = Store.write()
    run_id = store.create_run("mine", RunConfig())
    candidate = add(store, run_id, 1)
    with pytest.raises(IntegrityError):
        store.finish_candidate(
            candidate,
            1,
            weights_file=("cd" * 32, 1),
            latency_ms=1.0,
            training={},
            seconds={},
            measurements=[measured()],
            examples=[EXAMPLE, cast(Example, {**EXAMPLE, "outcome": None})],
        )
    student = Store.read().students(run_id)[0]
    assert (student["status"], student["told"], student["weights_sha256"]) == ("queued", None, None)
    assert [event["kind"] for event in store.events(run_id)] == ["created"]


def test_equal_weights_are_kept_once(home: Path) -> None:
    store = Store.write()
    run_id = store.create_run("mine", RunConfig())
    for number in (1, 2):
        finish(store, add(store, run_id, number), number)
    assert {student["weights_sha256"] for student in store.students(run_id)} == {"ab" * 32}
    assert weights_path("ab" * 32) == home / "weights" / ("ab" * 32 + ".safetensors")


def test_deleting_a_run_takes_its_students_along(home: Path) -> None:
    store = Store.write()
    run_id = store.create_run("mine", RunConfig())
    finish(store, add(store, run_id, 1), 1)
    other = store.create_run("other", RunConfig())
    finish(store, add(store, other, 1), 1)
    assert store.delete_run("mine") == [], "the other run has the same weights"
    assert store.delete_run("other") == ["ab" * 32]
    assert store.runs() == []
    assert store.students(run_id) == []
    assert store.events(run_id) == []


def test_a_damaged_database_is_said_in_plain_words(home: Path) -> None:
    (home / "rosearch.db").write_bytes(b"this is no database" * 100)
    for opened in (Store.write, Store.read):
        with pytest.raises(UserError) as caught:
            opened()
        assert caught.value.field == "database"
        assert "move rosearch.db away" in caught.value.remedy
    assert (home / "rosearch.db").read_bytes().startswith(b"this is no database")


def test_the_address_may_be_set(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROSEARCH_STORE", f"sqlite:///{tmp_path / 'deep' / 'elsewhere.db'}")
    assert database().endswith("elsewhere.db")
    Store.write().create_run("mine", RunConfig())
    assert (tmp_path / "deep" / "elsewhere.db").exists()
    assert Store.read().run("mine")["name"] == "mine"
    assert not (home / "rosearch.db").exists()


def test_a_homes_name_may_have_any_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a b", "50%25", "what?", "x#y", "größe", "a&b=c"):
        monkeypatch.setenv("ROSEARCH_HOME", str(tmp_path / name))
        Store.write().create_run("mine", RunConfig())
        assert [run["name"] for run in Store.read().runs()] == ["mine"]
        assert (tmp_path / name / "rosearch.db").exists()
    assert len(list(tmp_path.iterdir())) == 6


@pytest.mark.parametrize("opened", [Store.write, Store.read])
@pytest.mark.parametrize("address", ["nonsense", "oracle://me:pass/word@host/db", "://me:pass@host"])
def test_an_address_that_is_none_is_said_without_its_password(opened: Any, address: str, home: Path) -> None:
    with pytest.raises(UserError, match="cannot be used") as caught:
        opened(address)
    assert caught.value.field == "ROSEARCH_STORE"
    assert "pass" not in str(caught.value)


def test_readers_see_whole_results_while_another_process_writes(home: Path) -> None:
    """A reader beside a busy writer is never locked out and never sees half a student."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER], env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    )
    seen: list[int] = []
    while writer.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            writer.wait(0.005)
        students = Store.read().students(1) if (home / "rosearch.db").exists() else []
        for student in students:
            if student["status"] == "done":
                assert student["robustness"] is not None
                assert student["weights_sha256"]
        seen.append(sum(student["status"] == "done" for student in students))
    assert writer.returncode == 0
    assert len(Store.read().students(1)) == 60
    assert seen == sorted(seen)
    assert any(0 < done < 60 for done in seen), "the writer was too fast to be watched"


WRITER = """
from rosearch_engine.config import RunConfig
from rosearch_engine.store import Store
from rosearch_engine.store.rows import Example, NewMeasurement, ProtocolRow
from tests.unit.store.test_store import add, finish

store = Store.write()
run_id = store.create_run("busy", RunConfig())
for number in range(1, 61):
    finish(store, add(store, run_id, number), number)
"""


def test_threads_may_write_beside_each_other(home: Path) -> None:
    """The heartbeat's thread and the search write to one store."""
    store = Store.write()
    run_id = store.create_run("mine", RunConfig())

    def write(kind: str) -> None:
        for number in range(20):
            store.log(run_id, kind, str(number))

    threads = [threading.Thread(target=write, args=(kind,)) for kind in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kinds = [event["kind"] for event in store.events(run_id, last=1000)]
    assert [kinds.count(kind) for kind in ("a", "b", "c")] == [20, 20, 20]


def test_marks_are_kept_and_the_last_word_counts(home: Path) -> None:
    store = Store.write()
    run_id = store.create_run("mine", RunConfig())
    store.mark(run_id, "s0001", "pwws", "a film", "a movie", True)
    store.mark(run_id, "s0001", "pwws", "a film", "a flick", False)
    store.mark(run_id, "s0001", "pwws", "a film", "a movie", False)
    assert [(mark["perturbed"], mark["kept"]) for mark in store.marks(run_id)] == [
        ("a flick", False),
        ("a movie", False),
    ]
    store.delete_run("mine")
    assert store.marks(run_id) == []


@pytest.mark.parametrize(
    "form", ["sqlite+pysqlite:///{}", "sqlite:///{}?timeout=5", "sqlite:///{}?check_same_thread=true"]
)
def test_an_address_may_name_its_driver_and_options(form: str, home: Path, tmp_path: Path) -> None:
    address = form.format(tmp_path / "mine.db")
    Store.write(address).create_run("mine", RunConfig())
    assert [run["name"] for run in Store.read(address).runs()] == ["mine"]
    assert (tmp_path / "mine.db").is_file()
    assert sqlite_file(address) == tmp_path / "mine.db"


@pytest.mark.parametrize("opened", [Store.write, Store.read])
@pytest.mark.parametrize(
    "address",
    ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x.db?mode=memory&uri=true", "sqlite+pysqlite:///:memory:"],
)
def test_a_database_in_memory_is_refused(
    opened: Any, address: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    with pytest.raises(UserError, match="no ordinary file cannot be used"):
        opened(address)
    assert list(empty.iterdir()) == []


HIDDEN = "sekret"


@pytest.mark.parametrize("opened", [Store.write, Store.read])
@pytest.mark.parametrize(
    "address",
    [
        f"postgresql+psycopg://u:{HIDDEN}:x@h:notaport/x",
        f"postgresql+psycopg://u:p@{HIDDEN}:x@h:notaport/x",
        f"postgresql+nodriver://u:{HIDDEN}@h/x",
        f"mysql://u:{HIDDEN}@h/x?password={HIDDEN}",
        f"u:{HIDDEN}@h",
        f"sqlite+nodriver:///x.db?key={HIDDEN}",
        f"postgresql+psycopg://u:{HIDDEN}@127.0.0.1:9/x?connect_timeout=2&nosuch={HIDDEN}",
    ],
)
def test_no_address_is_echoed_with_a_password(opened: Any, address: str, home: Path) -> None:
    with pytest.raises(UserError) as caught:
        opened(address)
    assert HIDDEN not in str(caught.value)
    assert HIDDEN not in address_without_password(address)
    assert caught.value.remedy


def test_reading_makes_no_file_and_no_folder(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROSEARCH_STORE", f"sqlite:///{tmp_path / 'nowhere' / 'mine.db'}")
    reader = Store.read()
    assert reader.runs() == []
    with pytest.raises(UserError, match="no runs yet"):
        reader.run("mine")
    assert list(tmp_path.iterdir()) == [home]
    assert list(home.iterdir()) == []
    Store.write().create_run("mine", RunConfig())
    assert [run["name"] for run in reader.runs()] == ["mine"], "a reader sees what was made since"
