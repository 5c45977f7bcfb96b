"""The picture on the page: a component that returns the range that was brushed on an axis."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import streamlit as st

HERE = Path(__file__).parent
KEY = "parallel"
Range = tuple[float, float]
_view = st.components.v2.component(
    "parallel",
    html="<div class='parallel'></div>",
    css=(HERE / "chart.css").read_text(encoding="utf-8"),
    js=(HERE / "chart.js").read_text(encoding="utf-8"),
)


def show(
    table: pd.DataFrame, ranges: Mapping[str, Range | None], colour: str, brushed: Callable[[str, Range], None]
) -> None:
    """Draw a line a student through the chosen columns; those outside a range are faded.

    Args:
        table: a row a student.
        ranges: the chosen columns, each with what is kept of it, None for all.
        colour: the column that colours the lines, if the table has it.
        brushed: called with a column and the range that was dragged along its axis, before the page runs anew.
    """
    columns = [
        {"name": name, "values": [round(float(value), 4) for value in table[name]], "kept": kept}
        for name, kept in ranges.items()
    ]
    label = f"{len(table)} students through {len(ranges)} columns. The same figures stand in the table below."
    told = {"columns": columns, "colour": colour, "height": 360, "label": label}
    if colour in table and colour not in ranges:
        told["colours"] = [round(float(value), 4) for value in table[colour]]

    def take() -> None:
        brush = (st.session_state.get(KEY) or {}).get("brush")
        if brush and brush[0] in ranges:
            brushed(str(brush[0]), (float(brush[1]), float(brush[2])))

    _view(data=json.dumps(told).encode(), key=KEY, on_brush_change=take)
