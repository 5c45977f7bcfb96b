"""The search: ask for an architecture, have it evaluated rung by rung, tell how it fared, commit. Then again.

Every result is committed with its place in the order of tells, so a killed search goes on from its last
finished student: the strategy is rebuilt by replaying what it was asked and told.
"""

from __future__ import annotations

import time
from collections import Counter
from functools import partial

from rosearch_engine.config import stored
from rosearch_engine.errors import UserError
from rosearch_engine.progress import Progress
from rosearch_engine.runs.heartbeat import in_charge
from rosearch_engine.search.context import prepare
from rosearch_engine.search.evaluate import Clock
from rosearch_engine.search.executors import Executor, make_executor
from rosearch_engine.search.journal import Journal
from rosearch_engine.search.outcome import Failed, Lost, OfTeacher, Outcome, Reached
from rosearch_engine.store.database import database
from rosearch_engine.store.neighbours import sign
from rosearch_engine.store.repo import Store

LIVES = 3
"""So many workers may die of one student: it may be the student that kills them, or chance."""


def search(name: str, progress: Progress | None = None, clock: Clock = time.perf_counter) -> None:
    """Run, or go on with, the run of that name: this process decides, its executor's workers train and attack.

    Args:
        clock: as `evaluate` has it.

    Raises:
        Stopped: if it was asked to stop; `search` again goes on.
        UserError: if the run is not there, is alive elsewhere, or its settings cannot be met.
    """
    progress = progress or Progress()
    store = Store.write()
    run = store.run(name)
    config = stored(run["config"])
    with (
        in_charge(store, run, progress),
        make_executor(config.executor, progress, partial(store.log, run["id"], "workers"), clock) as executor,
    ):
        sign(database())
        context = prepare(config, progress)
        journal = Journal(store, run["id"], context, progress)
        executor.prepare(context, name)
        work(journal, executor)


def work(journal: Journal, executor: Executor) -> None:
    """Hand out students as long as there are any, and tell the journal what becomes of each."""
    in_hand, deaths = set[int](), Counter[int]()
    while True:
        is_at_end = False
        while executor.has_room() and not is_at_end:
            next_one = journal.next()
            is_at_end = next_one is None
            if next_one is not None:
                executor.start(next_one)
                in_hand.add(next_one.number)
        if is_at_end and not in_hand:  # without room there may be more, be nobody in hand
            return
        event = executor.wait()
        if event is None:
            continue
        turn = event.turn
        if isinstance(event.what, Reached):
            executor.go_on(turn, journal.goes_on(turn, event.what))
            continue
        in_hand.remove(turn.number)
        match event.what:
            case Outcome():
                journal.finish(turn, event.what)
            case OfTeacher():
                journal.finish_teacher(event.what)
            case Failed(error):
                journal.fail(turn, error)
            case Lost(why):
                deaths[turn.number] += 1
                if deaths[turn.number] < LIVES:
                    journal.give_back(turn)
                elif turn.is_teacher:
                    problem = f"{LIVES} workers died of the teacher's attack, the last one so: {why}."
                    raise UserError("executor", problem, "Give each worker more memory, then `resume`.")
                else:
                    journal.fail(turn, f"{LIVES} workers died of it, the last one so: {why}")
