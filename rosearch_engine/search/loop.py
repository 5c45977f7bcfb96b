"""The search: ask for an architecture, evaluate it rung by rung, tell how it fared, commit. Then again.

Every result is committed with its place in the order of tells, so a killed search goes on from its last
finished student: the strategy is rebuilt by replaying what it was asked and told.
"""

from __future__ import annotations

import time

from rosearch_engine.config import stored
from rosearch_engine.distil.loop import Diverged
from rosearch_engine.progress import Progress
from rosearch_engine.runs.heartbeat import in_charge
from rosearch_engine.search.context import prepare
from rosearch_engine.search.evaluate import Clock, OutOfMemory, evaluate
from rosearch_engine.search.journal import Journal
from rosearch_engine.store.repo import Store


def search(name: str, progress: Progress | None = None, clock: Clock = time.perf_counter) -> None:
    """Run, or go on with, the run of that name in this process.

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
    with in_charge(store, run, progress):
        context = prepare(config, progress)
        journal = Journal(store, run["id"], context, progress)
        while (turn := journal.next()) is not None:
            try:
                evaluation = evaluate(turn.genome, turn.seed, context, progress, journal.judge(turn), clock)
            except (Diverged, OutOfMemory) as error:
                journal.fail(turn, error)
            else:
                journal.finish(turn, evaluation)
