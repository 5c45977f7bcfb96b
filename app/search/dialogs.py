"""Asking before a search is stopped or deleted. What is asked stays asked until it is answered, whatever is redrawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import streamlit as st

from app import actions, formats, state
from rosearch_engine.errors import UserError
from rosearch_engine.runs import process

Question = Literal["stop", "delete"]


def ask(question: Question, name: str) -> None:
    """Open a dialog with the next run of the page."""
    st.session_state["asked"] = (question, name)


def forget() -> None:
    st.session_state.pop("asked", None)


def show() -> None:
    """The dialog that waits for an answer, if one does: to be called by the page, in every run of it."""
    question, name = st.session_state.get("asked", (None, ""))
    run = state.find(name)
    if run is None:
        forget()
    elif question == "stop" and process.state(run) in process.ALIVE:
        _confirm_stop(name)
    elif question == "delete" and process.state(run) not in process.ALIVE:
        _confirm_delete(name, run["students"], run["recorded"])
    else:
        forget()


@st.dialog("Stop this search?", icon=":material/stop_circle:", on_dismiss=forget)
def _confirm_stop(name: str) -> None:
    st.write(
        f"**{state.plain(name)}** saves its progress and stops. All measured students are kept, "
        "and Resume continues from there."
    )
    yes, no = st.columns(2)
    if yes.button("Stop the search", type="primary", width="stretch", key="stop.yes", on_click=_stop, args=(name,)):
        st.rerun()
    if no.button("Keep it running", width="stretch", key="stop.no", on_click=forget):
        st.rerun()


@st.dialog("Delete this run?", icon=":material/delete:", on_dismiss=forget)
def _confirm_delete(name: str, students: int, recorded: bool) -> None:
    back = " `python -m rosearch_engine unpack` restores the run that ships with the program." if recorded else ""
    st.write(
        f"This permanently deletes **{state.plain(name)}**, the measurements of its "
        f"{formats.plural(students, 'student')}, and weights no other run uses.{back}"
    )
    yes, no = st.columns(2)
    if yes.button("Delete it", type="primary", width="stretch", key="delete.yes", on_click=_delete, args=(name,)):
        st.rerun()
    if no.button("Keep it", width="stretch", key="delete.no", on_click=forget):
        st.rerun()


def _delete(name: str) -> None:
    if _done(actions.delete, name):
        state.choose(run=None, student=None)
        state.notice(f"The run {name} was deleted.", ":material/delete:")


def _stop(name: str) -> None:
    _done(actions.stop, name)


def _done(action: Callable[[str], object], name: str) -> bool:
    """Act on a run, and whether that went well; why not is told on the next page."""
    forget()
    try:
        action(name)
    except UserError as error:
        state.notice(f"{error.problem} {error.remedy}", ":material/error:")
        return False
    return True
