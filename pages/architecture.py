"""Architecture: draw the student in hand, inspect its nodes, see where it came from."""

from __future__ import annotations

import streamlit as st

from app import architecture, cards, state, words
from rosearch_engine.genome import Genome

st.title("Architecture", anchor=False)
run, student = state.run(), state.student()
if run is None or student is None:
    cards.empty("No student to draw", "An architecture can be drawn as soon as a search has measured one student.")
    st.stop()

genome = Genome.from_dict(student["genome"])
frame = architecture.frame_of(run)
st.caption(f"**{student['name']}** of {state.plain(run['name'])} · {words.summary(student)}")
left, right = st.columns([11, 6], gap="large")
with left:
    architecture.legend()
    node = architecture.show(genome, frame, key=f"dag.{run['name']}.{student['name']}")
    st.caption(
        "T3: starts from the teacher's third layer. Bar: weights, beside the largest node's. Dashed: a skip; another "
        "way leads there too. Hover dims what is not joined. Click a node, or Tab and Enter, to see its genes."
    )
    picture, name = architecture.svg(genome, frame), f"{run['name']}-{student['name']}.svg"
    st.download_button("Picture (SVG)", picture, name, "image/svg+xml", icon=":material/download:", on_click="ignore")
with right:
    architecture.node_panel(genome, frame, node)
    architecture.student_panel(student, genome)
    architecture.lineage(student, state.students(run))
    cards.ways_on("architecture")
