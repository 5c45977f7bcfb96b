"""Figures of the statistics: what in an architecture goes with robustness, and a sentence to each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.charts import ACCENT, GREY, SCALE
from rosearch_engine.genome import Genome
from rosearch_engine.genome.features import features
from rosearch_engine.objectives import counts
from rosearch_engine.statistics import is_bag, words_of
from rosearch_engine.store.rows import MeasuredStudent, StudentRow

Said = Mapping[str, Any]  # a `Statistics` as plain values, or a part of it

OUTCOMES = {"After attack": "robustness", "Clean accuracy": "accuracy", "Raw minus calibrated": "gap"}
FIGURES = {"robustness": "after attack (%)", "accuracy": "clean accuracy (%)", "compression": "compression"}
# What is drawn until the reader chooses: enough to see a pattern, few enough to read.
FIRST = ("after attack (%)", "clean accuracy (%)", "compression", words_of("longest_path").name)
MOST_PAIRS = 6
MOST_POINTS = 1000  # students drawn one by one in the boxes; of more, only those far out


def measured_table(students: Sequence[StudentRow]) -> pd.DataFrame:
    """A row a measured student: its figures and the features of its architecture that are not all alike."""
    rows = [student for student in students if _is_compared(student)]
    table = pd.DataFrame([_figures(row) | _features(row) for row in rows], index=[row["name"] for row in rows])
    return table.loc[:, [name for name in table if table[name].nunique() > 1]]


def _is_compared(student: StudentRow) -> TypeGuard[MeasuredStudent]:
    return student["status"] == "done" and counts(student) and not is_bag(student)


def _figures(row: MeasuredStudent) -> dict[str, float]:
    return {
        FIGURES["robustness"]: 100 * row["robustness"],
        FIGURES["accuracy"]: 100 * row["accuracy"],
        FIGURES["compression"]: row["compression"],
    }


def _features(row: MeasuredStudent) -> dict[str, float]:
    known = _known_features()
    if row["digest"] not in known:
        found = features(Genome.from_dict(row["genome"]))
        known[row["digest"]] = {words_of(name).name: value for name, value in found.items()}
    return known[row["digest"]]


@st.cache_resource(show_spinner=False)
def _known_features() -> dict[str, dict[str, float]]:
    """By a genome's digest: thousands of genomes take seconds to measure, and never change."""
    return {}


def effects_figure(what: Said, outcome: str) -> go.Figure:
    """Spearman's correlation of every feature with an outcome, with its interval; those told from chance in colour."""
    rows = sorted(_associations(what, outcome), key=lambda row: row["spearman"]["size"])
    figure = go.Figure()
    for found, colour, name in ((False, GREY, "not significant"), (True, ACCENT, "significant")):
        some = [row for row in rows if row["spearman"]["found"] == found]
        sizes = [row["spearman"]["size"] for row in some]
        bounds = [row["spearman"]["interval"] for row in some]
        figure.add_trace(
            go.Scatter(
                x=sizes,
                y=[words_of(row["feature"]).name for row in some],
                name=name,
                mode="markers",
                marker={"size": 10, "color": colour, "symbol": "circle" if found else "circle-open"},
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [high - size for size, (_, high) in zip(sizes, bounds, strict=True)],
                    "arrayminus": [size - low for size, (low, _) in zip(sizes, bounds, strict=True)],
                    "thickness": 1.5,
                    "width": 0,
                },
                text=[_effect_hover(row) for row in some],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    figure.add_vline(x=0, line={"width": 1, "color": GREY})
    figure.update_layout(
        xaxis={"title": "Spearman's rank correlation (bar: 95% interval)", "range": [-1.02, 1.02], "zeroline": False},
        yaxis={"categoryorder": "array", "categoryarray": [words_of(row["feature"]).name for row in rows]},
        height=90 + 24 * len(rows),
        margin={"l": 8, "r": 8, "t": 32, "b": 8},
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0},
        hoverlabel={"align": "left"},
    )
    figure.update_yaxes(automargin=True)
    return figure


def effects_sentence(what: Said, outcome: str) -> str:
    """What `effects_figure` says."""
    rows = _associations(what, outcome)
    said = [f["says"] for f in what["findings"] if (f["kind"], f["outcome"]) == ("spearman", outcome)]
    if not rows:
        return "Not enough data: too few students, or the outcome or the features hardly vary."
    if not said:
        return f"None of {len(rows)} features has an effect distinguishable from chance (n = {rows[0]['n']})."
    return said[0] if len(said) == 1 else f"{said[0]} {len(said) - 1} more are shown in colour."


def _associations(what: Said, outcome: str) -> list[Said]:
    return [row for row in what["associations"] if row["outcome"] == outcome]


def _effect_hover(row: Said) -> str:
    lines = [f"<b>{words_of(row['feature']).name}</b>", f"Spearman {_effect(row['spearman'])}"]
    if row["partial"]:
        controls = " and ".join(words_of(name).name for name in row["controls"])
        lines.append(f"controlling for {controls}: {_effect(row['partial'])}")
    return "<br>".join([*lines, f"n = {row['n']}"])


def _effect(effect: Said) -> str:
    low, high = effect["interval"]
    return f"{effect['size']:+.2f} ({low:+.2f} to {high:+.2f}), q = {effect['q']:.2g}"


