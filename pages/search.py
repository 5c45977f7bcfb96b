"""Search: set one up and start it, watch, stop and resume the run in hand, or lay runs side by side."""

from __future__ import annotations

import streamlit as st

from app import access, state
from app.search import new_run, watch
from rosearch_engine.runs import process

st.title("Search", anchor=False)
run = state.run()
if run is None:
    new_run.form()
    st.stop()

panels = ["Watch", "New search", "Compare runs"] if access.may("start") else ["Watch", "Compare runs"]
if "panel" not in st.session_state:
    ended = process.state(run) in ("finished", "recorded")
    st.session_state["panel"] = "New search" if ended and access.may("start") else "Watch"
panel = st.segmented_control(
    "View", panels, key="panel", required=True, label_visibility="collapsed", persist_state="session"
)
if panel == "Watch":
    watch.panel(run["name"])
elif panel == "Compare runs":
    from app.search import compare  # its charts' library takes half a second

    compare.panel()
else:
    new_run.form()
