"""Plotly figures. Every point carries its student's name in `customdata`, so a click can be traced back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go

from app.cache import Step
from app.formats import interval, percent, times
from rosearch_engine.front import non_dominated
from rosearch_engine.objectives import counts
from rosearch_engine.rescore.rows import HeldOutFigures
from rosearch_engine.store.models import BASELINES
from rosearch_engine.store.rows import MeasuredStudent, MeasurementRow, StudentRow, measured

Objective = Literal["accuracy", "robustness", "compression"]

# Up to this many students every one gets its whiskers; beyond, only the front.
FEW = 12
GREY = "#8a92a3"
ACCENT = "#2f7de1"
STAR = "#e8590c"
OTHER_INKS = ("#7d52c7", "#21915f", "#b0752a", "#c2418a")
INKS = (ACCENT, *OTHER_INKS)
# Readable on white and on black, by lightness as well as by hue.
SCALE = ((0.0, "#3f6fd8"), (0.5, "#23a899"), (1.0, "#f0b429"))


CONFIG = {
    "displaylogo": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
    "toImageButtonOptions": {"format": "svg", "filename": "front"},
}


@dataclass(frozen=True)
class Axis:
    """One objective as it is drawn."""

    key: Objective
    title: str
    share: bool

    def layout(self) -> dict[str, Any]:
        tail = {"tickformat": ".0%"} if self.share else {"ticksuffix": "×"}
        return {"title": f"{self.title}  → better", "zeroline": False, **tail}


AXES: dict[Objective, Axis] = {
    "accuracy": Axis("accuracy", "Clean accuracy (%)", share=True),
    "robustness": Axis("robustness", "After-attack accuracy (%)", share=True),
    "compression": Axis("compression", "Compression vs teacher", share=False),
}

# The plane's name, as the reader and the address see it: (x, y, colour).
PLANES: dict[str, tuple[Objective, Objective, Objective]] = {
    "Robustness vs accuracy": ("accuracy", "robustness", "compression"),
    "Robustness vs size": ("compression", "robustness", "accuracy"),
    "Accuracy vs size": ("compression", "accuracy", "robustness"),
}


def front_figure(
    students: Sequence[StudentRow],
    teacher: MeasurementRow | None,
    plane: str,
    *,
    dominated: bool = True,
    again: Mapping[str, HeldOutFigures] | None = None,
    others: Mapping[str, Sequence[StudentRow]] | None = None,
    ring: str | None = None,
    revision: int = 0,
    height: int = 560,
    compact: bool = False,
) -> go.Figure:
    """The trade-off in one plane.

    Args:
        students: rows of `Store.students`; those without a measurement are left out.
        teacher: the teacher's measurement, drawn as a diamond.
        plane: a key of `PLANES`.
        dominated: whether to draw the students that another one beats.
        again: held-out figures under the run's own attack by student name: drawn where they lead each student to.
        others: measured students of further runs by the run's name: drawn as the steps of their fronts.
        ring: a student to mark that was picked outside this figure.
        revision: changes whenever the ring does, so that a stale selection is dropped.
        compact: without legend and colour bar, for an overview.
    """
    x, y, colour = (AXES[key] for key in PLANES[plane])
    rows = measured(students)
    in_plane = _in_plane(rows, x.key, y.key)
    few = len(rows) <= FEW
    groups = {
        "dominated": [s for s, best in zip(rows, in_plane, strict=True) if not s["front"] and not best],
        "Pareto-optimal on all three": [s for s, best in zip(rows, in_plane, strict=True) if s["front"] and not best],
        "Pareto front in this plane": [s for s, best in zip(rows, in_plane, strict=True) if best],
    }
    figure = go.Figure()
    for (name, theirs), ink in zip((others or {}).items(), cycle(OTHER_INKS)):
        figure.add_trace(_front_of(theirs, name, x.key, y.key, ink))
    if dominated:
        figure.add_trace(_points(groups["dominated"], "dominated", x, y, colour, 7, few))
    figure.add_trace(_steps(groups["Pareto front in this plane"], x.key, y.key))
    figure.add_trace(
        _points(groups["Pareto-optimal on all three"], "Pareto-optimal on all three", x, y, colour, 11, few)
    )
    figure.add_trace(
        _points(groups["Pareto front in this plane"], "Pareto front in this plane", x, y, colour, 17, True)
    )
    if compact:
        figure.update_traces(marker={"color": ACCENT}, selector=lambda trace: trace.marker.coloraxis is not None)
    for name, size, look in (
        ("Pareto front in this plane", 13, {"color": ACCENT}),
        ("Pareto-optimal on all three", 10, {"color": ACCENT, "opacity": 0.6}),
        ("dominated", 7, {"color": GREY, "opacity": 0.5}),
        ("knee", 13, {"color": STAR, "symbol": "star"}),
        ("baseline", 9, {"color": GREY, "symbol": "square"}),
    ):
        if name != "dominated" or dominated:
            figure.add_trace(_legend_only(name, len(groups.get(name, [])), size, look))
    for trace in _again(rows, again or {}, x, y):
        figure.add_trace(trace)
    if teacher is not None:
        figure.add_trace(_teacher(teacher, x, y))
    _ring(figure, rows, ring, x.key, y.key)
    figure.update_layout(
        xaxis=x.layout(),
        yaxis=y.layout(),
        height=height,
        margin={"l": 8, "r": 8, "t": 8 if compact else 24, "b": 8},
        showlegend=not compact,
        legend={
            "orientation": "h",
            "yref": "container",
            "y": 0,
            "yanchor": "bottom",
            "x": 0,
            "itemsizing": "trace",
            "font": {"size": 12},
        },
        clickmode="event+select",
        dragmode="pan",
        hoverlabel={"align": "left"},
        meta={"revision": revision},
        coloraxis={
            "colorscale": SCALE,
            "showscale": not compact,
            "colorbar": {
                "title": {"text": f"Colour: {colour.title}", "side": "top", "font": {"size": 12}},
                "orientation": "h",
                "x": 0,
                "xanchor": "left",
                "y": 1.02,
                "yanchor": "bottom",
                "len": 0.6,
                "thickness": 8,
                "outlinewidth": 0,
                "tickformat": ".0%" if colour.share else "",
                "ticksuffix": "" if colour.share else "×",
            },
        },
    )
    return figure


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


def _in_plane(rows: Sequence[MeasuredStudent], x: Objective, y: Objective) -> np.ndarray:
    values = [(s[x], s[y]) if counts(s) else (0.0, 0.0) for s in rows]
    return non_dominated(np.array(values, dtype=float).reshape(len(rows), 2))


def _points(
    students: Sequence[MeasuredStudent],
    name: str,
    x: Axis,
    y: Axis,
    colour: Axis,
    size: int,
    whiskers: bool,
) -> go.Scatter:
    beaten = name == "dominated"
    ringed = name == "Pareto front in this plane"
    faded: dict[str, Any] = {"color": GREY, "opacity": 0.35}
    coloured: dict[str, Any] = {"color": _column(students, colour.key), "coloraxis": "coloraxis", "opacity": 0.95}
    return go.Scatter(
        x=_column(students, x.key),
        y=_column(students, y.key),
        name=name,
        legendgroup=name,
        showlegend=False,
        mode="markers",
        customdata=np.array([[s["name"]] for s in students], dtype=object),
        text=np.array([_hover(s) for s in students], dtype=object),
        hovertemplate="%{text}<extra></extra>",
        error_x=_whiskers(students, x, whiskers),
        error_y=_whiskers(students, y, whiskers),
        marker={
            "size": _once([size + 6 * bool(s["knee"]) for s in students]),
            "symbol": _once([_symbol(s) for s in students]),
            "line": {
                "width": _once([2 if s["knee"] or ringed else 0 for s in students]),
                "color": _once([STAR if s["knee"] else ACCENT for s in students]),
            },
            **(faded if beaten else coloured),
        },
        selected={"marker": {"opacity": 1, "size": size + 7}},
        unselected={"marker": {"opacity": 0.2 if beaten else 0.45}},
    )


def _column(students: Sequence[MeasuredStudent], key: Objective) -> np.ndarray:
    return np.array([s[key] for s in students], dtype=float)


def _once(values: list[Any]) -> Any:
    """The value that all have, or the list: Plotly looks at each element of a list, thousands of times for nothing."""
    return values[0] if values and values.count(values[0]) == len(values) else values


def _symbol(student: MeasuredStudent) -> str:
    if student["knee"]:
        return "star"
    if not counts(student):
        return "x-thin-open"
    return "square" if student["origin"] in BASELINES else "circle"


def _whiskers(students: Sequence[MeasuredStudent], axis: Axis, wanted: bool) -> dict[str, Any]:
    if not wanted or not axis.share:
        return {"visible": False}
    bounds = [s["accuracy_interval"] if axis.key == "accuracy" else s["robustness_interval"] for s in students]
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - s[axis.key] for s, (_, high) in zip(students, bounds, strict=True)],
        "arrayminus": [s[axis.key] - low for s, (low, _) in zip(students, bounds, strict=True)],
        "thickness": 1,
        "width": 3,
        "color": "rgba(138, 146, 163, 0.5)",
    }


def _hover(student: MeasuredStudent) -> str:
    return (
        f"<b>{student['name']}</b> {'knee, ' if student['knee'] else ''}{student['origin']}"
        f"{'' if counts(student) else ', below accuracy floor'}<br>"
        f"clean {percent(student['accuracy'])}<br>"
        f"after attack {percent(student['robustness'])} ({interval(student['robustness_interval'])})<br>"
        f"{times(student['compression'])} smaller, {student['latency_ms']:.1f} ms"
    )


def _steps(front: Sequence[MeasuredStudent], x: Objective, y: Objective) -> go.Scatter:
    corners = sorted((s[x], s[y]) for s in front)
    return go.Scatter(
        x=[a for a, _ in corners],
        y=[b for _, b in corners],
        mode="lines",
        line={"shape": "vh", "dash": "dot", "width": 2, "color": ACCENT},
        hoverinfo="skip",
        showlegend=False,
    )


def _front_of(students: Sequence[StudentRow], run: str, x: Objective, y: Objective, ink: str) -> go.Scatter:
    """Another run's front in this plane. Its points carry no name: a click takes only students of the run in hand."""
    rows = measured(students)
    corners = sorted((s[x], s[y], s["name"]) for s, best in zip(rows, _in_plane(rows, x, y), strict=True) if best)
    return go.Scatter(
        x=[a for a, _, _ in corners],
        y=[b for _, b, _ in corners],
        text=[name for _, _, name in corners],
        name=run,
        mode="lines+markers",
        line={"shape": "vh", "width": 1.5, "color": ink},
        marker={"size": 7, "symbol": "x-thin", "line": {"width": 1.5, "color": ink}},
        hovertemplate=f"<b>{run}</b> %{{text}}<extra></extra>",
    )


