"""How many attacks may wait: of one who attacks, and of all; and what place each has."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator

import pytest

from app import access, actions
from rosearch_engine import spawn
from rosearch_engine.errors import UserError
from rosearch_engine.live.client import MOST, MOST_EACH, AttackWorker, Job

PATIENCE = 60.0  # against a hang only


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[AttackWorker]:
    """The client of a process that takes every request and never answers."""
    silent = [sys.executable, "-S", "-c", "import sys; sys.stdin.read()"]
    monkeypatch.setattr(spawn, "command", lambda *arguments, **more: silent)
    one = AttackWorker()
    yield one
    one.close()


def ask(worker: AttackWorker, visitor: str) -> Job:
    return worker.ask("demo", "s0001", ["a fine film"], visitor)


def test_a_visitor_has_so_many_attacks_and_others_go_on(worker: AttackWorker) -> None:
    mine = [ask(worker, "ann") for _ in range(MOST_EACH)]
    for refused in (
        lambda: ask(worker, "ann"),
        lambda: worker.submit("demo", "s0001", "pwws", "a fine film", visitor="ann"),
        lambda: worker.submit_batch("demo", "s0001", "pwws", [], visitor="ann"),
    ):
        with pytest.raises(UserError, match=f"{MOST_EACH} of your attacks .* at most {MOST_EACH}") as caught:
            refused()
        assert caught.value.remedy
    assert ask(worker, "bob").counts
    mine[0].stop()
    assert ask(worker, "ann").counts


def test_all_together_have_so_many(worker: AttackWorker) -> None:
    waiting = [ask(worker, f"visitor {number // MOST_EACH}") for number in range(MOST)]
    with pytest.raises(UserError, match=f"{MOST} attacks are waiting already"):
        ask(worker, "another")
    waiting[7].stop()
    assert ask(worker, "another").ahead == MOST - 1


def test_the_place_in_the_queue_is_told(worker: AttackWorker) -> None:
    jobs = [ask(worker, name) for name in ("ann", "bob", "ann", "cal")]
    assert [job.ahead for job in jobs] == [0, 1, 2, 3]
    jobs[1].stop()
    assert [job.ahead for job in jobs if job is not jobs[1]] == [0, 1, 2]
    jobs[0].hear({"job": 1, "state": "done"})
    assert [job.ahead for job in jobs[2:]] == [0, 1]


def test_of_many_at_once_no_more_get_in_than_may(worker: AttackWorker) -> None:
    """Each page runs in a thread of its own: all would find room, were they to look at the same time."""
    count, taken, start = 24, list[Job](), threading.Barrier(24)

    def one() -> None:
        start.wait(PATIENCE)
        with contextlib.suppress(UserError):
            taken.append(ask(worker, "ann"))

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(taken) == MOST_EACH


def test_a_process_that_dies_leaves_room_behind(worker: AttackWorker) -> None:
    mine = [ask(worker, "ann") for _ in range(MOST_EACH)]
    process = worker._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    assert all(job.finished.wait(PATIENCE) for job in mine)
    assert {job.state for job in mine} == {"failed"}
    assert ask(worker, "ann").ahead == 0


def test_of_several_models_all_are_attacked_or_none(worker: AttackWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "visitor", lambda: "ann")
    kept = actions.ask(worker, ["s0001", "s0002", "s0003", "s0004"], "demo", "a fine film")
    with pytest.raises(UserError, match="of your attacks"):
        actions.ask(worker, ["s0001", "s0002", "s0003"], "demo", "a fine film")
    assert len(actions.ask(worker, ["s0005", "s0006"], "demo", "a fine film")) == MOST_EACH - len(kept)
