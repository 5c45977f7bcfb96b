"""Which students belong to a run's elite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rosearch_engine.store.models import BASELINES


def elite(students: Sequence[dict[str, Any]], top: int) -> list[dict[str, Any]]:
    """The measured students that are worth a second look: the front's `top` by robustness, its knee, every baseline.

    Args:
        students: as `Store.students` gives them.
    """
    measured = [student for student in students if student["status"] == "done"]
    front = sorted((s for s in measured if s["front"]), key=lambda s: (-s["robustness"], s["number"]))
    knees = [student for student in measured if student["knee"]]
    return _once([*front[:top], *knees, *baselines(measured)])


def baselines(students: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The measured baselines among the students: bags of words and chains."""
    return [student for student in students if student["origin"] in BASELINES and student["status"] == "done"]


def _once(students: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({student["name"]: student for student in students}.values())
