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
        st.caption(f"{state.plain(words.recorded(made))} Its figures are real; {able} can be attacked and exported.")
        with st.popover("Made of what?", icon=":material/fact_check:"):
            for source in made["sources"]:
                st.markdown(f"**{state.plain(source['name'])}**: {state.plain(source['what'])}")
            st.caption(
                f"Program {state.plain(made['program'])}, last changed before the run by commit "
                f"{state.plain(made['commit'] or 'unknown')}. "
                "Weights are stored in half precision. The only sentences are those that were attacked."
            )


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
        f"**{student['name']}** cannot be {what} here: its weights were not shipped with this recorded run, to keep it "
        "small. Take one of those whose weights were, or search yourself: then every student has them.",
        icon=":material/inventory_2:",
    )
    with st.container(horizontal=True):
        for row in with_weights(state.students(run)):
            label = f"{row['name']}: {formats.percent(row['robustness'], 0)} after attack"
            if st.button(label, key=f"take.{row['name']}"):
                state.choose(student=row["name"])
                st.rerun()
    st.stop()
