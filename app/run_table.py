"""The table of runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from app import access, formats, glossary, state, words
from app.cards import recipe
from rosearch_engine.runs import process
from rosearch_engine.store.rows import RunRow


def pick(runs: Sequence[RunRow]) -> None:
    """The table of runs; a click on a row takes that run in hand."""
    st.session_state["run_names"] = [row["name"] for row in runs]
    st.dataframe(
        build(runs),
        hide_index=True,
        key=state.RUNS,
        on_select="rerun",
        selection_mode="single-row",
        column_config=columns(),
    )


def columns() -> dict[str, Any]:
    """Help for the columns of `build`."""
    known = glossary.GLOSSARY
    return {
        name: st.column_config.Column(help=text)
        for name, text in {
            "run": "The run's name, also used on the command line.",
            "state": "State of its search process at the last heartbeat.",
            "measured": "Students measured so far.",
            "planned": "Students the run will measure in total.",
            "data": "The data set the students are trained and attacked on.",
            "teacher": known["teacher"],
            "attack": "The attack that every student is tested with.",
            "started": "When the run was started.",
            "duration": "Total run time of the search process, over all starts and resumes.",
        }.items()
    }


def build(runs: Sequence[RunRow]) -> pd.DataFrame:
    """All runs with their true state."""
    return pd.DataFrame(
        {
            "run": [row["name"] for row in runs],
            "state": [process.state(row) for row in runs],
            "measured": [row["students"] for row in runs],
            "planned": [words.planned(row["config"]) for row in runs],
            "data": [access.shown_source((row["dataset"] or row["config"]["data"])["name"]) for row in runs],
            "teacher": [access.shown_source(row["config"]["teacher"]["name"]) for row in runs],
            "attack": [recipe(row["config"]) for row in runs],
            "started": [formats.ago(row["created"]) for row in runs],
            "duration": [formats.duration(row["active_seconds"]) if row["active_seconds"] else "–" for row in runs],
        }
    )
