"""The transfer matrix: one model's adversarial sentences, replayed on another, sentence by sentence."""

from __future__ import annotations

from typing import Any

import pytest

from rosearch_engine.checkpoints.load import load
from rosearch_engine.config import RunConfig
from rosearch_engine.errors import UserError
from rosearch_engine.rescore.rows import Transfer
from rosearch_engine.rescore.transfer import LABEL, table_rows, transfer
from rosearch_engine.store import Store
from rosearch_engine.store.rows import ExampleRow
from tests.conftest import CALM, Workshop, rosearch


@pytest.fixture(scope="module")
def matrix(_calm: str, made_workshop: Workshop) -> Transfer:
    with made_workshop.entered():
        return transfer(CALM, ["s0001", "s0003"])


def fooled(name: str) -> list[ExampleRow]:
    """The stored sentences that fooled a model of the calm run."""
    store = Store.read()
    rows = store.measurements(store.run(CALM)["id"], "search")
    (own,) = [row for row in rows if row["name"] == name]
    return [row for row in store.examples(own["measurement_id"]) if row["outcome"] == "fooled"]


def test_it_is_labelled_a_diagnostic(matrix: Transfer) -> None:
    assert matrix["label"] == LABEL
    assert "diagnostic" in LABEL
    assert matrix["models"] == list(matrix["rows"]) == ["s0001", "s0003", "teacher"]


def test_a_models_own_sentences_all_fool_it(matrix: Transfer, workshop: Workshop) -> None:
    for name in matrix["models"]:
        count = len(fooled(name))
        assert matrix["rows"][name][name] == {"share": 1.0 if count else None, "n": count}
    assert sum(len(fooled(name)) for name in matrix["models"])


def test_a_cell_is_what_asking_one_by_one_gives(matrix: Transfer, workshop: Workshop) -> None:
    store = Store.read()
    for asked in matrix["models"]:
        victim = load(store, CALM, asked).victim
        for author in matrix["models"]:
            right = wrong = 0
            for example in fooled(author):
                texts = [str(one["text"]) for one in (example["before"], example["after"])]
                before, after = (int(victim.probabilities([text]).argmax()) for text in texts)
                if before == example["label"]:
                    right += 1
                    wrong += after != example["label"]
            share = wrong / right if right else None
            assert matrix["rows"][author][asked] == {"share": share and pytest.approx(share), "n": right}


def test_by_default_the_front_and_the_chains_are_asked(calm: str) -> None:
    store = Store.read()
    students = store.students(store.run(calm)["id"])
    models = transfer(calm)["models"]
    assert models[-1] == "teacher"
    assert set(models[:-1]) == {
        s["name"] for s in students if s["front"] or s["knee"] or s["origin"] in ("bag", "chain")
    }


def test_the_command_prints_the_matrix(calm: str, matrix: Transfer) -> None:
    answer = rosearch("transfer", calm, "--students", "s0001, s0003", "--recipe", "pwws", "--json")
    assert answer.code == 0, answer.err
    assert answer.json == matrix
    text = rosearch("transfer", calm, "--students", "s0001,s0003")
    assert text.code == 0, text.err
    assert "diagnostic" in text.out
    header, rows = table_rows(matrix)
    assert header == ["sentences from", "s0001", "s0003", "teacher"]
    for row in rows:
        assert all(word in text.out for word in row)


def test_what_cannot_be_is_refused(calm: str, home_without_students: str) -> None:
    with pytest.raises(UserError, match="no run 'none'"):
        transfer("none")
    with pytest.raises(UserError, match="no measured student"):
        transfer(home_without_students)


@pytest.fixture
def home_without_students(home: Any) -> str:
    Store.write().create_run("mine", RunConfig())
    return "mine"


def test_a_recipe_that_attacked_nobody_is_refused(calm: str) -> None:
    with pytest.raises(UserError, match="Choose one of: pwws") as error:
        transfer(calm, recipe="deepwordbug")
    assert error.value.field == "recipe"
    with pytest.raises(UserError, match="s9999"):
        transfer(calm, ["s9999"])
