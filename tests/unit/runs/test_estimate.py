"""What a search will take, foretold from a real tiny run."""

from __future__ import annotations

import os
from typing import Any

import pytest

from rosearch_engine.config import ExecutorConfig, RunConfig, build
from rosearch_engine.runs.estimate import Estimate, at_once, basis, estimate, pace, unlike
from rosearch_engine.store import Store
from rosearch_engine.store.rows import MeasuredStudent, RunRow, StudentRow, measured


@pytest.fixture
def run(calm: str) -> RunRow:
    return next(row for row in Store.read().runs() if row["name"] == calm)


@pytest.fixture
def students(run: RunRow) -> list[MeasuredStudent]:
    """Those that were distilled: the bag of words was not, and tells nothing of what others take."""
    return [row for row in measured(Store.read().students(run["id"])) if row["origin"] != "bag" and row["seconds"]]


def of(run: RunRow, *settings: str) -> RunConfig:
    """The run's own settings with some changed."""
    base = [
        f"{stage}.{field}={_text(value)}" for stage, fields in run["config"].items() for field, value in fields.items()
    ]
    return build(settings=[*base, *settings])


def spent_in(run: RunRow) -> dict[str, float]:
    assert run["progress"] is not None
    return run["progress"]["spent"]


def sizes_of(run: RunRow) -> dict[str, int]:
    assert run["dataset"] is not None
    return run["dataset"]["sizes"]


def _text(value: Any) -> str:
    import json

    return json.dumps(value)


def foretold(run: RunRow, students: list[MeasuredStudent], *settings: str, planned: int | None = None) -> Estimate:
    found = estimate(of(run, *settings), planned or len(students), run, students, [run])
    assert found is not None
    return found


def test_the_same_again_takes_what_it_took_without_what_is_kept(run: RunRow, students: list[MeasuredStudent]) -> None:
    found, spent = foretold(run, students), spent_in(run)
    of_students = sum(sum(row["seconds"].values()) for row in students)
    assert (found.run, found.measured, found.students) == (run["name"], len(students), len(students))
    assert found.seconds["training"] == pytest.approx(sum(row["seconds"]["distil"] for row in students))
    # The teacher's attack is in it; that of the bag of words, which the run paid for too, is not.
    assert 0.5 * spent["attack"] < found.seconds["attacks"] < 1.05 * spent["attack"]
    assert found.seconds["teacher"] == 0, "fine-tuned already, and its outputs are kept"
    assert of_students < found.total <= run["active_seconds"]
    assert found.fastest <= of_students / len(students) <= found.slowest
    assert not found.unlike + found.lacking
    assert not found.assumed
    assert not found.at_most


def test_training_goes_by_passes_and_attacks_by_sentences(run: RunRow, students: list[MeasuredStudent]) -> None:
    before = foretold(run, students)
    longer = foretold(run, students, f"distil.epochs={2 * run['config']['distil']['epochs']}")
    assert longer.seconds["training"] == pytest.approx(2 * before.seconds["training"])
    assert longer.seconds["attacks"] == before.seconds["attacks"]
    wider = foretold(run, students, "attack.sentences=24")
    assert wider.seconds["attacks"] == pytest.approx(2 * before.seconds["attacks"])
    most = foretold(run, students, "attack.sentences=100000").seconds["attacks"]
    there = sizes_of(run)["search_attack"]
    assert most == pytest.approx(there / 12 * before.seconds["attacks"]), "no more than there are"
    many = foretold(run, students, planned=10 * len(students))
    assert many.seconds["training"] == pytest.approx(10 * before.seconds["training"])


def test_other_data_has_its_own_sentences_and_pays_for_its_teacher(
    run: RunRow, students: list[MeasuredStudent]
) -> None:
    config = of(run, "data.name=imdb")
    sizes = {part: 2 * size for part, size in sizes_of(run).items()}
    found = estimate(config, len(students), run, students, [run], sizes)
    assert found is not None
    before, spent = foretold(run, students), spent_in(run)
    assert found.sentences == 2 * before.sentences
    assert found.seconds["training"] == pytest.approx(2 * before.seconds["training"])
    once = spent["teacher fine-tuning"] + spent["teacher outputs"]
    assert found.seconds["teacher"] == pytest.approx(2 * once)
    unknown = estimate(config, len(students), run, students, [run])
    assert unknown is not None
    assert unknown.assumed
    assert unknown.sentences == before.sentences