def _again(rows: Sequence[MeasuredStudent], found: Mapping[str, HeldOutFigures], x: Axis, y: Axis) -> list[go.Scatter]:
    """Where re-scoring on held-out sentences led each student: a line from its search-time point to an open square."""
    pairs = [(s, _held_out(s, found[s["name"]])) for s in rows if s["name"] in found]
    if not pairs:
        return []
    ink = {"color": STAR, "width": 1.5}
    ways: dict[str, list[float | None]] = {"x": [], "y": []}
    for before, after in pairs:
        ways["x"] += [before[x.key], after[x.key], None]
        ways["y"] += [before[y.key], after[y.key], None]
    after_all = [after for _, after in pairs]
    return [
        go.Scatter(**ways, mode="lines", line=ink | {"dash": "dot"}, hoverinfo="skip", showlegend=False),
        go.Scatter(
            x=[after[x.key] for after in after_all],
            y=[after[y.key] for after in after_all],
            name="held out",
            mode="markers",
            customdata=[[after["name"]] for after in after_all],
            text=[_again_hover(after) for after in after_all],
            hovertemplate="%{text}<extra></extra>",
            error_y=_whiskers(after_all, y, wanted=True),
            marker={"size": 10, "symbol": "square-open", "color": STAR, "line": {"width": 2}},
            unselected={"marker": {"opacity": 0.5}},
        ),
    ]


