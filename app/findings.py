"""Figures of the statistics: what in an architecture goes with robustness, and a sentence to each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app import formats, glossary, state
from app.charts import ACCENT, GREY, SCALE
from rosearch_engine.genome import Genome
from rosearch_engine.genome.features import features
from rosearch_engine.objectives import counts
from rosearch_engine.statistics import is_bag, words_of
from rosearch_engine.statistics.splits import Split
from rosearch_engine.store.rows import MeasuredStudent, StudentRow

Said = Mapping[str, Any]  # a `Statistics` as plain values, or a part of it

OUTCOMES = {"After attack": "robustness", "Clean accuracy": "accuracy", "Raw minus calibrated": "gap"}
FIGURES = {"robustness": "after attack (%)", "accuracy": "clean accuracy (%)", "compression": "compression"}
# What is drawn until the reader chooses: enough to see a pattern, few enough to read.
FIRST = ("after attack (%)", "clean accuracy (%)", "compression", words_of("longest_path").name)
MOST_COLUMNS = 6
INK = "#6b7280"  # of whiskers: seen on both grounds, and on the bars
_SIDES = ("circle", "square")
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
    """How closely every feature goes with an outcome: a bar each, with its interval; significant ones in colour."""
    rows = sorted(_associations(what, outcome), key=lambda row: row["spearman"]["size"])
    figure = go.Figure()
    for found, colour, name in ((False, GREY, "not significant"), (True, ACCENT, "significant")):
        some = [row for row in rows if row["spearman"]["found"] == found]
        sizes = [row["spearman"]["size"] for row in some]
        bounds = [row["spearman"]["interval"] for row in some]
        figure.add_trace(
            go.Bar(
                x=sizes,
                y=[words_of(row["feature"]).name for row in some],
                name=name,
                orientation="h",
                marker={"color": colour, "opacity": 1.0 if found else 0.55},
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [high - size for size, (_, high) in zip(sizes, bounds, strict=True)],
                    "arrayminus": [size - low for size, (low, _) in zip(sizes, bounds, strict=True)],
                    "thickness": 1.5,
                    "width": 3,
                    "color": INK,
                },
                text=[_effect_hover(row) for row in some],
                textposition="none",
                hovertemplate="%{text}<extra></extra>",
            )
        )
    figure.add_vline(x=0, line={"width": 1, "color": GREY})
    figure.update_layout(
        xaxis={
            "title": "Spearman's rank correlation (whisker: 95% interval)",
            "range": [-1.02, 1.02],
            "zeroline": False,
        },
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


def split_figure(students: Sequence[StudentRow], split: Split) -> go.Figure:
    """Every student as a point with its interval, those with the property beside those without it."""
    known = {row["number"]: row for row in students if row["status"] == "done"}
    figure = go.Figure()
    for place, (side, colour, name) in enumerate(
        ((split.those, ACCENT, f"with {split.name}"), (split.others, GREY, f"without {split.name}"))
    ):
        rows = sorted((known[number] for number in side), key=lambda row: row["robustness"])
        spread = np.linspace(-0.3, 0.3, len(rows)) if len(rows) > 1 else np.zeros(1)
        shares = np.array([row["robustness"] for row in rows])
        bounds = np.array([row["robustness_interval"] for row in rows]).reshape(-1, 2)
        figure.add_trace(
            go.Scatter(
                x=place + spread,
                y=shares,
                name=f"{name} ({len(rows)})",
                mode="markers",
                customdata=[[row["name"]] for row in rows],
                marker={"size": 10 if len(rows) <= 60 else 6, "color": colour, "symbol": _SIDES[place]},
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": bounds[:, 1] - shares,
                    "arrayminus": shares - bounds[:, 0],
                    "thickness": 1,
                    "width": 0,
                    "visible": len(rows) <= 60,
                },
                hovertemplate="<b>%{customdata[0]}</b><br>after attack %{y:.1%}<extra></extra>",
            )
        )
    figure.update_layout(
        xaxis={
            "tickvals": [0, 1],
            "ticktext": [f"with {split.name}", f"without {split.name}"],
            "range": [-0.5, 1.5],
            "zeroline": False,
        },
        yaxis={"title": "After-attack accuracy (%)", "tickformat": ".0%", "rangemode": "tozero"},
        height=360,
        showlegend=False,
        margin={"l": 8, "r": 8, "t": 16, "b": 8},
    )
    return figure


def split_sentence(students: Sequence[StudentRow], split: Split) -> str:
    """What `split_figure` says."""
    known = {row["number"]: row["robustness"] for row in students if row["status"] == "done"}
    sides = []
    for side in (split.those, split.others):
        shares = [known[number] for number in side]
        sides.append(f"{min(shares):.0%} to {max(shares):.0%} after the attack (n = {len(side)})")
    apart = "no overlap" if abs(split.separation) == 1 else f"Cliff's delta {split.separation:+.2f}"
    looked = f"the best of {split.looked_at} properties" if split.looked_at > 1 else "the only property that varies"
    verdict = "not distinguishable from chance" if split.p >= 0.05 else "not by chance, if students were independent"
    return (
        f"Students with {split.name} keep {sides[0]}, the others {sides[1]}: {apart}, p = {split.p:.2g} allowing for "
        f"{looked}: {verdict}."
    )


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


def parallel_figure(table: pd.DataFrame, ranges: Mapping[str, tuple[float, float] | None]) -> go.Figure:
    """A line a student through all chosen columns; those outside a range are faded.

    Args:
        ranges: the chosen columns, each with what is kept of it, None for all.
    """
    held = FIGURES["robustness"]
    line = _by_robustness(table)
    if held in table:
        line |= {"showscale": True, "colorbar": {"title": {"text": held}, "thickness": 10, "outlinewidth": 0}}
    figure = go.Figure(
        go.Parcoords(
            dimensions=[_dimension(name, table[name], kept) for name, kept in ranges.items()],
            line=line,
            labelside="bottom",
            unselected={"line": {"opacity": 0.05}},
        )
    )
    figure.update_layout(height=380, margin={"l": 60, "r": 48, "t": 24, "b": 48})
    return figure


def within(table: pd.DataFrame, ranges: Mapping[str, tuple[float, float] | None]) -> pd.Series:
    """Which students lie within all ranges."""
    keep = pd.Series(True, index=table.index)
    for name, kept in ranges.items():
        if kept is not None:
            keep &= table[name].between(*kept)
    return keep


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


def importance(what: Said, students: Sequence[StudentRow]) -> None:
    """What was found, and the pictures of the features' and the operations' effects."""
    for finding in what["findings"][:5]:
        st.success(finding["says"], icon=":material/lightbulb:")
    if not what["findings"]:
        st.info(what["conclusion"], icon=":material/balance:")
    st.subheader("Importance of each feature", anchor=False, help=glossary.GLOSSARY["spearman"])
    chosen = st.segmented_control(
        "Outcome", list(OUTCOMES), default="After attack", key="outcome", required=True,
        persist_state="session", help=glossary.of("after attack", "clean accuracy", "gap"),
    )  # fmt: skip
    outcome = OUTCOMES[chosen or "After attack"]
    st.caption(effects_sentence(what, outcome))
    st.plotly_chart(effects_figure(what, outcome), key="effects")
    st.subheader("Effect of each operation", anchor=False)
    st.caption(operations_sentence(what))
    st.plotly_chart(operations_figure(students), key=state.BOXES, on_select="rerun", selection_mode="points")
    if what["model_says"]:
        st.caption(" ".join([what["model_says"], *what["model_rules"]]))


def missing_card(what: Said, needed: int) -> None:
    """What is still missing for more than one picture, and the way to it."""
    lacking = needed - what["n"]
    with st.container(border=True):
        st.markdown(f"**{formats.plural(max(lacking, 0), 'more student')} needed for the other statistics**")
        st.write(
            f"{what['n']} can be compared, {needed} are needed for the importance of each feature: fully measured, "
            "with distinct architectures. Add a second run of the same data above, or search for more students."
            if lacking > 0
            else "The students' robustness or architectures hardly vary. Search with other settings for more variety."
        )
        if st.button("Search for more students", icon=":material/travel_explore:", key="missing.search"):
            state.go("search")


def parallel(table: pd.DataFrame) -> set[str]:
    """Parallel coordinates with a range a column; returns the names of the students within all ranges."""
    st.subheader("All students", anchor=False)
    columns = [str(name) for name in table]
    names = st.multiselect(
        "Columns", columns, default=[name for name in FIRST if name in columns], key="columns",
        max_selections=MOST_COLUMNS,
    )  # fmt: skip
    if len(names) < 2:
        st.info("Choose two or more columns.", icon=":material/checklist:")
        return set(table.index)
    ranges: dict[str, tuple[float, float] | None] = {}
    for place, name in zip(st.columns(len(names)), names, strict=True):
        low, high = float(table[name].min()), float(table[name].max())
        chosen = place.slider(name, low, high, (low, high), key=f"brush.{name}.{low}.{high}")
        ranges[name] = None if chosen == (low, high) else chosen
    keep = within(table, ranges)
    said = f" {formats.plural(int(keep.sum()), 'student')} within these ranges." if not keep.all() else ""
    st.caption(parallel_sentence(table, names) + " Set a range above to filter lines and table." + said)
    st.plotly_chart(parallel_figure(table, ranges), key="parallel")
    return set(table.index[keep])


def _dimension(name: str, values: pd.Series, kept: tuple[float, float] | None) -> dict[str, Any]:
    found = np.sort(values.unique())
    ticks = {"tickvals": found, "ticktext": [f"{value:g}" for value in found]} if len(found) <= 6 else {}
    brush = {} if kept is None else {"constraintrange": list(kept)}
    # The ends of an axis stand above and below it in all their digits, on top of the ticks.
    return {"label": name, "values": values, "tickformat": ".3~g", **ticks, **brush}


def _by_robustness(table: pd.DataFrame) -> dict[str, Any]:
    held = FIGURES["robustness"]
    if held not in table:
        return {"color": ACCENT}
    return {"color": table[held], "colorscale": SCALE}