def test_what_cannot_be_scaled_or_was_never_measured_is_named(run: RunRow, students: list[MeasuredStudent]) -> None:
    found = foretold(run, students, "teacher.name=bert-base-uncased", "attack.level=strict", "search.rungs=3")
    assert found.unlike == ("teacher.name", "attack.level")
    assert found.lacking == ("teacher fine-tuning", "teacher outputs")
    assert found.at_most


def test_a_limit_of_minutes_limits_the_students(run: RunRow, students: list[MeasuredStudent]) -> None:
    each = sum(sum(row["seconds"].values()) for row in students) / len(students)
    found = foretold(run, students, f"search.minutes={10.5 * each / 60}", planned=1000)
    assert 9 <= found.students <= 11
    assert found.total < foretold(run, students, planned=1000).total


def test_the_basis_is_of_this_machine_and_most_like_the_settings(run: RunRow) -> None:
    config = of(run)
    strict = run["config"] | {"attack": run["config"]["attack"] | {"level": "strict"}}
    other: RunRow = {**run, "name": "other", "config": strict}
    assert unlike(config, other) == ("attack.level",)
    assert basis(config, [other, run]) is run
    few: RunRow = {**run, "name": "few", "students": 2}
    assert basis(config, [few, run]) is run
    assert basis(config, [few, other]) is few
    assert basis(config, [{**run, "host": "elsewhere"}, {**run, "recorded": True}, {**run, "students": 0}]) is None
    assert estimate(config, 6, run, [], [run]) is None


def test_the_pace_is_that_of_the_last_students(run: RunRow, students: list[MeasuredStudent]) -> None:
    found = pace(run["config"], len(students) + 4, students)
    assert found is not None
    each = sum(sum(row["seconds"].values()) for row in students) / len(students)
    assert found.each == pytest.approx(each)
    assert found.left == pytest.approx(4 * each)
    assert found.an_hour == pytest.approx(3600 / each)
    assert pace(run["config"], 9, []) is None
    slow: list[StudentRow] = [{**students[0], "told": 100 + i, "seconds": {"distil": 60.0}} for i in range(10)]
    late = pace(run["config"], 1000, [*students, *slow])
    assert late is not None
    assert (late.of, late.each) == (10, 60.0)
    short = run["config"] | {"search": run["config"]["search"] | {"minutes": 0.001}}
    rushed = pace(short, 1000, students)
    assert rushed is not None
    assert rushed.left == pytest.approx(each), "the one in hand"


def test_workers_share_what_is_to_do(run: RunRow, students: list[MeasuredStudent]) -> None:
    alone, four = foretold(run, students), foretold(run, students, "executor.kind=ray", "executor.workers=4")
    assert four.seconds["training"] == pytest.approx(alone.seconds["training"] / 4)
    assert four.seconds["attacks"] == pytest.approx(alone.seconds["attacks"] / 4)
    assert four.students == alone.students
    assert "executor.kind" in four.unlike, "a worker's student takes other seconds than one on all cores"
    config = of(run, "executor.kind=ray", "executor.workers=4").model_dump(mode="json")
    one, many = pace(run["config"], 100, students), pace(config, 100, students)
    assert one is not None
    assert many is not None
    assert many.an_hour == pytest.approx(4 * one.an_hour)
    assert many.left == pytest.approx(one.left / 4)


def test_workers_are_counted_as_far_as_the_settings_tell() -> None:
    here = len(os.sched_getaffinity(0))
    for settings, hands in (
        ({}, 1),
        ({"kind": "ray"}, here),
        ({"kind": "ray", "threads": 2 * here}, 1),
        ({"kind": "ray", "address": "10.0.0.1:6379"}, 1),
        ({"kind": "ray", "address": "10.0.0.1:6379", "workers": 64}, 64),
    ):
        assert at_once(ExecutorConfig(**settings)) == hands, settings
