"""Statistics: what in an architecture goes with robustness."""

from __future__ import annotations

import streamlit as st

from app import cards, findings, notes, state, student_table
from rosearch_engine.statistics import FEWEST
from rosearch_engine.store.rows import measured

st.title("Statistics", anchor=False)
run = state.run()
if run is None or not measured(state.students(run)):
    cards.empty("Nothing to compare yet", "Statistics need measured students, at least twenty to be meaningful.")
    st.stop()

others = [row["name"] for row in state.runs() if row["name"] != run["name"] and row["students"]]
more = st.multiselect(
    "Add runs",
    others,
    key="together",
    placeholder="more runs",
    help="Students are only compared within their own run; adding runs makes the results more reliable.",
)
students, split = state.students(run), state.split(run)
if split is not None:
    st.subheader(f"What separates the students of {state.plain(run['name'])}", anchor=False)
    st.write(state.plain(findings.split_sentence(students, split)))
    findings.show_split(students, split)

# The tests take seconds for many students: what needs none of them is drawn first.
tested = st.container()
table = findings.measured_table(students)
if len(table) >= FEWEST:
    kept = findings.parallel(table)
    rows = [row for row in measured(students) if row["name"] in kept]
    student_table.pick_from(student_table.build(rows, marks=notes.of(run)))
cards.ways_on("statistics", side_by_side=True)

with tested:
    findings.tests([run["name"], *more], students)
