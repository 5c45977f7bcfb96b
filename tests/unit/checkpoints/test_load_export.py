"""A finished student comes back as it was measured, and leaves as an ordinary checkpoint."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from rosearch_engine import data
from rosearch_engine.batching import encode_split
from rosearch_engine.checkpoints.export import export
from rosearch_engine.checkpoints.load import load
from rosearch_engine.errors import UserError
from rosearch_engine.inference import accuracy, predict
from rosearch_engine.paths import weights_path
from rosearch_engine.store import Store
from tests.conftest import elsewhere

SENTENCES = ["a quietly moving film", "dull , noisy and far too long , with nothing to say", "fine"]


@pytest.fixture
def student(calm: str) -> str:
    """Name of the calm run's best student."""
    store = Store.read()
    students = store.students(store.run(calm)["id"])
    return next(student["name"] for student in students if student["knee"])


def test_a_student_comes_back_as_it_was_measured(calm: str, student: str, workshop) -> None:
    loaded = load(Store.read(), calm, student)
    facts = loaded.facts
    assert facts is not None
    dataset = data.load(workshop.config.data)
    validation = encode_split(dataset.validation, loaded.tokenizer, loaded.max_length)
    assert accuracy(predict(loaded.model, validation), dataset.validation.labels) == facts["accuracy"]
    assert loaded.classes == dataset.classes
    assert loaded.temperature == facts["temperature"]
    assert sum(p.numel() for p in loaded.model.parameters()) == facts["weights"]
    store = Store.read()
    for example in store.examples(facts["measurement_id"]):
        stored = (example["before"], example["after"])
        said = loaded.victim.probabilities([str(one["text"]) for one in stored])
        for one, row in zip(stored, said, strict=True):
            assert one["probabilities"] == pytest.approx(row.tolist(), abs=1e-5)


def test_the_teacher_comes_back_too(calm: str) -> None:
    store = Store.read()
    loaded = load(store, calm, "teacher")
    measured = store.teacher_measurement(store.run(calm)["id"])
    assert measured is not None
    assert loaded.temperature == measured["temperature"]
    assert loaded.victim.probabilities(SENTENCES).shape == (3, 2)


RELOAD = """
import json, sys
try:
    import rosearch_engine
    sys.exit("the engine is here, so that loading without it cannot be tried")
except ModuleNotFoundError:
    pass
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer
folder, sentences = sys.argv[1], json.loads(sys.argv[2])
tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
model = AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True)
model.eval()
with torch.no_grad():
    logits = [model(**tokenizer(one, return_tensors="pt")).logits[0].tolist() for one in sentences]
config = model.config
print(json.dumps({"logits": logits, "labels": config.id2label, "temperature": config.calibration_temperature,
                  "length": tokenizer.model_max_length, "kind": type(model).__name__}))
"""


def test_an_export_loads_where_the_engine_is_not(
    calm: str, student: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = export(Store.read(), calm, student, tmp_path / "deep" / "student")
    loaded = load(Store.read(), calm, student)
    said = json.loads(elsewhere(RELOAD, str(folder), json.dumps(SENTENCES), folder=tmp_path))
    with torch.no_grad():
        mine = [loaded.model(**loaded.tokenizer(one, return_tensors="pt")).logits[0].tolist() for one in SENTENCES]
    assert np.abs(np.array(said["logits"]) - np.array(mine)).max() == 0.0
    assert said["labels"] == {str(i): name for i, name in enumerate(loaded.classes)}
    assert said["temperature"] == loaded.temperature
    assert said["length"] == loaded.max_length
    assert said["kind"] == "RoSearchForSequenceClassification"


def test_an_export_says_what_was_measured(calm: str, student: str, tmp_path: Path) -> None:
    folder = export(Store.read(), calm, student, tmp_path / "student")
    card = (folder / "README.md").read_text()
    facts = load(Store.read(), calm, student).facts
    assert facts is not None
    assert f"{facts['accuracy']:.1%}" in card
    assert f"{facts['robustness']:.1%}" in card
    assert f"{facts['weights']:,}" in card
    assert str(tmp_path) not in "".join(path.read_text() for path in folder.glob("*.json"))
    assert not [path.name for path in tmp_path.iterdir() if path.name != "student"]
    assert oct((folder).stat().st_mode)[-3:] == "755"
    assert {oct(file.stat().st_mode)[-3:] for file in folder.iterdir()} == {"644"}


def test_an_export_overwrites_nothing(calm: str, student: str, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="not empty"):
        export(Store.read(), calm, student, tmp_path / "mine")
    with pytest.raises(UserError, match="not empty"):
        export(Store.read(), calm, student, tmp_path / "mine" / "thesis.txt")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
    assert export(Store.read(), calm, student, tmp_path / "empty").is_dir()
    with pytest.raises(UserError, match="already a checkpoint"):
        export(Store.read(), calm, "teacher", tmp_path / "teacher")


def test_what_cannot_be_loaded_is_said_in_plain_words(
    calm: str, student: str, workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.read()
    with pytest.raises(UserError, match="no run 'other'"):
        load(store, "other", student)
    with pytest.raises(UserError, match="no student 's9999'"):
        load(store, calm, "s9999")

    # The same store over a copy of the files, which may be damaged.
    copied = tmp_path / "home"
    shutil.copytree(workshop.home / "weights", copied / "weights")
    monkeypatch.setenv("ROSEARCH_HOME", str(copied))
    with pytest.raises(UserError, match="tokenizer is missing"):
        load(store, calm, student)
    shutil.copytree(workshop.home / "tokenizers", copied / "tokenizers")
    path = weights_path(store.student(store.run(calm)["id"], student)["weights_sha256"] or "")
    whole = path.read_bytes()
    load(store, calm, student)
    for damage in (whole[: len(whole) // 2], b"", b"\xff" * 100):
        path.write_bytes(damage)
        with pytest.raises(UserError, match="damaged"):
            load(store, calm, student)
    path.unlink()
    with pytest.raises(UserError, match="missing"):
        load(store, calm, student)


def test_a_queued_student_cannot_be_loaded(home: Path) -> None:
    from rosearch_engine.config import RunConfig
    from tests.unit.store.test_store import add

    store = Store.write()
    run_id = store.create_run("mine", RunConfig())
    add(store, run_id, 1)
    with pytest.raises(UserError, match="no teacher yet"):
        load(store, "mine", "s0001")
    sizes = {"weights": 1, "encoder_weights": 1, "pad": 0, "max_length": 8}
    facts = {"key": "k", "name": "a teacher", "folder": str(home / "gone"), "accuracy": 0.5, "codes": {}, **sizes}
    store.update_run(run_id, teacher=facts)
    with pytest.raises(UserError, match="missing"):
        load(store, "mine", "s0001")
    (home / "gone").mkdir()
    (home / "gone" / "config.json").write_text("{}")
    with pytest.raises(UserError, match="s0001 is queued"):
        load(store, "mine", "s0001")


def test_the_card_tells_which_rows_were_left_out(calm: str, student: str, tmp_path: Path) -> None:
    store = Store.write()
    before = store.run(calm)["dataset"]
    assert before is not None
    store.update_run(store.run(calm)["id"], dataset={**before, "dropped": {"repeated text": 3}})
    try:
        card = (export(store, calm, student, tmp_path / "out") / "README.md").read_text(encoding="utf-8")
    finally:
        store.update_run(store.run(calm)["id"], dataset=before)
    assert "Rows of its data left out: 3 repeated text." in card
