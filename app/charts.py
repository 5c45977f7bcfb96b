"""The colours of the charts, and how runs grew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import plotly.graph_objects as go
import streamlit as st

from app.cache import Step

# Up to this many corners a line has its marks.
FEW = 12
GREY = "#7b8494"
ACCENT = "#2f7de1"
STAR = "#e8590c"
INKS = (ACCENT, "#8a5fd6", "#21915f", "#b0752a", "#c2418a")


TEXT = {"light": "#3a4252", "dark": "#c6ccd8"}


def legible(figure: go.Figure) -> go.Figure:
    """The figure with its axes in a colour that can be read: the library's own grey has too little contrast."""
    ink = TEXT["dark" if st.context.theme.type == "dark" else "light"]
    figure.update_xaxes(tickfont_color=ink, title_font_color=ink)
    return figure.update_yaxes(tickfont_color=ink, title_font_color=ink)


def growth_figure(runs: Mapping[str, Sequence[Step]], against: str, height: int = 220) -> go.Figure:
    """How the hypervolume grew, a line a run.

    Args:
        against: "students" or "minutes".
    """
    figure = go.Figure()
    for (name, steps), ink in zip(runs.items(), cycle(INKS)):
        # A step that changes nothing adds nothing to the picture but its weight.
        corners = [
            (place, step)
            for place, step in enumerate(steps)
            if place in (0, len(steps) - 1) or step.hypervolume != steps[place - 1].hypervolume
        ]
        figure.add_trace(
            go.Scatter(
                x=[place + 1 if against == "students" else step.seconds / 60 for place, step in corners],
                y=[step.hypervolume for _, step in corners],
                name=name,
                mode="lines+markers" if len(corners) <= FEW else "lines",
                line={"shape": "hv", "color": ink, "width": 2},
                customdata=[[step.name] for _, step in corners],
                hovertemplate="after %{customdata[0]}: %{y:.4f}<extra></extra>",
            )
        )
    title = "Students measured" if against == "students" else "Minutes of training and attack"
    figure.update_layout(
        xaxis={"title": title, "rangemode": "tozero"},
        yaxis={"title": "Hypervolume", "rangemode": "tozero"},
        height=height,
        margin={"l": 8, "r": 8, "t": 8 if len(runs) < 2 else 32, "b": 8},
        showlegend=len(runs) > 1,
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0},
    )
    return figure
