"""Which students belong to a run's elite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rosearch_engine.errors import UserError
from rosearch_engine.objectives import robust_share
from rosearch_engine.store.models import BASELINES
from rosearch_engine.store.rows import MeasuredStudent, StudentRow, measured


def elite(students: Sequence[StudentRow], top: int) -> list[MeasuredStudent]:
    """The measured students that are worth a second look: the front's `top` by robustness, its knee, every baseline.

    Args:
        students: as `Store.students` gives them.
    """
    done = measured(students)
    front = sorted((s for s in done if s["front"]), key=lambda s: (-robust_share(s), s["number"]))
    knees = [student for student in done if student["knee"]]
    return _once([*front[:top], *knees, *baselines(done)])


def some_elite(run_name: str, students: Sequence[StudentRow], top: int) -> list[MeasuredStudent]:
    """The elite of a run that has one.

    Raises:
        UserError: if no student is on the front, and there is no baseline.
    """
    found = elite(students, top)
    if not found:
        problem = f"no student of '{run_name}' is on the Pareto front."
        raise UserError("students", problem, "Name some with --students; `report` lists them.")
    return found


def baselines(students: Iterable[StudentRow]) -> list[MeasuredStudent]:
    """The measured baselines among the students: bags of words and chains."""
    return [student for student in measured(students) if student["origin"] in BASELINES]


def _once(students: Iterable[MeasuredStudent]) -> list[MeasuredStudent]:
    return list({student["name"]: student for student in students}.values())
