"""What every worker does, wherever it is: a student at a time, from rung to rung."""

from __future__ import annotations

import time
from collections.abc import Callable

from rosearch_engine.distil.loop import Diverged
from rosearch_engine.progress import Progress
from rosearch_engine.search.context import Context
from rosearch_engine.search.evaluate import Climb, Clock, OutOfMemory, climb, evaluate_teacher
from rosearch_engine.search.kept import Kept, kept_of_teacher
from rosearch_engine.search.outcome import Failed, OfTeacher, Outcome, Reached, Step
from rosearch_engine.search.turn import Turn


class Worker:
    """Evaluates one student after another.

    Args:
        run: the run's name.
        clock: as `evaluate` has it.
    """

    def __init__(self, context: Context, run: str, progress: Progress, clock: Clock = time.perf_counter) -> None:
        self._context, self._run, self._progress, self._clock = context, run, progress, clock
        self._climb: Climb | None = None
        self._kept: Kept | None = None

    def begin(self, turn: Turn) -> Step:
        """Take a student to its first rung below the top or, where there is none, to its end; attack the teacher.

        Raises:
            Stopped: if the progress says so.
        """
        if self._kept is not None:
            self._kept.drop()  # whoever gives out more work has the teacher's results
            self._kept = None
        if turn.is_teacher:
            self._kept = kept_of_teacher(self._run, self._context)
            return OfTeacher(*evaluate_teacher(self._context, self._progress, self._kept))
        assert turn.genome is not None
        begun = climb(turn.genome, turn.seed, self._context, self._progress, self._clock)
        self._climb = begun
        return self._step(lambda: next(begun))

    def go_on(self, goes_on: bool) -> Step:
        """Take the student that waits on a rung to the next one or, if it is stopped here, to its end.

        Raises:
            Stopped: if the progress says so.
        """
        begun = self._climb
        assert begun is not None, "no student waits"
        return self._step(lambda: begun.send(goes_on))

    def _step(self, work: Callable[[], Reached]) -> Step:
        try:
            return work()
        except StopIteration as end:
            self._climb = None
            return Outcome.of(end.value)
        except (Diverged, OutOfMemory) as error:
            self._climb = None
            return Failed(str(error))
