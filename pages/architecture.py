"""Architecture: draw the student in hand, inspect its nodes, lay another over it, see where it came from."""

from __future__ import annotations

import streamlit as st

from app import cards, state, words
from app.architecture import component, drawing, lineage, overlay, panels
from rosearch_engine.genome import Genome
from rosearch_engine.statistics import is_bag
from rosearch_engine.store.rows import measured

st.title("Architecture", anchor=False)
run, student = state.run(), state.student()
if run is None or student is None:
    cards.empty("No architecture yet", "Architectures appear as soon as a search has measured its first student.")
    st.stop()

genome = Genome.from_dict(student["genome"])
frame = panels.frame_of(run)
others = {
    row["name"]: row
    for row in measured(state.students(run))
    if row["name"] != student["name"] and not is_bag(row) and not genome.is_bag
}
st.caption(f"**{student['name']}** of {state.plain(run['name'])} · {words.summary(student)}")
left, right = st.columns([11, 6], gap="large")
with right:
    name = st.selectbox(
        "Compare with",
        list(others),
        index=None,
        key=lineage.other_key(run, student),
        placeholder="another student",
        help="Draws both in one graph: what they share and what only one of them has.",
    )
other = others.get(name or "")
with left:
    if genome.is_bag:
        st.info(
            f"A bag of words has no graph: each word {'and each pair of neighbouring words ' if genome.bigrams else ''}"
            "contributes a score for each class, and the scores are summed.",
            icon=":material/shopping_bag:",
        )
    elif other is None:
        panels.legend()
        node = component.show(genome, frame, key=f"dag.{run['name']}.{student['name']}")
        drawn, file = drawing.svg(genome, frame), f"{run['name']}-{student['name']}.svg"
        st.caption(
            "T3: initialised from the teacher's third layer. Bar: parameters, relative to the largest node. Dashed: "
            "skip connection. Hover over a node to highlight its connections; click it (or press Tab and Enter) to "
            "see its genes."
        )
    else:
        overlay.legend(student["name"], other["name"])
        both = f"{student['name']}-{other['name']}"
        drawn = overlay.show(genome, Genome.from_dict(other["genome"]), frame, key=f"pair.{run['name']}.{both}")
        file = f"{run['name']}-{both}.svg"
    if not genome.is_bag:
        st.download_button("Picture (SVG)", drawn, file, "image/svg+xml", icon=":material/download:", on_click="ignore")
with right:
    if other is None:
        if not genome.is_bag:
            panels.node_panel(genome, frame, node)
        panels.student_panel(student, genome)
        panels.lineage(student, state.students(run))
    else:
        st.dataframe(overlay.table(student, other), hide_index=True, key="pair_table")
    cards.ways_on("architecture")
lineage.show(run, student, state.students(run))
