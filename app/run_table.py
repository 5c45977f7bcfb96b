"""The table of runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from app import formats, glossary, state, words
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
            "run": "The run's name, as the command line knows it too.",
            "state": "What its search process does, as it was last heard of.",
            "students": "Students measured.",
            "of": "Students the run is to measure.",
            "data": "The sentences it learns and is attacked on.",
            "teacher": known["teacher"],
            "attack": "The attack that every student must withstand.",
            "started": "When it was started.",
            "worked": "How long its search process was at work, all starts together.",
        }.items()
    }


def build(runs: Sequence[RunRow]) -> pd.DataFrame:
    """All runs with their true state."""
    return pd.DataFrame(
        {
            "run": [row["name"] for row in runs],
            "state": [process.state(row) for row in runs],
            "students": [row["students"] for row in runs],
            "of": [words.planned(row["config"]) for row in runs],
            "data": [(row["dataset"] or row["config"]["data"])["name"] for row in runs],
            "teacher": [row["config"]["teacher"]["name"] for row in runs],
            "attack": [recipe(row["config"]) for row in runs],
            "started": [formats.ago(row["created"]) for row in runs],
            "worked": [formats.duration(row["active_seconds"]) if row["active_seconds"] else "–" for row in runs],
        }
    )
