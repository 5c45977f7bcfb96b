"""Another name for a run."""

from __future__ import annotations

import streamlit as st

from app import access, actions, state
from rosearch_engine.errors import UserError
from rosearch_engine.store.rows import RunRow


def panel(run: RunRow) -> None:
    """A field with the run's name, and a button that changes it; the name alone for who may not."""
    if not access.may("rename"):
        st.subheader(state.plain(run["name"]), anchor=False)
        return
    # By its name too: who renames a run that somebody else has renamed since has pressed another form's button.
    with st.form(f"rename.{run['id']}.{run['name']}", border=False):
        left, right = st.columns([3, 1], vertical_alignment="bottom")
        name = left.text_input("Name of the run", run["name"], max_chars=60, key=f"rename.name.{run['id']}")
        pressed = right.form_submit_button("Rename", icon=":material/edit:", width="stretch")
    new = (name or "").strip()
    if not pressed or new == run["name"]:
        return
    try:
        actions.rename(run, new)
    except UserError as error:
        state.show_error(error)
        return
    state.choose(run=new)
    state.notice(f"The run is now called {new}.", icon=":material/check:")
    st.rerun()
