"""The table of students: its filter, the row in hand, downloads."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from app import formats, glossary, state
from rosearch_engine.objectives import robust_share
from rosearch_engine.store.rows import AnnotationRow, Count, MeasuredStudent, StudentRow, measured

PERCENTAGES = (
    *("clean accuracy", "after attack", "low", "high", "calibrated", "raw logits", "one-swap robust", "certified"),
    "success rate",
)
CSV_NAMES = {name: f"{name} (%)" for name in PERCENTAGES} | {
    "low": "from (%)",
    "high": "to (%)",
    "attacked": "n",
    "compression": "compression (x)",
    "encoder compression": "encoder compression (x)",
    "latency ms": "latency (ms)",
}
TAGS_APART = "; "
DIGITS = dict.fromkeys(PERCENTAGES, 1) | {
    "compression": 2,
    "encoder compression": 2,
    "latency ms": 2,
    "queries": 1,
}


def build(
    rows: Sequence[MeasuredStudent], ordered: bool = True, marks: Mapping[str, AnnotationRow] | None = None
) -> pd.DataFrame:
    """Measured students as a table, if `ordered` the pinned first, then the front, then those that hold most.

    Args:
        marks: what is noted of them, by name; where nothing is, the table has no columns for it.
    """
    marks = marks or {}
    pinned = [name for name, row in marks.items() if row["pinned"]]
    if ordered:
        rows = sorted(
            rows, key=lambda row: (row["name"] not in pinned, not row["front"], -robust_share(row), -row["accuracy"])
        )
    table = _figures(rows)
    tags = [TAGS_APART.join(marks[row["name"]]["tags"]) if row["name"] in marks else "" for row in rows]
    if any(tags):
        table.insert(1, "tags", tags)
    if any(row["name"] in pinned for row in rows):
        table.insert(1, "pinned", [row["name"] in pinned for row in rows])
    return table


def _figures(rows: Sequence[MeasuredStudent]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "student": [row["name"] for row in rows],
            "front": [row["front"] for row in rows],
            "clean accuracy": [100 * row["accuracy"] for row in rows],
            "after attack": [100 * row["robustness"] for row in rows],
            "low": [100 * row["robustness_interval"][0] for row in rows],
            "high": [100 * row["robustness_interval"][1] for row in rows],
            "attacked": [row["attacked"] for row in rows],
            "calibrated": [_points(row, "calibrated_held") for row in rows],
            "raw logits": [_points(row, "raw_held") for row in rows],
            "one-swap robust": [_points(row, "one_swap_held") for row in rows],
            "certified": [_points(row, "certified") for row in rows],
            "compression": [row["compression"] for row in rows],
            "encoder compression": [_finite(row["encoder_compression"]) for row in rows],
            "parameters": [row["weights"] for row in rows],
            "latency ms": [row["latency_ms"] for row in rows],
            "success rate": [None if row["success_rate"] is None else 100 * row["success_rate"] for row in rows],
            "queries": [row["mean_queries"] for row in rows],
            "origin": [row["origin"] for row in rows],
            "digest": [row["digest"] for row in rows],
        }
    )


def _finite(factor: float) -> float | None:
    """A bag of words has no encoder: nothing is infinitely smaller."""
    return factor if math.isfinite(factor) else None


def _points(row: MeasuredStudent, count: Count) -> float | None:
    held = row[count]
    return None if held is None else 100 * held / row["attacked"]


def columns() -> dict[str, Any]:
    """How the columns of `build` are shown."""
    known, number = glossary.GLOSSARY, st.column_config.NumberColumn
    return {
        "student": st.column_config.TextColumn(pinned=True, help=known["student"]),
        "pinned": st.column_config.CheckboxColumn(help="Students that you pinned. They come first."),
        "tags": st.column_config.TextColumn(help="Tags that you gave the student."),
        "front": st.column_config.CheckboxColumn(help=known["front"]),
        "clean accuracy": number(format="%.1f%%", help=known["clean accuracy"]),
        "after attack": st.column_config.ProgressColumn(
            format="%.1f%%", min_value=0, max_value=100, help=known["after attack"]
        ),
        "low": number("from", format="%.0f%%", help="Lower bound of the 95% interval of after-attack accuracy."),
        "high": number("to", format="%.0f%%", help="Upper bound of the 95% interval of after-attack accuracy."),
        "attacked": number("n", help="Number of attacked sentences."),
        "calibrated": number(format="%.0f%%", help=known["calibrated"]),
        "raw logits": number(format="%.0f%%", help=known["raw"]),
        "one-swap robust": number(format="%.0f%%", help=known["one swap"]),
        "certified": number(format="%.0f%%", help=known["certified"]),
        "compression": number(format="%.1f×", help=known["compression"]),
        "encoder compression": number("encoder", format="%.1f×", help=known["encoder compression"]),
        "parameters": number(format="compact", help=known["parameters"]),
        "latency ms": number("latency", format="%.1f ms", help=known["latency"]),
        "success rate": number(format="%.0f%%", help=known["success rate"]),
        "queries": number(format="%.0f", help=known["mean queries"]),
        "origin": st.column_config.TextColumn(help=known["origin"]),
        "digest": st.column_config.TextColumn(help=known["digest"]),
    }


def filtered(rows: Sequence[StudentRow], marks: Mapping[str, AnnotationRow]) -> list[StudentRow]:
    """The students that pass the filter that the reader sets; those that were not measured stay out of its way.

    Args:
        marks: what is noted of them, by name.
    """
    done = measured(rows)
    tags = sorted({tag for row in done if row["name"] in marks for tag in marks[row["name"]]["tags"]})
    has_pins = any(marks[row["name"]]["pinned"] for row in done if row["name"] in marks)
    codes = sorted({row["genome"].get("code", "plain") for row in done})
    with st.popover("Filter", icon=":material/filter_alt:"):
        known = glossary.GLOSSARY
        accurate = st.slider(
            "Minimum clean accuracy (%)", 0, 100, 0, key="filter.accuracy", help=known["clean accuracy"]
        )
        robust = st.slider("Minimum after attack (%)", 0, 100, 0, key="filter.robustness", help=known["after attack"])
        small = st.slider("Minimum compression (×)", 0, 50, 0, key="filter.compression", help=known["compression"])
        read = st.pills("Input code", codes, selection_mode="multi", key="filter.code") if len(codes) > 1 else []
        tagged = _ask_tags(tags)
        only_pinned = has_pins and st.toggle("Pinned only", key="filter.pinned")

    def passes(row: MeasuredStudent) -> bool:
        mark = marks.get(row["name"])
        return (
            100 * row["accuracy"] >= accurate
            and 100 * row["robustness"] >= robust
            and row["compression"] >= small
            and (not read or row["genome"].get("code", "plain") in read)
            and (not tagged or (mark is not None and bool(set(tagged) & set(mark["tags"]))))
            and (not only_pinned or (mark is not None and mark["pinned"]))
        )

    return [row for row in rows if row["status"] != "done" or passes(row)]


def _ask_tags(known: Sequence[str]) -> list[str]:
    """The tags of which a student must have one; none for all students."""
    if not known:
        return []
    # A tag that was chosen may have been taken off since.
    st.session_state["filter.tag"] = [tag for tag in st.session_state.get("filter.tag") or [] if tag in known]
    return st.pills("Tag", known, selection_mode="multi", key="filter.tag", format_func=state.plain)


def pick_from(table: pd.DataFrame) -> None:
    """The table of students, the one in hand selected; a click on a row takes that one in hand."""
    names = list(table["student"])
    st.session_state["table_names"] = names
    picked = st.session_state.get("student")
    # Drawn anew only when the student was picked elsewhere, so that a click keeps the table's scroll.
    if picked != st.session_state.get("clicked_row"):
        st.session_state["table_turn"] = st.session_state.get("table_turn", 0) + 1
        st.session_state["clicked_row"] = picked if picked in names else None
    rows = [names.index(picked)] if picked in names else []
    st.dataframe(
        table,
        column_config=columns(),
        column_order=[str(name) for name in table if table[name].notna().any()],
        hide_index=True,
        height=height(len(names)),
        key=state.table_key(),
        on_select="rerun",
        selection_mode="single-row",
        selection_default={"selection": {"rows": rows}},
    )


def download(table: pd.DataFrame, name: str) -> None:
    """The table to take away, under the names that it is shown with. The picture's own button saves the picture."""
    st.download_button(
        "Table (CSV)",
        lambda: written(table),
        f"{name}.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def written(table: pd.DataFrame) -> str:
    """The table as CSV: its shown names with their units, percentages in tenths, compression in hundredths."""
    named = table.rename(columns=CSV_NAMES)
    return formats.csv(named.round({CSV_NAMES.get(name, name): digits for name, digits in DIGITS.items()}))


def height(rows: int, most: int = 320) -> int:
    """Pixels for a table that shows its rows and no empty ones."""
    return min(most, 38 + 35 * rows)
