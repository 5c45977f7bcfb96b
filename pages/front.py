"""Front: choose a student by what it trades."""

from __future__ import annotations

import streamlit as st

from app import beside, cards, notes, state, student_table
from app.front_chart import component, live
from rosearch_engine.report import untried
from rosearch_engine.store.rows import measured

st.title("Pareto front", anchor=False)
run = state.run()
if run is None or not measured(state.students(run)):
    cards.empty("No students yet", "The Pareto front appears as soon as a search has measured its first student.")
    st.stop()

rows, marks = state.students(run), notes.of(run)
st.caption(cards.about(run, rows))
if nothing := untried(run, measured(rows)[0]["attacked"]):
    st.warning(nothing, icon=":material/warning:")
left, right = st.columns([11, 5], gap="large")
first = component.first_plane(rows)
with left:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        plane = st.segmented_control(
            "Plane",
            list(component.PLANES),
            default=first,
            key="plane",
            bind="query-params",
            required=True,
            wrap=True,
            help="Which two figures to plot. Up and right is better.",
        )
        colour = st.selectbox(
            "Colour",
            list(component.COLOURS),
            format_func=component.COLOURS.__getitem__,
            key="colour",
            width=170,
            help="What the colour of a mark shows.",
        )
        dominated = st.toggle("Dominated students", value=True, key="dominated", persist_state="session")
        shown = student_table.filtered(rows, marks)
        names = [row["name"] for row in state.runs() if row["name"] != run["name"] and row["students"]]
        overlaid = (
            st.multiselect("Overlay runs", names, key="beside", placeholder="other runs", width=260) if names else []
        )
    if not measured(shown):
        st.info("No student passes the filter. Lower a minimum.", icon=":material/filter_alt:")
    live.picture(
        run["name"],
        drawn=len(measured(rows)),
        plane=plane or first,
        colour=colour,
        dominated=dominated,
        shown=None if len(shown) == len(rows) else [row["name"] for row in shown],
        others={name: state.students(state.store().run(name)) for name in overlaid},
        file=f"{run['name']}-front",
    )
    st.caption(
        "Click a point to select its student; drag to move, + and − to zoom. Whiskers: 95% intervals."
        + (" Open orange squares: results on held-out sentences." if state.held_out(run) else "")
    )
with right:
    student = state.student()
    if student is not None:
        cards.student_card(student, state.store().teacher_measurement(run["id"]))
        if not student["weights_sha256"]:
            cards.nearest_with_weights(run, student)
        cards.ways_on()

caught = set(state.chosen())
some = [row for row in measured(shown) if not caught or row["name"] in caught]
if caught:
    beside.offer([row["name"] for row in some])
table = student_table.build(some, marks=marks)
student_table.pick_from(table)
student_table.download(table, f"{run['name']}-front")
