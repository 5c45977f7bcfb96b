"""The steps of a search, ticked off from what its process tells."""

from __future__ import annotations

from typing import cast

import pytest

from app.cache import Step
from app.search import checklist, stream
from rosearch_engine.progress import Facts, Stage
from rosearch_engine.store.rows import EventRow, RunRow

RUN = cast(RunRow, {"teacher": None, "dataset": None, "config": {"data": {"validation": 1000}, "search": {"rungs": 1}}})


def ticks(lines: list[checklist.Line]) -> dict[str, str]:
    return {line.name: line.tick for line in lines}


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        (Stage.STARTING, ["now", "next", "next", "next"]),
        (Stage.FINE_TUNING, ["done", "now", "next", "next"]),
        (Stage.READING, ["done", "done", "now", "next"]),
        (Stage.LOADING_ATTACK, ["done", "done", "done", "now"]),
    ],
)
def test_what_is_shared_is_ticked_in_its_order(stage: Stage, expected: list[str]) -> None:
    assert list(ticks(checklist.shared({"stage": stage}, RUN)).values()) == expected
    assert checklist.of_student({"stage": stage}, rungs=1) == []


def test_with_a_student_in_work_all_that_is_shared_is_done() -> None:
    facts: Facts = {"stage": Stage.DISTIL, "student": "s0007", "teacher_accuracy": 0.872, "chance": 0.5}
    lines = checklist.shared(facts, RUN)
    assert set(ticks(lines).values()) == {"done"}
    assert next(line for line in lines if line.name == "Teacher").detail == "87.2% clean"
    steps = ticks(checklist.of_student(facts, rungs=1))
    assert steps == {"Build": "done", "Distil": "now", "Attack": "next", "Save": "next"}
    assert "Single swaps" in ticks(checklist.of_student(facts, rungs=2))
    assert checklist.of_student({"stage": Stage.ATTACK, "student": "teacher"}, rungs=1) == []


def test_of_several_students_in_work_only_who_they_are_is_told() -> None:
    facts: Facts = {"stage": Stage.WORKERS, "student": None, "detail": "s0007, s0008", "done": 2, "total": 2}
    assert set(ticks(checklist.shared(facts, RUN)).values()) == {"done"}
    assert ticks(checklist.of_student(facts, rungs=2)) == {"Students": "now"}


def test_a_teacher_at_chance_level_is_told() -> None:
    facts: Facts = {"stage": Stage.DISTIL, "student": "s0001", "teacher_accuracy": 0.51, "chance": 0.5}
    assert checklist.is_at_chance(facts, RUN)
    assert next(line for line in checklist.shared(facts, RUN) if line.name == "Teacher").detail.endswith("chance level")
    assert not checklist.is_at_chance({"teacher_accuracy": 0.6, "chance": 0.5}, RUN)
    assert not checklist.is_at_chance({}, RUN), "an earlier version does not tell"


def event(when: float, kind: str, text: str) -> EventRow:
    return {"id": 1, "run_id": 1, "time": when, "kind": kind, "text": text}


def test_the_stream_says_who_joined_the_front_and_by_how_much() -> None:
    steps = [
        Step("s0001", 0.10, 9.0, True, 0.2, 10.0),
        Step("s0002", 0.10, 9.0, False, 0.1, 20.0),
        Step("s0003", 0.113, 9.0, True, 0.3, 30.0),
    ]
    events = [event(5.0, "created", "run created"), event(10.0, "student", "s0001 (chain): …")]
    said = stream.lines(steps, events)
    assert [text for _, text, _ in said] == [
        "s0003 joined the front: +0.013 hypervolume, 30% after attack",
        "s0002: 10% after attack, dominated",
        "s0001 joined the front: +0.100 hypervolume, 20% after attack",
        "run created",
    ]
    weak = Step("s0004", 0.113, 9.0, False, 0.5, 40.0, counted=False)
    assert stream.lines([weak], [])[0][1] == "s0004: 50% after attack, below the accuracy floor"
    many = [Step(f"s{n:04d}", n / 1000, 1.0, True, 0.2, float(n)) for n in range(100)]
    assert len(stream.lines(many, [])) == stream.MOST
    assert "+0.001" in stream.lines(many, [])[-1][1], "the first that is shown knows what was before it"
