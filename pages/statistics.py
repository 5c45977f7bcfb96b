"""Statistics: what in an architecture goes with robustness."""

from __future__ import annotations

import streamlit as st

from app import cards, findings, formats, glossary, state, student_table
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

what = state.statistics([run["name"], *more])
students = state.students(run)
table = findings.measured_table(students)
st.caption(
    f"{formats.plural(what['n'], 'student')} from {formats.plural(what['runs'], 'run')} compared, "
    f"{formats.plural(what['questions'], 'test')}, corrected ({what['correction']})."
)

for finding in what["findings"][:5]:
    st.success(finding["says"], icon=":material/lightbulb:")
if not what["findings"]:
    st.info(what["conclusion"], icon=":material/balance:")
for note in what["notes"]:
    st.caption(note)

st.subheader("Feature effects", anchor=False, help=glossary.GLOSSARY["spearman"])
outcome = st.segmented_control(
    "Outcome", list(findings.OUTCOMES), default="After attack", key="outcome", required=True, persist_state="session",
    help=glossary.of("after attack", "clean accuracy", "gap"),
)  # fmt: skip
st.caption(findings.effects_sentence(what, findings.OUTCOMES[outcome or "After attack"]))
if what["associations"]:
    st.plotly_chart(findings.effects_figure(what, findings.OUTCOMES[outcome or "After attack"]), key="effects")

st.subheader("Effect of each operation", anchor=False)
st.caption(findings.operations_sentence(what))
st.plotly_chart(findings.operations_figure(students), key=state.BOXES, on_select="rerun", selection_mode="points")

if what["model_says"]:
    st.caption(" ".join([what["model_says"], *what["model_rules"]]))

st.subheader("All students", anchor=False)
columns = [str(name) for name in table]
names = st.multiselect(
    "Columns", columns, default=[name for name in findings.FIRST if name in columns], key="columns",
    max_selections=findings.MOST_PAIRS,
)  # fmt: skip
if len(names) < 2:
    st.info("Choose two or more columns.", icon=":material/checklist:")
    st.stop()
st.caption(findings.pairs_sentence(table, names))
st.plotly_chart(findings.pairs_figure(table, names), key=state.PAIRS, on_select="rerun", selection_mode="points")
st.caption(findings.parallel_sentence(table, names) + " Drag along an axis to filter the lines.")
st.plotly_chart(findings.parallel_figure(table, names), key="parallel")
student_table.pick_from(student_table.build(measured(students)))
cards.ways_on("statistics")
