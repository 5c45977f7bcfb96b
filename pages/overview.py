"""Overview: what the run in hand found, its front, what to do next, all runs."""

from __future__ import annotations

import streamlit as st

from app import access, cards, recorded, run_table, state
from app.front_chart import component, live
from app.overview import finding
from rosearch_engine.runs import process
from rosearch_engine.store.rows import measured

st.title("RoSearch Explorer", anchor=False)
st.markdown(
    "Small text classifiers break when a few words are swapped. RoSearch Explorer searches for ones that don't: every "
    "candidate architecture is distilled from a large teacher, attacked with real attacks, and scored on robustness, "
    "accuracy and size."
)

run = state.run()
if run is None:
    cards.empty(
        "No searches yet",
        "Start the **demo** search: twelve students on movie reviews, each trained and attacked on this machine. "
        "The first one appears within minutes.",
    )
    st.stop()

rows = state.students(run)
alive = process.state(run) in process.ALIVE
if not measured(rows):
    text = "The first student is still being trained." if alive else "This run ended before measuring a student."
    st.info(text, icon=":material/hourglass_empty:")
    label = "Watch the search" if alive else "Start a search"
    if (alive or access.may("start")) and st.button(label, type="primary", key="next.search"):
        state.go("search")
else:
    st.caption(cards.about(run, rows))
    left, right = st.columns([5, 3], gap="large")
    with left:
        finding.show(run["name"])
    with right:
        finding.ways_on(run, rows, alive)
    left, right = st.columns([5, 3], gap="large")
    with left:
        st.markdown("**All students: a point for each**")
        live.picture(
            run["name"],
            drawn=len(measured(rows)),
            plane=component.first_plane(rows),
            height=380,
            file=f"{run['name']}-front",
        )
    with right:
        student = state.student()
        if student is not None:
            cards.short_card(run, student)
        if run["recorded"]:
            recorded.card(run, rows)

st.subheader("All runs", anchor=False)
run_table.pick(state.runs())
