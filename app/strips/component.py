"""The picture on the page: a component that returns the student that was clicked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from rosearch_engine.store.rows import MeasuredStudent

HERE = Path(__file__).parent
_view = st.components.v2.component(
    "strips",
    html="<div class='strips'></div>",
    css=(HERE / "chart.css").read_text(encoding="utf-8"),
    js=(HERE / "chart.js").read_text(encoding="utf-8"),
)


def show(
    students: Sequence[MeasuredStudent],
    properties: Mapping[str, Sequence[bool]],
    label: str,
    key: str,
    height: int = 360,
) -> None:
    """Draw students by after-attack accuracy, those with each property beside those without it.

    A click leaves `student` in the session's state under the key; see `state.take_picks`.

    Args:
        properties: which students have each, `(students,)`, by the property's name.
        label: what the picture shows, for those who do not see it.
    """
    rows = [
        [row["name"], round(row["robustness"], 4), *(round(bound, 4) for bound in row["robustness_interval"])]
        for row in students
    ]
    sides = [
        {"name": name, "members": "".join("1" if has else "0" for has in members)}
        for name, members in properties.items()
    ]
    told = {"rows": rows, "properties": sides, "label": label, "height": height}
    told["picked"] = st.session_state.get("student")
    _view(data=json.dumps(told).encode(), key=key, on_student_change=lambda: None)
