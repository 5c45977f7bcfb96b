"""Search: set one up and start it, watch, stop and resume the run in hand, or lay runs side by side."""

from __future__ import annotations

import streamlit as st

from app import run_compare, setup, state, watch
from rosearch_engine import process

st.title("Search", anchor=False)
run = state.run()
if run is None:
    setup.form()
    st.stop()

panels = ["Watch", "New search", "Compare runs"]
if "panel" not in st.session_state:
    st.session_state["panel"] = panels[process.state(run) in ("finished", "recorded")]
panel = st.segmented_control(
    "What to do", panels, key="panel", required=True, label_visibility="collapsed", persist_state="session"
)
if panel == "Watch":
    watch.panel(run["name"])
elif panel == "Compare runs":
    run_compare.panel()
else:
    setup.form()
