"""The picture of the front, following a run that is searched right now."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app import formats, state
from app.front_chart import component, points
from rosearch_engine.runs import process
from rosearch_engine.store.rows import measured

EVERY = 2.0  # seconds


def picture(name: str, drawn: int, **view: Any) -> None:
    """The front of a run; of a live one new students appear by themselves.

    Args:
        drawn: students that the rest of the page shows; that there are more by now is said in sight.
        view: fields of `component.View`.
    """
    run = state.find(name)
    if run is not None and process.state(run) in process.ALIVE:
        st.fragment(_following, run_every=EVERY)(name, drawn, view)
    else:
        show(name, view)


def show(name: str, view: dict[str, Any]) -> None:
    """The front of a run as it is now."""
    run = state.find(name)
    if run is None:
        st.rerun()
    again = points.held_out(state.held_out(run))
    of, picked = f"{run['id']} {run['created']}", st.session_state.get("student")
    component.show(component.View(of=of, picked=picked, again=again, **view), state.points(run), key=state.CHART)


def _following(name: str, drawn: int, view: dict[str, Any]) -> None:
    if state.is_click_untaken():
        st.rerun()
    with state.guarded():
        show(name, view)
        run = state.find(name)
        waiting = len(measured(state.students(run))) - drawn if run else 0
        if waiting > 0 and st.button(
            f"{formats.plural(waiting, 'new student')} in the picture: update the rest of the page",
            icon=":material/refresh:",
            key="thaw",
        ):
            st.rerun()
