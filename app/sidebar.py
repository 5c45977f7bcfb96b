"""The sidebar: the run, its true state, and the student, on every page."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app import state, walk, words
from app.cards import badge
from app.overview.story import default_student
from rosearch_engine.runs import process
from rosearch_engine.store.rows import measured


def show() -> None:
    """The run, its true state, and the student, on every page."""
    runs = state.runs()
    names = [row["name"] for row in runs]
    if not names:
        st.caption("No runs yet. Start one on the Search page.")
        return
    own_first = sorted(runs, key=lambda row: row["recorded"])
    worth_seeing = (row["name"] for row in own_first if row["students"] or process.state(row) in process.ALIVE)
    _default("run", names, next(worth_seeing, names[0]), f"There is no run called '{st.query_params.get('run')}'.")
    st.selectbox("Run", names, index=None, key="run", bind="query-params", on_change=_forget_student)
    run = state.run()
    if run is None:
        return
    with st.container():
        st.fragment(_live_badge, run_every=5 if process.state(run) in process.ALIVE else None)(run["name"])
    rows = measured(state.students(run))
    if not rows:
        st.caption("No students measured yet.")
        return
    known = [row["name"] for row in rows]
    best = default_student(rows)
    _default(
        "student",
        known,
        best["name"] if best else known[0],
        f"Run '{run['name']}' has no measured student with that name.",
    )
    help_text = (
        "The student shown on every page. Initially the most robust student on the Pareto front that the search found."
    )
    st.selectbox("Student", known, index=None, key="student", bind="query-params", help=help_text)
    walk.buttons(known)
    student = state.student()
    if student is not None:
        st.caption(words.summary(student) + (" · **on the Pareto front**" if student["front"] else ""))


def _default(name: str, known: Sequence[str], fallback: str, problem: str) -> None:
    """Give a picker a value that exists; say so when a link asks for one that does not."""
    if name in st.session_state:
        gone = st.session_state[name]
        if gone not in known:
            st.session_state[name] = fallback
            if gone is not None:
                st.toast(
                    f"{state.plain(gone)} no longer exists. Showing {state.plain(fallback)}.", icon=":material/info:"
                )
        return
    asked = st.query_params.get(name)
    if asked and asked not in known:
        st.warning(f"{state.plain(problem)} Showing {state.plain(fallback)}.", icon=":material/info:")
    if asked not in known:
        # Written out, so that a copied link goes on showing this view when newer runs have come.
        st.query_params[name] = asked = fallback
    st.session_state[name] = asked


def _forget_student() -> None:
    st.session_state["student"] = None


def _live_badge(name: str) -> None:
    run = state.find(name)
    if run is None:
        st.rerun()
    now = process.state(run)
    badge(now, run)
    alive = now in process.ALIVE
    done, planned = run["students"], words.planned(run["config"])
    # A tab in the background tells how far the search is.
    st.set_page_config(page_title=f"({done}/{planned}) {name}" if alive else "RoSearch Explorer")
    # The page was drawn for what held then: draw it anew once the search has ended or has its first student.
    seen = (name, alive, bool(done))
    before, st.session_state["badge"] = st.session_state.get("badge", seen), seen
    if before[0] == name and before != seen:
        if before[1] and not alive:
            state.notice(f"{name}: {words.ended(now, done, planned)}", words.STATES[now][1])
        st.rerun()
