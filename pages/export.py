"""Export: a student as a checkpoint, the whole run as a file, its settings; and work on a finished run."""

from __future__ import annotations

import streamlit as st

from app import cards, export, jobs, notes, run_name, settings_file, state

STUDENT, RUN, CHECK, SETTINGS = "This student", "The run", "Check it again", "Settings"

st.title("Export", anchor=False)
run, student = state.run(), state.student()
if run is None:
    cards.empty("No student to export", "You can export a student as soon as a search has measured it.")
    st.stop()
view = st.segmented_control(
    "View",
    [STUDENT, RUN, CHECK, SETTINGS],
    default=STUDENT,
    key="export_what",
    bind="query-params",
    required=True,
    label_visibility="collapsed",
)
if view == RUN:
    run_name.panel(run)
    notes.panel(run)
    jobs.panel(run, "pack")
elif view == CHECK:
    jobs.panel(run, "rescore")
    jobs.panel(run, "transfer")
elif view == SETTINGS:
    settings_file.copies(run)
    settings_file.imports()
elif student is None:
    cards.empty("No student to export", "You can export a student as soon as a search has measured it.")
else:
    export.panel(run, student)