def operations_figure(students: Sequence[StudentRow]) -> go.Figure:
    """After-attack accuracy of the students with each operation beside those without it; of few, each is a point."""
    rows = [student for student in students if _is_compared(student)]
    held = [{node["operation"] for node in row["genome"]["nodes"]} for row in rows]
    figure = go.Figure()
    for has, colour, name in ((True, ACCENT, "with it"), (False, GREY, "without it")):
        points = [
            (operation.replace("_", " "), row)
            for operation in sorted(set().union(*held))
            for row, holds in zip(rows, held, strict=True)
            if (operation in holds) == has
        ]
        figure.add_trace(
            go.Box(
                x=np.array([operation for operation, _ in points], dtype=object),
                y=np.array([row["robustness"] for _, row in points], dtype=float),
                customdata=np.array([[row["name"]] for _, row in points], dtype=object),
                name=name,
                boxpoints="all" if len(rows) <= MOST_POINTS else "outliers",
                pointpos=0,
                jitter=0.5,
                marker={"size": 4, "opacity": 0.55, "color": colour},
                line={"width": 1.5},
                hovertemplate="<b>%{customdata[0]}</b><br>after attack %{y:.1%}<extra></extra>",
            )
        )
    figure.update_layout(
        boxmode="group",
        yaxis={"title": "After-attack accuracy (%)", "tickformat": ".0%", "rangemode": "tozero"},
        height=380,
        margin={"l": 8, "r": 8, "t": 32, "b": 8},
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0},
    )
    return figure


def operations_sentence(what: Said) -> str:
    """What `operations_figure` says."""
    said = [finding["says"] for finding in what["findings"] if finding["kind"] == "delta"]
    if said:
        return said[0] if len(said) == 1 else f"{said[0]} {len(said) - 1} more operations have a significant effect."
    if not any(row["delta"] for row in what["operations"]):
        return "Not enough students with and without each operation to compare."
    return "No operation has an effect on robustness that is distinguishable from chance."


def pairs_figure(table: pd.DataFrame, names: Sequence[str]) -> go.Figure:
    """Every two of the chosen columns against each other."""
    figure = go.Figure(
        go.Splom(
            dimensions=[{"label": name.replace(" (", "<br>("), "values": table[name]} for name in names],
            customdata=np.array([[student] for student in table.index], dtype=object),
            showupperhalf=False,
            diagonal={"visible": False},
            marker={"size": 5, "opacity": 0.75, **_by_robustness(table)},
            hovertemplate="<b>%{customdata[0]}</b><br>%{xaxis.title.text}: %{x:.4g}<br>%{yaxis.title.text}: %{y:.4g}"
            "<extra></extra>",
        )
    )
    figure.update_layout(height=140 + 110 * len(names), margin={"l": 8, "r": 8, "t": 8, "b": 8}, dragmode="select")
    return figure


def pairs_sentence(table: pd.DataFrame, names: Sequence[str]) -> str:
    """What `pairs_figure` says."""
    ranks = np.nan_to_num(table[list(names)].corr(method="spearman").to_numpy())
    np.fill_diagonal(ranks, 0.0)
    first, second = np.unravel_index(np.abs(ranks).argmax(), ranks.shape)
    size = ranks[first, second]
    together = "are most closely correlated" if size > 0 else "are most closely anticorrelated"
    return f"Of these, {names[first]} and {names[second]} {together}: Spearman {size:+.2f}, n = {len(table)}."


def parallel_figure(table: pd.DataFrame, names: Sequence[str]) -> go.Figure:
    """A line a student through all chosen columns."""
    figure = go.Figure(
        go.Parcoords(
            dimensions=[_dimension(name, table[name]) for name in names],
            line=_by_robustness(table),
            labelside="bottom",
            unselected={"line": {"opacity": 0.05}},
        )
    )
    figure.update_layout(height=380, margin={"l": 48, "r": 48, "t": 24, "b": 48})
    return figure


def parallel_sentence(table: pd.DataFrame, names: Sequence[str]) -> str:
    """What `parallel_figure` says."""
    held = FIGURES["robustness"]
    others = [name for name in names if name != held]
    if held not in table or not others or len(table) < 8:
        return "Not enough data: too few students, or all are equally robust."
    best = table[table[held] >= table[held].quantile(0.75)]
    spread = table[others].std().replace(0, np.nan)
    shift = ((best[others].mean() - table[others].mean()) / spread).fillna(0.0)
    name = str(shift.abs().idxmax())
    return (
        f"The most robust quarter differs most in {name}: {best[name].mean():.3g} on average, "
        f"{table[name].mean():.3g} over all students (n = {len(best)} and {len(table)}). A lead, not a proof."
    )


def _dimension(name: str, values: pd.Series) -> dict[str, Any]:
    found = np.sort(values.unique())
    ticks = {"tickvals": found, "ticktext": [f"{value:g}" for value in found]} if len(found) <= 6 else {}
    return {"label": name, "values": values, **ticks}


def _by_robustness(table: pd.DataFrame) -> dict[str, Any]:
    held = FIGURES["robustness"]
    if held not in table:
        return {"color": ACCENT}
    return {"color": table[held], "colorscale": SCALE}