def _held_out(student: MeasuredStudent, found: HeldOutFigures) -> MeasuredStudent:
    return {
        **student,
        "robustness": found["robustness"],
        "robustness_interval": found["interval"],
        "accuracy": found["accuracy"],
        "attacked": found["attacked"],
    }


def _again_hover(after: MeasuredStudent) -> str:
    held = f"{percent(after['robustness'])} ({interval(after['robustness_interval'])})"
    return (
        f"<b>{after['name']}</b> on held-out sentences<br>clean {percent(after['accuracy'])}<br>"
        f"after attack {held}, n = {after['attacked']}"
    )


def _legend_only(name: str, number: int, size: int, look: dict[str, Any]) -> go.Scatter:
    """An entry of the legend: the points of a group differ in shape, so none of them can stand for all."""
    label = f"{name} ({number})" if number else name
    marker = {"size": size, **look}
    return go.Scatter(x=[None], y=[None], mode="markers", name=label, legendgroup=name, marker=marker)


def _teacher(teacher: MeasurementRow, x: Axis, y: Axis) -> go.Scatter:
    at = {"accuracy": teacher["accuracy"], "robustness": teacher["robustness"], "compression": 1.0}
    bounds = interval(teacher["robustness_interval"])
    return go.Scatter(
        x=[at[x.key]],
        y=[at[y.key]],
        mode="markers+text",
        name="teacher",
        text=["teacher"],
        textposition="top center",
        marker={"symbol": "diamond", "size": 14, "color": GREY, "line": {"width": 1, "color": "white"}},
        hovertemplate=f"<b>teacher</b><br>clean {percent(teacher['accuracy'])}<br>"
        f"after attack {percent(teacher['robustness'])} ({bounds})<extra></extra>",
        unselected={"marker": {"opacity": 0.6}},
    )


def _ring(figure: go.Figure, rows: Sequence[MeasuredStudent], name: str | None, x: Objective, y: Objective) -> None:
    picked = [s for s in rows if s["name"] == name]
    if not picked:
        return
    figure.add_trace(
        go.Scatter(
            x=[picked[0][x]],
            y=[picked[0][y]],
            mode="markers+text",
            text=[name],
            textposition="bottom center",
            marker={"symbol": "circle-open", "size": 30, "color": STAR, "line": {"width": 3}},
            hoverinfo="skip",
            showlegend=False,
            # A click on another point takes the ring away without redrawing the figure.
            unselected={"marker": {"opacity": 0}, "textfont": {"color": "rgba(0,0,0,0)"}},
        )
    )
