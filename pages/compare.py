"""Compare: two to four students beside each other."""

from __future__ import annotations

import streamlit as st

from app import beside, cards, state

st.title("Compare", anchor=False)
run, student = state.run(), state.student()
if run is None or student is None:
    cards.empty("Nothing to compare yet", "You can compare students as soon as a search has measured two.")
    st.stop()

rows = beside.pick(run, student)
if len(rows) < beside.FEWEST:
    st.info(
        f"Choose {beside.FEWEST} to {beside.MOST} students. Pinned students are chosen first.", icon=":material/keep:"
    )
    st.stop()
beside.show(run, rows)
