"""Front: choose a student by what it trades."""

from __future__ import annotations

import streamlit as st

from app import cards, charts, formats, state, student_table
from rosearch_engine.report import untried
from rosearch_engine.store.rows import measured

st.title("Pareto front", anchor=False)
run = state.run()
if run is None or not measured(state.students(run)):
    cards.empty("No students yet", "The Pareto front appears as soon as a search has measured its first student.")
    st.stop()

rows, waiting = state.snapshot(run)
st.caption(cards.about(run, rows))
nothing = untried(run, measured(rows)[0]["attacked"]) if measured(rows) else None
if nothing:
    st.warning(nothing, icon=":material/warning:")
if waiting > 0 and st.button(f"{formats.plural(waiting, 'new student')}: show", icon=":material/refresh:", key="thaw"):
    state.thaw()
    st.rerun()

left, right = st.columns([11, 5], gap="large")
with left:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        plane = st.segmented_control(
            "Plane",
            list(charts.PLANES),
            default=next(iter(charts.PLANES)),
            key="plane",
            bind="query-params",
            required=True,
            wrap=True,
            help="Which two of the three objectives to plot; colour shows the third. Up and right is better.",
        )
        dominated = st.toggle("Dominated students", value=True, key="dominated", persist_state="session")
        shown = student_table.filtered(rows)
        names = [row["name"] for row in state.runs() if row["name"] != run["name"] and row["students"]]
        beside = (
            st.multiselect("Overlay runs", names, key="beside", placeholder="other runs", width=260) if names else []
        )
    if not measured(shown):
        st.info("No student passes the filter. Lower a minimum.", icon=":material/filter_alt:")
    teacher = state.store().teacher_measurement(run["id"])
    ring, revision = state.ring()
    figure = charts.front_figure(
        shown,
        teacher,
        plane or next(iter(charts.PLANES)),
        dominated=dominated,
        again=state.held_out(run),
        others={name: state.students(state.store().run(name)) for name in beside},
        ring=ring,
        revision=revision,
    )
    st.plotly_chart(figure, key=state.CHART, on_select="rerun", selection_mode="points", config=charts.CONFIG)
    st.caption(
        "Click a point to select its student. Whiskers: 95% intervals. Dotted line: the Pareto front in this plane."
        + (" Open squares: results on held-out sentences." if state.held_out(run) else "")
    )
with right:
    student = state.student()
    if student is not None:
        cards.student_card(student, teacher)
        cards.ways_on()

table = student_table.build(measured(shown))
student_table.pick_from(table)
student_table.downloads(table, figure, f"{run['name']}-front")
