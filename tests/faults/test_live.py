"""A live attack is answered by the student that has the name now, not by one that had it before."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from sqlalchemy import update

from rosearch_engine.errors import UserError
from rosearch_engine.live import worker
from rosearch_engine.paths import weights_path
from rosearch_engine.store import Store
from rosearch_engine.store.models import Artifact, Run

TEXT = "a charming and often funny film that never grows dull"


def said(run: str) -> list[float]:
    answer: list[float] = worker._load(run, "s0001").victim.probabilities([TEXT])[0].tolist()
    return answer


def test_other_weights_of_the_same_name_are_loaded(copied: str, tmp_path: Path) -> None:
    before = said(copied)
    assert worker._load(copied, "s0001") is worker._load(copied, "s0001"), "nothing is loaded twice"
    store = Store.write()
    old = store.student(store.run(copied)["id"], "s0001")["weights_sha256"]
    assert old == store.weights_of(store.run(copied)["id"], "s0001")
    tensors = {name: -value for name, value in load_file(weights_path(old or "")).items()}
    save_file(tensors, tmp_path / "other")
    content = (tmp_path / "other").read_bytes()
    new = hashlib.sha256(content).hexdigest()
    weights_path(new).write_bytes(content)
    with store.transaction() as session:
        session.execute(update(Artifact).where(Artifact.sha256 == old).values(sha256=new))
    assert said(copied) != before


def test_a_run_of_the_same_name_is_another_one(copied: str) -> None:
    before = worker._load(copied, "s0001")
    store = Store.write()
    with store.transaction() as session:
        session.execute(update(Run).where(Run.name == copied).values(created=Run.created + 1))
    assert worker._load(copied, "s0001") is not before


@pytest.mark.parametrize("student", ["s0001", "teacher"])
def test_a_deleted_runs_student_does_not_answer(copied: str, student: str) -> None:
    worker._load(copied, student)
    Store.write().delete_run(copied)
    with pytest.raises(UserError, match="no run"):
        worker._load(copied, student)


def test_weights_are_found_by_every_name_of_a_student(calm: str) -> None:
    store = Store.read()
    run_id = store.run(calm)["id"]
    for student in store.students(run_id):
        for name in (student["name"], str(student["number"]), student["digest"]):
            assert store.weights_of(run_id, name) == store.student(run_id, name)["weights_sha256"]
    assert store.weights_of(run_id, "s9999") is store.weights_of(run_id, "teacher") is None
