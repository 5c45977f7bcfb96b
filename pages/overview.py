"""Overview: what this is, the newest front, what to do next, all runs."""

from __future__ import annotations

import streamlit as st

from app import access, cards, charts, recorded, run_table, state
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
watching = process.state(run) in process.ALIVE or not access.may("start")
steps = [
    ("search", "Watch the search" if watching else "Start a search", ":material/travel_explore:"),
    ("front", "Explore the Pareto front", ":material/scatter_plot:"),
    ("architecture", "View an architecture", ":material/account_tree:"),
    ("attack", "Attack a student", ":material/bolt:"),
]

if run["recorded"]:
    own = ("search", "Start your own search", ":material/travel_explore:")
    steps = [steps[1], steps[3], own] if access.may("start") else steps[1:]
left, right = st.columns([5, 3], gap="large")
with left:
    st.caption(cards.about(run, rows))
    if measured(rows):
        teacher = state.store().teacher_measurement(run["id"])
        shown, _ = state.snapshot(run)
        figure = charts.front_figure(shown, teacher, "Robustness vs accuracy", height=340, compact=True)
        st.plotly_chart(figure, key=state.CHART, on_select="rerun", selection_mode="points", config=charts.CONFIG)
        st.caption(
            "Blue: Pareto-optimal on all three objectives. Square: baseline. Star: the best compromise (knee). "
            "Grey: dominated. Diamond: the teacher."
        )
    else:
        alive = process.state(run) in process.ALIVE
        text = "The first student is still being trained." if alive else "This run ended before measuring a student."
        st.info(text, icon=":material/hourglass_empty:")
with right:
    st.markdown("**Next steps**")
    for number, (page, label, icon) in enumerate(steps):
        kind = "secondary" if number else "primary"
        if st.button(label, icon=icon, width="stretch", type=kind, key=f"next.{page}"):  # type: ignore[arg-type]
            state.go(page)
    student = state.student()
    if student is not None:
        st.caption(f"Selected: **{student['name']}**. Click a point to select another.")
    if run["recorded"]:
        recorded.card(run, rows)

st.subheader("All runs", anchor=False)
run_table.pick(state.runs())
