"""Re-scoring: the elite on sentences that no search has seen, again and again without measuring anything twice."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from rosearch_engine.checkpoints.load import load as load_student
from rosearch_engine.config import RunConfig
from rosearch_engine.data import load
from rosearch_engine.data.held_out import load_held_out
from rosearch_engine.errors import UserError
from rosearch_engine.objectives import wilson
from rosearch_engine.progress import Progress, Stage, Stopped
from rosearch_engine.rescore.figures import held_out_figures, survivors
from rosearch_engine.rescore.run import rescore, training_seed
from rosearch_engine.runs.identity import holder
from rosearch_engine.sealed import seal
from rosearch_engine.statistics.paired import mcnemar, success_curve
from rosearch_engine.store import Store
from rosearch_engine.store.models import BAG, CHAIN
from rosearch_engine.store.rows import OwnedMeasurementRow, is_measured, share
from tests.conftest import CALM, Workshop, copy_home, rosearch

ASKED: dict[str, Any] = {"n": 8, "seeds": 2, "recipes": ["pwws", "deepwordbug"], "top": 3}


@contextmanager
def copy_of(workshop: Workshop, folder: Path) -> Iterator[Path]:
    """The workshop's home once more, in force, to be written to."""
    copy_home(workshop.home, folder)
    with workshop.entered(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROSEARCH_HOME", str(folder))
        yield folder


@pytest.fixture
def copied(calm: str, made_workshop: Workshop, tmp_path: Path) -> Iterator[str]:
    """The calm run in a home of its own."""
    with copy_of(made_workshop, tmp_path / "home"):
        yield calm


@pytest.fixture(scope="module")
def once(_calm: str, made_workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A home in which the calm run has been re-scored, and what was said."""
    with copy_of(made_workshop, tmp_path_factory.mktemp("rescored") / "home") as home:
        return home, json.loads(json.dumps(rescore(CALM, **ASKED)))


@pytest.fixture
def said(once: tuple[Path, dict[str, Any]], workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("ROSEARCH_HOME", str(once[0]))
    return once[1]


def measured(run: str) -> list[OwnedMeasurementRow]:
    store = Store.read()
    return store.measurements(store.run(run)["id"], "held_out")


def without_ids(students: dict[str, Any]) -> dict[str, Any]:
    return {
        name: student
        | {
            "recipes": {
                recipe: {k: v for k, v in figure.items() if k != "measurement_id"}
                for recipe, figure in student["recipes"].items()
            }
        }
        for name, student in json.loads(json.dumps(students)).items()
    }


# The held-out set


def test_a_search_sees_no_held_out_sentence(calm: str, workshop: Workshop) -> None:
    held_out = set(load_held_out(workshop.config.data).texts)
    dataset = load(workshop.config.data)
    store = Store.read()
    run = store.run(calm)
    assert len(held_out) == 60
    assert store.measurements(run["id"], "held_out") == []
    seen = {
        said["text"]
        for row in store.measurements(run["id"], "search")
        for example in store.examples(row["measurement_id"])
        for said in (example["before"], example["after"])
    }
    assert len(seen & set(dataset.search_attack.texts)) == 12
    assert not seen & held_out


# What is measured


def test_the_elite_the_chains_and_the_teacher_are_measured(said: dict[str, Any]) -> None:
    store = Store.read()
    run = store.run(CALM)
    students = {student["name"]: student for student in store.students(run["id"]) if is_measured(student)}
    front = sorted((s for s in students.values() if s["front"]), key=lambda s: (-s["robustness"], s["number"]))
    best = {student["name"] for student in front[: ASKED["top"]]}
    knee = next(name for name, student in students.items() if student["knee"])
    baselines = {name for name, student in students.items() if student["origin"] in (BAG, CHAIN)}
    assert baselines == {"s0001", "s0002"}
    assert set(said["students"]) == best | {knee, "teacher"} | baselines
    assert {said["students"][name]["role"] for name in baselines - best - {knee}} <= {"baseline"}
    assert said["students"]["teacher"]["role"] == "teacher"
    assert (said["n"], said["available"], said["seeds"], said["notes"]) == (8, 60, 2, [])
    for name, student in said["students"].items():
        assert list(student["recipes"]) == ["pwws", "deepwordbug"]
        for recipe, figure in student["recipes"].items():
            assert figure["attacked"] == 8
            assert len(figure["by_seed"]) == (1 if name == "teacher" else 2)
            assert (figure["seed_spread"] is None) == (name == "teacher")
            assert figure["protocol"]["recipe"] == recipe


def test_every_model_meets_the_same_held_out_sentences(said: dict[str, Any], workshop: Workshop) -> None:
    store = Store.read()
    expected = load_held_out(workshop.config.data).head(8)
    rows = measured(CALM)
    assert len(rows) == 2 * (2 * (len(said["students"]) - 1) + 1)
    for row in rows:
        examples = store.examples(row["measurement_id"])
        assert [example["sentence"] for example in examples] == expected.ids.tolist()
        assert [example["before"]["text"] for example in examples] == list(expected.texts)
        assert [example["label"] for example in examples] == expected.labels.tolist()
        right = sum(example["outcome"] != "already wrong" for example in examples)
        assert row["accuracy"] == pytest.approx(right / 8)


def test_figures_follow_from_what_is_stored(said: dict[str, Any]) -> None:
    store = Store.read()
    run = store.run(CALM)
    own = {row["name"]: row for row in store.measurements(run["id"], "search")}
    for name, student in said["students"].items():
        for recipe, figure in student["recipes"].items():
            rows = [r for r in measured(CALM) if (r["name"], r["protocol"]["recipe"]) == (name, recipe)]
            seeds = [own[name]["seed"], training_seed(own[name]["seed"], 1)][: len(rows)]
            by_seed = {row["seed"]: row for row in rows}
            assert figure["by_seed"] == [by_seed[seed]["robustness"] for seed in seeds]
            first = by_seed[seeds[0]]
            assert figure["robustness"] == pytest.approx(statistics.mean(figure["by_seed"]))
            assert figure["interval"] == pytest.approx(wilson(first["held"], 8))
            assert figure["calibrated"] == pytest.approx(
                statistics.mean(share(r, "calibrated_held") or 0.0 for r in rows)
            )
            assert figure["gap"] == pytest.approx(figure["raw"] - figure["calibrated"])
            assert figure["robustness"] <= figure["calibrated"] <= figure["accuracy"]
            examples = store.examples(first["measurement_id"])
            curve = success_curve([(e["outcome"], e["queries"]) for e in examples], budget=2000)
            assert figure["curve"] == [list(corner) for corner in curve]
            assert figure["curve"][-1] == [2000, pytest.approx(1 - (share(first, "calibrated_held") or 0.0))]
            if recipe == "pwws":
                assert figure["one_swap"] is not None
                assert (figure["search"], figure["search_attacked"]) == (own[name]["robustness"], 12)
                assert figure["difference"] == pytest.approx(figure["robustness"] - own[name]["robustness"])
            else:
                assert (figure["search"], figure["difference"]) == (None, None)


def test_the_stored_student_is_the_first_and_the_others_are_new(said: dict[str, Any], workshop: Workshop) -> None:
    store = Store.read()
    loaded = load_student(store, CALM, "s0001")
    held_out = load_held_out(workshop.config.data).head(8)
    right = loaded.victim.probabilities(held_out.texts).argmax(axis=1) == held_out.labels
    rows = [row for row in measured(CALM) if row["name"] == "s0001" and row["protocol"]["recipe"] == "pwws"]
    assert rows[0]["temperature"] == loaded.temperature
    assert rows[0]["accuracy"] == pytest.approx(right.mean())
    assert rows[1]["temperature"] != loaded.temperature


def test_elites_are_compared_with_the_bag_of_words_and_the_chain_nearest_in_weights(said: dict[str, Any]) -> None:
    store = Store.read()
    elites = [name for name, student in said["students"].items() if student["role"] == "elite"]
    assert elites
    assert [(row["student"], row["recipe"]) for row in said["comparisons"]] == [
        (name, recipe) for name in elites for _ in ("s0001", "s0002") for recipe in said["recipes"]
    ]
    assert {row["baseline"] for row in said["comparisons"]} == {"s0001", "s0002"}, "the bag of words, and the chain"
    for row in said["comparisons"]:
        assert row["n"] == 8
        flags = [
            survivors(store, said["students"][name]["recipes"][row["recipe"]]["measurement_id"])
            for name in (row["student"], row["baseline"])
        ]
        assert flags[0].keys() == flags[1].keys()
        found = mcnemar(list(flags[0].values()), list(flags[1].values()))
        assert (row["only_student"], row["only_baseline"], row["p"]) == found
    (correlation,) = said["rank_correlations"]
    assert (correlation["recipe_a"], correlation["recipe_b"]) == ("pwws", "deepwordbug")
    assert correlation["n"] == len(said["students"]) - 1


def test_figures_are_read_back_from_the_store_alone(said: dict[str, Any]) -> None:
    store = Store.read()
    run_id = store.run(CALM)["id"]
    assert json.loads(json.dumps(held_out_figures(store, run_id))) == said["students"]


def test_before_the_first_rescore_there_is_nothing_to_read(calm: str) -> None:
    store = Store.read()
    assert held_out_figures(store, store.run(calm)["id"]) == {}


def test_the_report_goes_on_with_the_searchs_own_figures(said: dict[str, Any], workshop: Workshop) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROSEARCH_HOME", str(workshop.home))
        before = rosearch("report", CALM, "--json").json
    after = rosearch("report", CALM, "--json").json
    for name in ("accuracy", "robustness", "attacked"):
        assert after["teacher"][name] == before["teacher"][name]
    for name in ("accuracy", "robustness", "attacked", "front", "knee"):
        assert [s[name] for s in after["students"]] == [s[name] for s in before["students"]]


# Going on


class Interrupted(Progress):
    """Is asked to stop after so many attacked sentences of a recipe."""

    def __init__(self, recipe: str, after: int) -> None:
        super().__init__()
        self._recipe, self._left = recipe, after

    def advance(self, done: int, /, **facts: Any) -> None:
        if self.facts()["detail"] == self._recipe:
            self._left -= 1
            if self._left == 0:
                self.stop()
        super().advance(done, **facts)


class Idle(Progress):
    """Cannot be asked to attack or train."""

    def stage(self, name: Stage, total: int = 0, unit: str = "", **facts: Any) -> None:
        assert name in ("data",), f"{name} was begun"
        super().stage(name, total, unit, **facts)


def test_what_was_cut_short_goes_on_and_nothing_is_measured_twice(said: dict[str, Any], copied: str) -> None:
    with pytest.raises(Stopped):
        rescore(copied, **ASKED, progress=Interrupted("deepwordbug", after=8 + 3))
    first = measured(copied)
    # The first student under both recipes, the second under the first one; of the fourth attack nothing.
    assert len(first) == 3
    with pytest.raises(Stopped):
        rescore(copied, **ASKED, progress=Interrupted("pwws", after=8 * 3))
    again = measured(copied)
    assert [row["measurement_id"] for row in again[:3]] == [row["measurement_id"] for row in first]
    assert len(again) > 4
    ended = rescore(copied, **ASKED)
    rows = measured(copied)
    assert len({(row["candidate_id"], row["seed"], row["protocol"]["hash"]) for row in rows}) == len(rows)
    assert [row["measurement_id"] for row in rows[: len(again)]] == [row["measurement_id"] for row in again]
    assert without_ids(ended["students"]) == without_ids(said["students"])

    once_more = rescore(copied, **ASKED, progress=Idle())
    assert once_more["students"] == ended["students"]
    assert measured(copied) == rows


def test_fewer_seeds_or_recipes_are_a_part_of_what_is_there(said: dict[str, Any]) -> None:
    part = rescore(CALM, n=8, seeds=1, recipes=["pwws"], students=["s0001"], progress=Idle())
    assert list(part["students"]) == ["s0001", "s0002", "teacher"], "the bag of words, the chain, the teacher"
    assert list(part["students"]["s0001"]["recipes"]) == ["pwws"]


def test_a_training_that_diverges_is_named_and_the_rest_goes_on(copied: str) -> None:
    for file in Path(os.environ["ROSEARCH_HOME"]).glob("outputs/*/logits.npy"):
        said_by_teacher = np.load(file, mmap_mode="r+")
        said_by_teacher[:] = np.nan
        said_by_teacher.flush()
        seal(file.parent)
    ended = rescore(copied, n=5, seeds=2, recipes=["deepwordbug"], students=["s0002"])
    (note,) = ended["notes"]
    assert "s0002, training 2: its training diverged" in note
    trained = {name: len(s["recipes"]["deepwordbug"]["by_seed"]) for name, s in ended["students"].items()}
    assert trained == {"s0001": 2, "s0002": 1, "teacher": 1}, "the bag of words asks no teacher"


# By the command line


def test_the_command_says_when_there_are_fewer_sentences(copied: str) -> None:
    answer = rosearch("rescore", copied, "--seeds", "1", "--recipes", "deepwordbug", "--students", "s0003", "--json")
    assert answer.code == 0, answer.err
    assert (answer.json["n"], answer.json["available"]) == (60, 60)
    assert "60 are all there are" in answer.json["notes"][0]
    assert list(answer.json["students"]) == ["s0003", "s0001", "s0002", "teacher"]
    text = rosearch("rescore", copied, "--seeds", "1", "--recipes", "deepwordbug", "--students", "s0003")
    assert text.code == 0, text.err
    for word in ("s0003", "s0001", "s0002", "teacher", "60 held-out sentences", "60 are all there are", "McNemar"):
        assert word in text.out


def test_ctrl_c_is_answered_in_words(copied: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed(self: Progress, done: int, **facts: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "advance", pressed)
    answer = rosearch("rescore", copied, "--n", "8", "--seeds", "1", "--recipes", "deepwordbug")
    assert answer.code == 130
    assert "same command again" in answer.err
    assert "Traceback" not in answer.err


# Refused


@pytest.mark.parametrize(
    ("asked", "field", "words"),
    [
        ({"n": 4}, "n", "5 or more"),
        ({"seeds": 0}, "seeds", "1 or more"),
        ({"top": 0}, "top", "at least one student"),
        ({"recipes": ["pwwws"]}, "attack.recipe", "pwwws"),
        ({"students": ["s9999"]}, "student", "s9999"),
    ],
)
def test_what_cannot_be_is_refused(calm: str, asked: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as error:
        rescore(calm, **(ASKED | asked), progress=Idle())
    assert error.value.field == field


def test_an_unknown_run_and_one_without_students_are_refused(home: Path) -> None:
    store = Store.write()
    with pytest.raises(UserError, match="no run 'mine'"):
        rescore("mine")
    run_id = store.create_run("mine", RunConfig())
    with pytest.raises(UserError, match="is queued"):
        rescore("mine")
    store.update_run(run_id, exit={"reason": "stopped", "message": "", "time": 0.0})
    with pytest.raises(UserError, match="no measured student"):
        rescore("mine")


def revive(run: str) -> None:
    """Have the run's search be alive: this very process."""
    store, alive = Store.write(), {"exit": None, "heartbeat": time.time(), "stop_requested": None}
    store.update_run(store.run(run)["id"], **alive, **holder(os.getpid()))


def test_a_run_that_is_being_searched_is_refused(copied: str) -> None:
    revive(copied)
    with pytest.raises(UserError, match="is running"):
        rescore(copied, **ASKED, progress=Idle())
    refused = rosearch("rescore", copied, "--json")
    assert (refused.code, refused.json["error"]["field"]) == (2, "run")


def test_a_search_that_comes_alive_ends_the_rescoring(copied: str) -> None:
    class Reviving(Progress):
        def advance(self, done: int, /, **facts: Any) -> None:
            revive(copied)
            super().advance(done, **facts)

    with pytest.raises(UserError, match="is running"):
        rescore(copied, **ASKED, progress=Reviving())
    assert measured(copied) == []


def test_a_run_that_is_being_rescored_is_refused(copied: str) -> None:
    folder = Path(os.environ["ROSEARCH_HOME"]) / "runs" / copied
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "rescore.lock"), pytest.raises(UserError, match="being re-scored"):
        rescore(copied, **ASKED, progress=Idle())


def test_other_data_than_the_runs_is_refused(copied: str) -> None:
    store = Store.write()
    run = store.run(copied)
    store.update_run(run["id"], dataset={**(run["dataset"] or {}), "fingerprint": "0" * 16})
    with pytest.raises(UserError, match="changed since the run started"):
        rescore(copied, **ASKED, progress=Idle())


def test_a_run_whose_front_is_empty_is_told(copied: str) -> None:
    home = Path(os.environ["ROSEARCH_HOME"])
    with contextlib.closing(sqlite3.connect(home / "rosearch.db")) as database:
        database.execute("UPDATE measurement SET floor = 1.0")
        database.execute("UPDATE candidate SET origin = 'mutation'")
        database.commit()
    with pytest.raises(UserError, match="no student of 'calm' is on the Pareto front") as error:
        rescore(copied, **ASKED)
    assert "--students" in error.value.remedy
    assert rosearch("report", copied, "--json").code == 0
    assert rosearch("transfer", copied, "--json").code in (0, 2)
