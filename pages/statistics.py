"""Statistics: what in an architecture goes with robustness."""

from __future__ import annotations

import streamlit as st

from app import cards, findings, formats, glossary, state, student_table
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
what = state.statistics([run["name"], *more])
students, split = state.students(run), state.split(run)
is_enough = bool(what["associations"])
st.caption(
    f"{formats.plural(what['n'], 'student')} from {formats.plural(what['runs'], 'run')} compared, "
    f"{formats.plural(what['questions'], 'test')}, corrected ({what['correction']})."
)

if split is not None:
    st.subheader(f"What separates the students of {state.plain(run['name'])}", anchor=False)
    st.write(state.plain(findings.split_sentence(students, split)))
    chart = findings.split_figure(students, split)
    st.plotly_chart(chart, key=state.SPLIT, on_select="rerun", selection_mode="points")
if not is_enough:
    findings.missing_card(what, FEWEST)
else:
    for finding in what["findings"][:5]:
        st.success(finding["says"], icon=":material/lightbulb:")
    if not what["findings"]:
        st.info(what["conclusion"], icon=":material/balance:")
for note in what["notes"][what["n"] < FEWEST :]:  # the first of few students says what the card says
    st.caption(note)

if is_enough:
    st.subheader("Importance of each feature", anchor=False, help=glossary.GLOSSARY["spearman"])
    outcome = st.segmented_control(
        "Outcome", list(findings.OUTCOMES), default="After attack", key="outcome", required=True,
        persist_state="session", help=glossary.of("after attack", "clean accuracy", "gap"),
    )  # fmt: skip
    st.caption(findings.effects_sentence(what, findings.OUTCOMES[outcome or "After attack"]))
    st.plotly_chart(findings.effects_figure(what, findings.OUTCOMES[outcome or "After attack"]), key="effects")

    st.subheader("Effect of each operation", anchor=False)
    st.caption(findings.operations_sentence(what))
    st.plotly_chart(findings.operations_figure(students), key=state.BOXES, on_select="rerun", selection_mode="points")
    if what["model_says"]:
        st.caption(" ".join([what["model_says"], *what["model_rules"]]))
    table = findings.measured_table(students)
    kept = findings.parallel(table)
    student_table.pick_from(student_table.build([row for row in measured(students) if row["name"] in kept]))
cards.ways_on("statistics")
