"""Several runs side by side: how fast each got how far, what they were told otherwise, what they found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pandas as pd
import streamlit as st

from app import charts, glossary, state, student_table
from app.search import labels
from rosearch_engine.config import RunConfig
from rosearch_engine.store.rows import RunRow, StudentRow, measured

AGAINST = {"students": "Students", "minutes": "Minutes"}
Best = Literal["knee", "robustness", "accuracy", "compression"]
BEST: dict[str, Best] = {
    "Knee": "knee",
    "Most robust": "robustness",
    "Most accurate": "accuracy",
    "Smallest on the Pareto front": "compression",
}


def panel() -> None:
    """Pick runs and see them side by side."""
    known = {row["name"]: row for row in state.runs() if row["students"]}
    if len(known) < 2:
        st.info(
            "You need two runs with measured students to compare. Start another one.", icon=":material/compare_arrows:"
        )
        return
    in_hand = st.session_state.get("run")
    first = sorted(known, key=lambda name: name != in_hand)[:2]
    names = st.multiselect("Runs", list(known), default=first, key="compared", max_selections=len(charts.INKS))
    if len(names) < 2:
        st.info("Choose two or more runs.", icon=":material/checklist:")
        return
    runs = [known[name] for name in names]
    grown = {name: state.steps(known[name]) for name in names}
    against = st.segmented_control(
        "Horizontal axis",
        list(AGAINST),
        default="students",
        format_func=AGAINST.__getitem__,
        key="against",
        required=True,
    )
    st.markdown("**Hypervolume**", help=glossary.GLOSSARY["hypervolume"])
    if others := _other_conditions(runs):
        st.warning(
            f"Not comparable: the runs were measured under different settings ({state.plain(', '.join(others))}).",
            icon=":material/balance:",
        )
    st.plotly_chart(charts.legible(charts.growth_figure(grown, against or "students", height=320)), key="growth")
    st.markdown("**Best students**")
    st.dataframe(
        best_table({name: state.students(known[name]) for name in names}),
        column_config=student_table.columns(),
        hide_index=True,
        key="best_of_runs",
    )
    st.markdown("**Settings that differ**")
    table = settings_table(runs)
    if len(table):
        st.dataframe(table, hide_index=True, key="run_settings")
    else:
        st.caption("None: the runs differ only by name and by chance.")


def settings_table(runs: Sequence[RunRow]) -> pd.DataFrame:
    """The settings that are not the same in all runs, a column a run. What an old run did not know had its default."""
    defaults = RunConfig().model_dump(mode="json")
    rows = []
    for stage, fields in defaults.items():
        for field, default in fields.items():
            values = [run["config"].get(stage, {}).get(field, default) for run in runs]
            if any(value != values[0] for value in values):
                rows.append([stage, labels.label(stage, field), *map(_written, values)])
    return pd.DataFrame(rows, columns=["stage", "setting", *(run["name"] for run in runs)])


def best_table(runs: Mapping[str, Sequence[StudentRow]]) -> pd.DataFrame:
    """For each kind of best the student of each run that is it, with its interval."""
    chosen = [
        (title, run, max(front, key=lambda row: (row[key], row["robustness"])))
        for title, key in BEST.items()
        for run, students in runs.items()
        if (front := [row for row in measured(students) if row["front"]])
    ]
    table = student_table.build([row for _, _, row in chosen], ordered=False)
    table = table[["student", "clean accuracy", "after attack", "low", "high", "attacked", "compression", "origin"]]
    table.insert(0, "run", [run for _, run, _ in chosen])
    table.insert(0, "best", [title for title, _, _ in chosen])
    return table


def _other_conditions(runs: Sequence[RunRow]) -> list[str]:
    """Settings that differ and without which figures do not compare: data, teacher, attack, what robustness is."""
    found = settings_table(runs)
    found = found[found["stage"].isin(["data", "teacher", "attack"])]
    said = [f"{stage}: {setting}" for stage, setting in zip(found["stage"], found["setting"], strict=True)]
    measures = {run["config"].get("objectives", {}).get("measure", "held") for run in runs}
    return said + ["objectives: what robustness is"] * (len(measures) > 1)


def _written(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_written, value))
    if isinstance(value, float):
        return f"{value:.4g}"
    return "–" if value is None else str(value)
