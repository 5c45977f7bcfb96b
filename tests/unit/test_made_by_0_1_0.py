"""A recorded run and an exported checkpoint of 0.1.0 open in the program of today; its stores do in store/."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from rosearch_engine.checkpoints.load import load
from rosearch_engine.recorded.unpack import unpack
from rosearch_engine.runs import process
from rosearch_engine.store import Store
from rosearch_engine.store.rows import copies_loss
from rosearch_engine.student.modeling import RoSearchForSequenceClassification
from tests.conftest import ROOT, elsewhere

MADE_BEFORE = ROOT / "tests" / "data" / "made_by_0.1.0"

RELOAD = """
import importlib.util, json, sys
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

folder, sentences = sys.argv[1], json.loads(sys.argv[2])
tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
model = AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True).eval()
with torch.no_grad():
    print(json.dumps(model(**tokenizer(sentences, padding=True, return_tensors="pt")).logits.tolist()))
if importlib.util.find_spec("rosearch_engine"):
    print("the engine is here", file=sys.stderr)
"""


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    """What 0.1.0 itself said: a student's logits for three sentences, and how much there is to read."""
    return json.loads((MADE_BEFORE / "expected.json").read_text(encoding="utf-8"))


def logits(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, sentences: list[str]) -> np.ndarray:
    with torch.no_grad():
        return model(**tokenizer(sentences, padding=True, return_tensors="pt")).logits.numpy()


def test_a_recorded_run_is_brought_in_and_its_student_answers_as_before(home: Path, expected: dict[str, Any]) -> None:
    assert unpack(MADE_BEFORE / "run.zip") == "tiny"
    store = Store.read()
    run = store.run("tiny")
    assert process.state(run) == "recorded"
    students = store.students(run["id"])
    measurements = [row for purpose in ("search", "held_out") for row in store.measurements(run["id"], purpose)]
    examples = [example for row in measurements for example in store.examples(row["measurement_id"])]
    assert (len(students), len(measurements), len(examples)) == tuple(
        expected["rows"][table] for table in ("candidate", "measurement", "attack_example")
    )
    assert all(copies_loss(student) is None for student in students), "0.1.0 did not measure it"
    loaded = load(store, "tiny", expected["student"])
    said = logits(loaded.model, loaded.tokenizer, expected["sentences"])
    # Its weights travel in half precision.
    np.testing.assert_allclose(said, expected["logits"], atol=0.01)


def test_an_exported_checkpoint_answers_as_before_without_the_engine(tmp_path: Path, expected: dict[str, Any]) -> None:
    said = elsewhere(RELOAD, str(MADE_BEFORE / "checkpoint"), json.dumps(expected["sentences"]), folder=tmp_path)
    np.testing.assert_allclose(json.loads(said), expected["logits"], atol=1e-5)


def test_an_exported_checkpoint_answers_as_before_in_todays_model(expected: dict[str, Any]) -> None:
    folder = MADE_BEFORE / "checkpoint"
    model = RoSearchForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    np.testing.assert_allclose(logits(model, tokenizer, expected["sentences"]), expected["logits"], atol=1e-5)
