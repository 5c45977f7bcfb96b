"""What the search takes for granted of every executor: equal students from equal seeds, and nothing lost or doubled
when a worker is killed. `tests/resume/test_ray.py` has a whole search."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psutil
import pytest
import torch

from rosearch_engine.config import ExecutorConfig
from rosearch_engine.errors import UserError
from rosearch_engine.genome import Genome
from rosearch_engine.progress import Progress, Stopped
from rosearch_engine.search.evaluate import candidate_seed
from rosearch_engine.search.executors import Event, Executor, make_executor
from rosearch_engine.search.outcome import Lost, OfTeacher, Outcome, Reached
from rosearch_engine.search.turn import Turn
from tests.conftest import Workshop
from tests.resume.test_ray import wait_until, workers

PATIENCE = 300.0  # against a hang only


@pytest.fixture(scope="module")
def laddered(bench: Any) -> Any:
    """The workshop's material, for a search with two rungs."""
    search = bench.config.search.model_copy(update={"rungs": 2})
    return replace(bench, config=bench.config.model_copy(update={"search": search}))


@pytest.fixture(scope="module")
def notes() -> list[str]:
    return []


@pytest.fixture(scope="module", params=["inline", "ray"])
def executor(request: Any, made_workshop: Workshop, laddered: Any, notes: list[str]) -> Iterator[Executor]:
    """Each executor, ready for work."""
    if request.param == "ray":
        pytest.importorskip("ray", reason="the extra `ray` is not installed")
    config = ExecutorConfig(kind=request.param, workers=1)
    with made_workshop.entered(), make_executor(config, Progress(), notes.append) as one:
        one.prepare(laddered, "contract")
        yield one


def turn(genome: Genome, number: int = 1) -> Turn:
    return Turn(number, number, candidate_seed(0, genome), genome)


def next_event(executor: Executor) -> Event:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if event := executor.wait():
            return event
    pytest.fail("nothing happened")


def to_the_end(executor: Executor, one: Turn) -> Outcome:
    executor.start(one)
    event = next_event(executor)
    if isinstance(event.what, Reached):
        executor.go_on(one, True)
        event = next_event(executor)
    assert isinstance(event.what, Outcome)
    return event.what


@pytest.fixture(scope="module")
def alone(made_workshop: Workshop, laddered: Any) -> Outcome:
    """What becomes of a chain in this process."""
    with made_workshop.entered(), make_executor(ExecutorConfig(), Progress(), print) as inline:
        inline.prepare(laddered, "contract")
        return to_the_end(inline, turn(laddered.space.chain(1)))


def test_equal_seeds_give_equal_students(executor: Executor, laddered: Any, alone: Outcome) -> None:
    assert executor.has_room()
    found = to_the_end(executor, turn(laddered.space.chain(1)))
    assert executor.has_room()
    assert found.weights == alone.weights
    assert found.scores == alone.scores
    assert found.results == alone.results
    assert found.training.curve == alone.training.curve


def test_a_student_waits_on_its_rung_and_may_be_stopped_there(
    executor: Executor, laddered: Any, alone: Outcome
) -> None:
    one = turn(laddered.space.chain(1), 2)
    executor.start(one)
    event = next_event(executor)
    assert event.turn == one
    assert event.what == Reached(0, alone.scores[0])
    assert not executor.has_room(), "its worker keeps it meanwhile"
    executor.go_on(one, False)
    stopped = next_event(executor).what
    assert isinstance(stopped, Outcome)
    assert stopped.pruned
    assert stopped.weights is None
    assert stopped.scores == alone.scores[:1]


def test_the_teacher_has_its_turn_too(executor: Executor, laddered: Any) -> None:
    executor.start(Turn.of_teacher(0))
    found = next_event(executor).what
    assert isinstance(found, OfTeacher)
    assert found.score.attacked == len(found.results) == len(laddered.targets)


@pytest.mark.parametrize("executor", ["ray"], indirect=True)
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_share_of_a_gpu_that_is_not_there_is_refused(executor: Executor) -> None:
    from rosearch_engine.search.executors.on_ray import gpu_share

    with pytest.raises(UserError, match=r"executor\.gpus: this machine has no GPU\."):
        gpu_share(ExecutorConfig(kind="ray", gpus=0.25))


@pytest.mark.parametrize("executor", ["ray"], indirect=True)
def test_workers_that_can_never_come_are_refused(executor: Executor) -> None:
    from rosearch_engine.search.executors.on_ray import check_room

    with pytest.raises(UserError, match=r"executor\.threads: a worker of 1024 CPU cores fits on no node"):
        check_room(ExecutorConfig(kind="ray", threads=1024), 0.0)
    with pytest.raises(UserError, match=r"executor\.workers: 10000 workers do not fit on this machine: \d+ of"):
        check_room(ExecutorConfig(kind="ray", workers=10_000), 0.0)


@pytest.mark.parametrize("executor", ["ray"], indirect=True)
def test_a_worker_that_dies_gives_its_student_back(
    executor: Executor, laddered: Any, alone: Outcome, notes: list[str]
) -> None:
    one = turn(laddered.space.chain(1), 3)
    executor.start(one)
    wait_until(lambda: workers(psutil.Process()))[0].kill()
    event = next_event(executor)
    assert event.turn == one
    assert isinstance(event.what, Lost)
    assert any("is gone" in note and "s0003 starts over" in note for note in notes)
    assert not executor.has_room()
    while not executor.has_room():
        assert executor.wait() is None, "nothing comes of it a second time"
    assert to_the_end(executor, one).weights == alone.weights


def test_a_stop_is_heard_while_workers_are_waited_for(executor: Executor, laddered: Any) -> None:
    progress: Progress = executor._progress  # type: ignore[attr-defined]
    one = turn(laddered.space.chain(1), 4)
    executor.start(one)
    progress.stop()
    with pytest.raises(Stopped):
        next_event(executor)
