"""The models that a page attacks, and the one process that does it."""

from __future__ import annotations

import streamlit as st

from app import naming, recorded, state
from rosearch_engine.live.client import AttackWorker
from rosearch_engine.store.models import TEACHER
from rosearch_engine.store.rows import MeasuredStudent, RunRow, measured

WORKING = ("waiting", "attacking")
MOST = 5


@st.cache_resource(show_spinner=False, on_release=AttackWorker.close)
def _worker() -> AttackWorker:
    return AttackWorker()


def warm_worker() -> AttackWorker:
    """The one process that attacks for all visitors; it loads, or starts anew after a death, without waiting."""
    _worker().start()
    return _worker()


def known(run: RunRow, student: MeasuredStudent) -> list[str]:
    """Who can be attacked: the student in hand, the teacher, every other student whose weights are here."""
    names = [row["name"] for row in recorded.with_weights(state.students(run))]
    teacher = [TEACHER] if recorded.has_teacher(run) else []
    return [student["name"], *teacher, *(name for name in names if name != student["name"])]


def titles(run: RunRow) -> dict[str, str]:
    """What each model of a run is called."""
    found = {row["name"]: naming.student_name(row) for row in measured(state.students(run))}
    return found | {TEACHER: naming.teacher_name(run)}
