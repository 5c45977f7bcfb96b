"""The recorded run: brought in at the first start, shown as what it is, and what of it can be used."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app import cards, formats, state, words
from rosearch_engine.errors import UserError
from rosearch_engine.recorded import unpack
from rosearch_engine.store.database import database
from rosearch_engine.store.rows import MeasuredStudent, RunRow, StudentRow, measured


@st.cache_resource(show_spinner=False)
def _bring(address: str) -> None:
    unpack.bring_shipped()


def bring() -> None:
    """Bring the program's own run into a store that never had it; the app does without where that fails."""
    try:
        _bring(database())
    except UserError as error:
        state.show_error(error)


def card(run: RunRow, rows: Sequence[StudentRow]) -> None:
    """Who made a recorded run, when and of what, and which of its students are more than figures."""
    made = run["provenance"]
    if not made:
        return
    with st.container(border=True):
        cards.badge("recorded", run)
        able = ", ".join(f"**{row['name']}**" for row in with_weights(rows))
        st.caption(f"{state.plain(words.recorded(made))} All results are real measurements. Weights included: {able}.")
        with st.popover("Data and licences", icon=":material/fact_check:"):
            for source in made["sources"]:
                st.markdown(f"**{state.plain(source['name'])}**: {state.plain(source['what'])}")
            st.caption(
                f"Program version {state.plain(made['program'])}, commit {state.plain(made['commit'] or 'unknown')}. "
                "Weights are stored in half precision. Only the attacked sentences are included."
            )


def has_teacher(run: RunRow) -> bool:
    """Whether the run's teacher can be asked: a recorded run comes without it."""
    return not run["recorded"]


def with_weights(rows: Sequence[StudentRow]) -> list[MeasuredStudent]:
    """Measured students whose weights are here: in a recorded run, some."""
    return [row for row in measured(rows) if row["weights_sha256"]]


def stop_without_weights(run: RunRow, student: MeasuredStudent, what: str) -> None:
    """End the page where the student in hand is figures only, and offer those that are more.

    Args:
        what: "attacked" or "exported".
    """
    if student["weights_sha256"]:
        return
    st.info(
        f"**{student['name']}** cannot be {what} here: to save space, this recorded run ships without its weights. "
        "Select a student whose weights are included, or run a search of your own, which keeps all weights.",
        icon=":material/inventory_2:",
    )
    with st.container(horizontal=True):
        for row in with_weights(state.students(run)):
            label = f"{row['name']}: {formats.percent(row['robustness'], 0)} after attack"
            if st.button(label, key=f"take.{row['name']}"):
                state.choose(student=row["name"])
                st.rerun()
    st.stop()
