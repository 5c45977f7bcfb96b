"""Attack: sentences of one's own against the student in hand, and how soon the search's attack got through."""

from __future__ import annotations

import streamlit as st

from app import cards, recorded, state
from app.attack import curves, examples, fallen, few_sentences, form, models, one_sentence

ONE, FEW, FALLEN, CURVE = "One sentence", "A few sentences", "Which sentences fell", "Queries needed"

st.title("Attack", anchor=False)
run, student = state.run(), state.student()
if run is None or student is None:
    cards.empty("No student to attack", "You can attack a student as soon as a search has measured it.")
    st.stop()

view = st.segmented_control(
    "View",
    [ONE, FEW, FALLEN, CURVE],
    default=ONE,
    key="attack_with",
    bind="query-params",
    required=True,
    label_visibility="collapsed",
)
# What the search said is there to read; only new attacks need the weights.
if view in (ONE, FEW):
    recorded.stop_without_weights(run, student, "attacked")
    models.warm_worker()
if view == FEW:
    few_sentences.panel(run, student)
elif view == FALLEN:
    fallen.panel(run, student, ONE)
elif view == CURVE:
    curves.panel(run, student)
else:
    form.take_link(run, student)
    examples.pills(run, student)
    form.show(run, student)
    one_sentence.outcome(run, student)
