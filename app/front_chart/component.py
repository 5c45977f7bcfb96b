"""The picture on the page: a component that follows a live run without losing its zoom, and returns what was picked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import streamlit as st

from app.front_chart.points import Objective, front_of
from rosearch_engine.config import Measure
from rosearch_engine.store.rows import StudentRow, measured

HERE = Path(__file__).parent
_view = st.components.v2.component(
    "front_chart",
    html="<div class='front-chart'></div>",
    css=(HERE / "chart.css").read_text(encoding="utf-8"),
    js=(HERE / "chart.js").read_text(encoding="utf-8"),
)

AXES: dict[Objective, dict[str, Any]] = {
    "accuracy": {"title": "Clean accuracy (%)", "share": True, "log": False},
    "robustness": {"title": "After-attack accuracy (%)", "share": True, "log": False},
    "certified": {"title": "Certified share (%)", "share": True, "log": False},
    "compression": {"title": "Compression vs teacher (×)", "share": False, "log": True},
}

# The plane's name, as the reader and the address see it: (x, y, what a third colour shows).
PLANES: dict[str, tuple[Objective, Objective, Objective]] = {
    "Robustness vs accuracy": ("accuracy", "robustness", "compression"),
    "Proof vs accuracy": ("accuracy", "certified", "robustness"),
    "Robustness vs size": ("compression", "robustness", "accuracy"),
    "Accuracy vs size": ("compression", "accuracy", "robustness"),
}
PLANE_OF: dict[Measure, str] = {"held": "Robustness vs accuracy", "certified": "Proof vs accuracy"}
COLOURS = {"kind": "Kind of student", "code": "Input code", "third": "Third objective"}


@dataclass(frozen=True)
class View:
    """What is shown of a run.

    Attributes:
        of: changes when another run is shown: then the zoom is let go.
        picked: the student to ring.
        colour: a key of `COLOURS`.
        dominated: whether students that another one beats are drawn.
        shown: names of the students that pass a filter; None for all.
        again: rows of `points.held_out`, drawn where they lead each student to.
        others: students of further runs by the run's name, drawn as their fronts.
        small: without legend and tools.
        file: name of the picture, when it is saved.
    """

    of: str
    picked: str | None = None
    plane: str = PLANE_OF["held"]
    colour: str = "kind"
    dominated: bool = True
    shown: Sequence[str] | None = None
    again: Sequence[Sequence[Any]] = ()
    others: Mapping[str, Sequence[StudentRow]] = field(default_factory=dict)
    height: int = 520
    small: bool = False
    file: str = "front"

    def json(self) -> bytes:
        """As `chart.js` takes it."""
        x, y, _ = plane = PLANES[self.plane]
        told = {key: getattr(self, key) for key in ("of", "picked", "colour", "dominated", "height", "small", "file")}
        told |= {"plane": plane, "axes": AXES, "again": list(self.again)}
        told |= {"shown": None if self.shown is None else list(self.shown)}
        told |= {"others": [{"run": run, "points": front_of(rows, x, y)} for run, rows in self.others.items()]}
        told |= {"empty": "Nothing passes." if self.shown is not None else "Students appear here by themselves."}
        told |= {"label": f"{self.plane}: a point for each student. The same figures stand in the table of students."}
        return json.dumps(told).encode()


def first_plane(students: Sequence[StudentRow]) -> str:
    """The plane that shows what a run's search looked for."""
    return PLANE_OF[next((row["measure"] or "held" for row in measured(students)), "held")]


def show(view: View, points: bytes, key: str) -> None:
    """Draw students.

    A click leaves `student` in the session's state under the key, a lasso `chosen`; see `state.take_picks`.

    Args:
        points: `Points.json`.
    """
    data = b'{"view": ' + view.json() + b', "run": ' + points + b"}"
    _view(data=data, key=key, on_student_change=_nothing, on_chosen_change=_nothing)


def _nothing() -> None:
    """A component returns what has a callback."""
