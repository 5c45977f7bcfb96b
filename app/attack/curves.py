"""How soon an attack gets through: the share of sentences lost against the queries that it may ask of each."""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st

from app import cards, charts, formats, glossary, state
from app.charts import ACCENT, GREY, STAR
from rosearch_engine.objectives import wilson
from rosearch_engine.rescore.rows import CurvesRow
from rosearch_engine.store.models import BAG, CHAIN, TEACHER
from rosearch_engine.store.rows import MeasuredStudent, RunRow

KINDS = {BAG: "bag of words", CHAIN: "plain chain"}
LOOKS = {
    "student": (ACCENT, "solid", 3),
    BAG: (GREY, "dashdot", 2),
    CHAIN: (GREY, "dash", 2),
    TEACHER: (STAR, "dot", 2),
}


def panel(run: RunRow, student: MeasuredStudent) -> None:
    """The curve of the student in hand beside those of a bag of words, the nearest plain chain and the teacher."""
    found = state.curves(run, student["name"])
    if not found:
        cards.empty("No attack to plot", "The curve needs the sentences that the search attacked.")
        return
    titles = [title(row) for row in found]
    chosen = titles[0]
    if len(found) > 1:
        chosen = st.segmented_control("Measured on", titles, default=titles[0], key="curve", required=True) or chosen
    row = found[titles.index(chosen)]
    st.subheader(f"Sentences lost by queries: {chosen}", anchor=False, help=glossary.GLOSSARY["success curve"])
    st.caption(state.plain(sentence(row, student["name"])))
    drawn = charts.legible(figure(row, student["name"]))
    st.plotly_chart(drawn, key="curve_chart", config={"displaylogo": False})
    st.caption(
        "Attack on calibrated logits only: a sentence lost only to a single swap or to the attack on raw logits is "
        f"not counted as lost here. Accuracy after the attack: {left_standing(row)}.",
        help=glossary.of("calibrated", "interval"),
    )


def title(row: CurvesRow) -> str:
    """Which attack on which sentences, with their number."""
    kind = "held-out sentences" if row["held_out"] else "search sentences"
    return f"{cards.title(row['recipe'])}, {kind}, n = {row['n']}"


def figure(row: CurvesRow, student: str) -> go.Figure:
    """A step curve a model, as far as any of them still changes."""
    drawn = go.Figure()
    for name, line in row["lines"].items():
        colour, dash, width = LOOKS["student" if name == student else line["origin"]]
        drawn.add_trace(
            go.Scatter(
                x=[queries for queries, _ in line["curve"]],
                y=[share for _, share in line["curve"]],
                name=label(name, line["origin"]) if name != student else name,
                mode="lines",
                line={"shape": "hv", "color": colour, "dash": dash, "width": width},
                hovertemplate="%{y:.0%} lost within %{x} queries",
            )
        )
    drawn.update_layout(
        xaxis={"title": "Queries per sentence", "range": [0, _end(row)]},
        yaxis={"title": "Sentences lost (%)", "tickformat": ".0%", "range": [0, 1]},
        height=420,
        margin={"l": 8, "r": 8, "t": 32, "b": 8},
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0},
        hovermode="x unified",
    )
    return drawn


def _end(row: CurvesRow) -> float:
    """Where the last sentence of all falls, and a little more: from there to the budget nothing happens."""
    curves = [line["curve"] for line in row["lines"].values()]
    # The last corner only carries the curve on to the budget.
    falls = max((curve[-2][0] for curve in curves if len(curve) > 1), default=0)
    return min(curves[0][-1][0], 1.1 * max(falls, 20))


def sentence(row: CurvesRow, student: str) -> str:
    """What `figure` says, for the half of the sentences."""
    parts = []
    for name, line in row["lines"].items():
        who = name if name == student else label(name, line["origin"])
        needed = next((queries for queries, share in line["curve"] if share >= 0.5), None)
        if needed is None:
            parts.append(f"more than {line['curve'][-1][0]:,} ({who})")
        else:
            parts.append(f"{needed:,} ({who})" if needed else f"0 ({who}: half are misclassified without an attack)")
    return f"Queries per sentence until half of the {row['n']} sentences are lost: {', '.join(parts)}."


def left_standing(row: CurvesRow) -> str:
    """What each model holds at the end, with its interval."""
    parts = []
    for name, line in row["lines"].items():
        held = round((1 - line["curve"][-1][1]) * row["n"])
        parts.append(
            f"{label(name, line['origin'])} {held / row['n']:.0%} ({formats.interval(wilson(held, row['n']))})"
        )
    return ", ".join(parts)


def label(name: str, origin: str) -> str:
    return f"{KINDS[origin]} {name}" if origin in KINDS else f"the {name}" if origin == TEACHER else name
