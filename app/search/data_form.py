"""The data of a new search: which, in which columns, and a look at it before anything is started."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app import access, actions, formats, state
from app.search import ahead, labels, uploaded
from rosearch_engine import config
from rosearch_engine.config import DataConfig, RunConfig
from rosearch_engine.errors import UserError

SOURCES = ("By name", "My own file")
FILE_TYPES = ["csv", "tsv", "jsonl", "parquet"]
COLUMNS = ("text", "pair", "label")


def source(values: Mapping[str, Any], preset: str) -> dict[str, Any] | None:
    """The data set's name and columns; None while a file is still to be chosen."""
    fields = DataConfig.model_fields
    chosen = st.segmented_control("Data", SOURCES, default=SOURCES[0], key="source", required=True)
    if chosen == SOURCES[0]:
        first = values.get("name", fields["name"].default)
        about = labels.about("data", "name", fields["name"].description)
        name = (st.text_input("Data set", first, key=f"{preset}.data.name", help=about) or "").strip()
    else:
        sent = st.file_uploader("CSV, TSV, JSONL or Parquet file", FILE_TYPES, key="data.file")
        uploaded.panel()
        if sent is None:
            return None
        name = actions.upload(sent.name, sent.getvalue())
    # A file of one's own is looked into at once; a name may have to be fetched, which waits for a press.
    known = columns_of(name) if chosen == SOURCES[1] or name in st.session_state.get("read_data", ()) else ()
    with st.expander("Columns", icon=":material/view_column:", expanded=chosen == SOURCES[1]):
        return {"name": name} | {column: _column(column, values, preset, name, known) for column in COLUMNS}


def _column(column: str, values: Mapping[str, Any], preset: str, name: str, known: tuple[str, ...]) -> str | None:
    title = labels.label("data", column)
    about = labels.about("data", column, DataConfig.model_fields[column].description)
    empty = "none" if column == "pair" else "detected automatically"
    given = st.session_state.get(f"{preset}.data.{column}") or values.get(column) or ""
    if known:
        return st.selectbox(
            title,
            known,
            index=known.index(given) if given in known else None,
            key=f"{preset}.data.{column}.{name}",
            help=about,
            placeholder=empty,
        )
    typed = st.text_input(title, values.get(column) or "", key=f"{preset}.data.{column}", help=about, placeholder=empty)
    return (typed or "").strip() or None


@st.cache_data(max_entries=8, show_spinner="Reading the columns …")
def columns_of(name: str) -> tuple[str, ...]:
    """The columns of a data set; none if it cannot be read, which the preview says in words."""
    from rosearch_engine import data

    try:
        settings = config.validate({"data": {"name": name}})
        access.require_sources(settings)
        return data.column_names(settings.data)
    except UserError:
        return ()


def preview(settings: RunConfig, preset: str) -> UserError | None:
    """A button, and once it is pressed the rows, the classes, the parts and all that a reader should know first;
    returns what the look shows to be wrong."""
    pressed = st.button("Preview the data", icon=":material/table_view:", key="look")
    if pressed:
        st.session_state["looked_at"] = _key(settings)
        read = st.session_state.setdefault("read_data", set())
        if settings.data.name not in read:
            read.add(settings.data.name)
            st.rerun()  # the columns are known now, and become drop-downs
    if st.session_state.get("looked_at") != _key(settings):
        return None
    try:
        found = _looked_at(_key(settings))
    except UserError as error:
        state.show_error(error)
        return error
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.dataframe(found["rows"], height=240, key="preview_rows")
    with right:
        st.caption(state.plain(found["columns"]))
        total = sum(found["balance"].values()) or 1
        for label, number in found["balance"].items():
            st.progress(number / total, text=state.plain(f"{label}: {number:,} ({number / total:.0%})"))
        parts = {"distillation": "to learn from", "validation": "validation", "search_attack": "attacked by the search"}
        parts["held_out"] = "held out"
        st.caption(" · ".join(f"{size:,} {parts.get(part, part)}" for part, size in found["sizes"].items()))
    left_out = sum(found["dropped"].values())
    if left_out:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in found["dropped"].items())
        st.info(
            f"{formats.plural(left_out, 'row')} of {found['in_all']:,} left out: {state.plain(reasons)}.",
            icon=":material/filter_list_off:",
        )
    for warning in found["warnings"]:
        st.caption(state.plain(warning))
    _teacher(settings, found, preset)
    ahead.show(settings, found["warnings"])
    return None


def _teacher(settings: RunConfig, found: Mapping[str, Any], preset: str) -> None:
    """How many steps the teacher will get, and a warning and a remedy where that is too few to learn anything."""
    from rosearch_engine.check import FEW_STEPS, enough_epochs, teacher_steps

    if found["has_classifier"]:
        return
    steps = teacher_steps(settings, found["sizes"], found["sample"])
    sentences, epochs = found["sizes"]["distillation"], settings.teacher.epochs
    said = (
        f"{sentences:,} training sentences × {_epochs(epochs)} = about {formats.plural(steps, 'step')} of fine-tuning"
    )
    if steps >= FEW_STEPS:
        st.caption(f"Fine-tuning the teacher: {said}.")
        return
    needed = enough_epochs(settings, steps)
    st.warning(
        f"**The teacher will hardly learn:** {said}. With fewer than {FEW_STEPS} it often ends at chance level, and no "
        "student can learn from it.",
        icon=":material/school:",
    )
    if needed > epochs and st.button(
        f"Set fine-tuning to {needed} epochs", icon=":material/auto_fix_high:", key="enough_epochs"
    ):
        state.choose(**{f"{preset}.teacher.epochs": float(needed)})
        st.rerun()


def _epochs(number: float) -> str:
    return f"{number:g} epoch" if number == 1 else f"{number:g} epochs"


def sizes(settings: RunConfig) -> dict[str, int] | None:
    """Sizes of the data set's parts, if the reader has looked at it as it will be used."""
    if st.session_state.get("looked_at") != _key(settings):
        return None
    try:
        known: dict[str, int] = _looked_at(_key(settings))["sizes"]
    except UserError:
        return None
    return known


def _key(settings: RunConfig) -> str:
    """Of all that a look depends on: the data's settings and the teacher's name."""
    return RunConfig(data=settings.data, teacher={"name": settings.teacher.name}).model_dump_json()


@st.cache_data(max_entries=4, show_spinner="Reading the data …")
def _looked_at(key: str) -> dict[str, Any]:
    from rosearch_engine import check, data

    settings = RunConfig.model_validate_json(key)
    access.require_sources(settings)
    found = data.preview(settings.data)
    columns = [f"{kind}: {value}" for kind, value in vars(found.columns).items() if value]
    return {
        "rows": found.rows,
        "balance": found.balance,
        "sizes": found.sizes,
        "in_all": found.rows_in_all,
        "columns": "Columns used: " + ", ".join(columns),
        "dropped": found.dropped,
        "warnings": list(found.warnings),
        "sample": list(found.sample),
        "has_classifier": check.has_classifier(settings.teacher.name, len(found.classes)),
    }
