"""Attack: one sentence of one's own against the student in hand."""

from __future__ import annotations

import streamlit as st

from app import attack_view, cards, recorded, state, words

st.title("Attack", anchor=False)
run, student = state.run(), state.student()
if run is None or student is None:
    cards.empty("No student to attack", "A student can be attacked as soon as a search has measured it.")
    st.stop()

recorded.stop_without_weights(run, student, "attacked")
attack_view.warm_worker()
classes = (run["dataset"] or {}).get("classes", [])
pairs = bool((run["dataset"] or {}).get("pair"))
attack_view.example_pills(student["measurement_id"])
with st.form("attack_form", border=True):
    text = st.text_area(
        "Your sentence",
        key="sentence",
        max_chars=attack_view.LONGEST,
        height=92,
        placeholder="Write a sentence, or pick an example above.",
        persist_state="session",
    )
    pair = st.text_area("Second sentence", key="pair", max_chars=attack_view.LONGEST, height=68) if pairs else None
    a, b, c = st.columns([3, 3, 2])
    names = [row["name"] for row in recorded.with_weights(state.students(run))]
    teacher = [] if run["recorded"] else ["teacher"]
    models = a.multiselect(
        "Models",
        [student["name"], *teacher, *(name for name in names if name != student["name"])],
        default=[student["name"]],
        key=f"models.{run['name']}.{student['name']}",
        max_selections=attack_view.MOST_MODELS,
        help="The student in hand; more of them, or the teacher, to see the same sentence side by side. Of a recorded "
        "run: those whose weights were shipped.",
    )
    known = attack_view.recipes()
    recipe = b.selectbox("Attack", known, format_func=attack_view.recipe_name, help="How words are changed.")
    budget = c.number_input("Query budget", 10, 20_000, 500, step=100, help=words.GLOSSARY["query budget"])
    pressed = st.form_submit_button("Attack  (Ctrl+Enter)", type="primary", icon=":material/bolt:")
if recipe:
    attack_view.recipe_note(recipe)
if pressed:
    if not models:
        st.warning("**models**: none is chosen. Choose one or more.", icon=":material/edit:")
    elif (text or "").strip() and recipe and recipe["ready"]:
        attack_view.start(run["name"], models, recipe["name"], text.strip(), (pair or "").strip() or None, int(budget))
    elif recipe and recipe["ready"]:
        st.warning("**sentence**: it is empty. Write one, or pick an example.", icon=":material/edit:")
attack_view.outcome(classes)
