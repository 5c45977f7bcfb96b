"""Overview: what this is, the newest front, what to do next, all runs."""

from __future__ import annotations

import streamlit as st

from app import cards, charts, state

st.title("RoSearch Explorer", anchor=False)
st.markdown(
    "Small text classifiers break when someone swaps a few words. This searches for small ones that hold: every "
    "candidate architecture is distilled from a large teacher, attacked for real, and scored on robustness, "
    "accuracy and size."
)

run = state.run()
if run is None:
    cards.empty(
        "Nothing has been searched yet",
        "Start the **demo** search: twelve students on movie reviews, each trained and attacked on this machine. "
        "The first one shows up within minutes.",
    )
    st.stop()

rows = state.students(run)
left, right = st.columns([5, 3], gap="large")
with left:
    st.caption(cards.about(run, rows))
    if state.measured(rows):
        teacher = state.store().teacher_measurement(run["id"])
        figure = charts.front_figure(state.snapshot(run)[0], teacher, "Robust vs accurate", height=340, compact=True)
        st.plotly_chart(figure, key=state.CHART, on_select="rerun", selection_mode="points", config=charts.CONFIG)
    else:
        st.info("The first student is still being trained. Watch it on the Search page.", icon=":material/hourglass:")
with right:
    st.markdown("**What next?**")
    if st.button(
        "Start a search", icon=":material/travel_explore:", width="stretch", type="primary", key="next.search"
    ):
        state.go("search")
    if st.button("Explore the front", icon=":material/scatter_plot:", width="stretch", key="next.front"):
        state.go("front")
    if st.button("See an architecture", icon=":material/account_tree:", width="stretch", key="next.architecture"):
        state.go("architecture")
    if st.button("Attack a student", icon=":material/bolt:", width="stretch", key="next.attack"):
        state.go("attack")
    student = state.student()
    if student is not None:
        st.caption(f"In hand: **{student['name']}**. Click a point to take another.")

st.subheader("All runs", anchor=False)
cards.pick_run(state.runs())
