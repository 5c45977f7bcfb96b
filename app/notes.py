"""Notes, tags and pins on students and runs: shown, changed, kept in the store."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from app import access, actions, formats, state
from rosearch_engine.errors import UserError
from rosearch_engine.store.annotations import LONGEST_NOTE, MOST_TAGS, RUN, noted
from rosearch_engine.store.rows import AnnotationRow, RunRow

PIN = "📌"


def of(run: RunRow) -> Mapping[str, AnnotationRow]:
    """What is noted of a run's students, by name, and of the run itself, by `RUN`."""
    return noted(state.store(), run["id"])


def pinned(run: RunRow) -> list[str]:
    """Names of the pinned students."""
    return [name for name, row in of(run).items() if row["pinned"] and name != RUN]


def panel(run: RunRow, student: str = RUN) -> None:
    """What is noted of a student or of the run, and the way to change it."""
    known = of(run)
    row = known.get(student)
    who = student or run["name"]
    with st.container(horizontal=True, vertical_alignment="center"):
        is_pinned = bool(row and row["pinned"])
        label = "Unpin" if is_pinned else "Pin"
        acts = access.may("note")
        if acts and st.button(
            label, icon=":material/keep:", key=f"pin.{run['id']}.{student}", help="Pinned ones come first."
        ):
            _keep(run, student, pinned=not is_pinned)
            st.rerun()
        if acts and st.button("Note and tags", icon=":material/edit_note:", key=f"note.{run['id']}.{student}"):
            _edit(run, student, row, sorted({tag for one in known.values() for tag in one["tags"]}))
        if is_pinned:
            st.badge("pinned", icon=":material/keep:", color="orange")
        for tag in row["tags"] if row else ():
            st.badge(state.plain(tag), icon=":material/label:", color="violet")
    if row and row["note"]:
        with st.container(border=True):
            # Not Markdown: a note is shown as it was written.
            st.text(row["note"])
            st.caption(f"Note on {state.plain(who)}, {formats.ago(row['updated'])}")


@st.dialog("Note and tags", icon=":material/edit_note:")
def _edit(run: RunRow, student: str, row: AnnotationRow | None, known: list[str]) -> None:
    st.caption(f"On {state.plain(student or run['name'])}. Kept in the store of this machine; a packed run has none.")
    st.text_area("Note", row["note"] if row else "", max_chars=LONGEST_NOTE, height=180, key="note.text")
    mine = row["tags"] if row else []
    st.multiselect(
        "Tags", sorted({*known, *mine}), default=mine, accept_new_options=True, max_selections=MOST_TAGS,
        key="note.tags", placeholder="pick or type",
    )  # fmt: skip
    if st.button("Save", type="primary", key="note.save", on_click=_save, args=(run, student)):
        st.rerun()


def _save(run: RunRow, student: str) -> None:
    _keep(run, student, note=st.session_state["note.text"] or "", tags=st.session_state["note.tags"])


def _keep(
    run: RunRow, student: str, *, note: str | None = None, tags: list[str] | None = None, pinned: bool | None = None
) -> None:
    try:
        actions.note(run, student, text=note, tags=tags, pinned=pinned)
    except UserError as error:
        state.notice(f"{error.field}: {error.problem} {error.remedy}", icon=":material/error:")
