"""Setting a search up: preset, data with a preview, recipe, every other setting, and the start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st
from pydantic import BaseModel

from app import access, actions, recipes, settings_file, state
from app.search import cost, forms, uploaded
from rosearch_engine import config, resources
from rosearch_engine.config import RunConfig
from rosearch_engine.errors import UserError

PRESET_WORDS = {
    "demo": "12 students, two bags of words and four plain chains, each attacked on 100 sentences. For a first look.",
    "standard": "40 students, longer training. For results you want to use.",
    settings_file.IMPORTED: "The settings that you imported, ready to be changed.",
}

SECTIONS = {
    "data": ("Data", "which sentences, and how they are split"),
    "teacher": ("Teacher", "the model every student learns from"),
    "space": ("Search space", "which architectures may be sampled"),
    "distil": ("Distillation", "how a student learns"),
    "attack": ("Attack", "the attack on every student"),
    "objectives": ("Objectives", "weights of the scalar strategy"),
    "search": ("Search", "strategy, size, seed"),
}
# Drawn above the folded stages, where everyone looks first.
UP_FRONT = {"data": ("name", "text", "pair", "label"), "attack": ("recipe",), "search": ("candidates",)}
SOURCES = ("By name", "My own file")
FILE_TYPES = ["csv", "tsv", "jsonl", "parquet"]


def form() -> None:
    """The whole form; starts the search on a press."""
    if not access.may("start"):
        state.show_error(access.refusal("start"))
        return
    run, presets = state.run(), sorted(config.PRESETS, key=lambda name: name != "demo")
    if run is not None:
        presets.append(state.like(run["name"]))
    imported = settings_file.imported()
    presets += [settings_file.IMPORTED] if imported else []
    if st.session_state.get("preset") not in presets:
        st.session_state["preset"] = "demo"
    preset = st.segmented_control("Preset", presets, key="preset", required=True) or "demo"
    st.caption(PRESET_WORDS.get(preset, "The settings of the selected run, ready to be changed."))
    values = config.PRESETS[preset] if preset in config.PRESETS else run["config"] if run else {}
    if imported and preset == settings_file.IMPORTED:
        values = imported
    answers: dict[str, dict[str, Any]] = {stage: {} for stage in SECTIONS}
    left, right = st.columns(2, gap="large")
    try:
        with left:
            data = _data(values.get("data", {}), preset)
        with right:
            answers["attack"]["recipe"] = _recipe(values.get("attack", {}).get("recipe"), preset)
            count = {"candidates": values.get("search", {}).get("candidates", RunConfig().search.candidates)}
            rest = tuple(name for name in config.SearchConfig.model_fields if name != "candidates")
            answers["search"] |= forms.draw("search", config.SearchConfig, count, preset, skip=rest)
        if data is None:
            st.info(
                "Choose a file to continue: a header, a column of sentences and one of classes.",
                icon=":material/upload:",
            )
            return
        answers["data"] |= data
        shown = _preview(answers["data"])
        start = st.container(border=True)
        st.markdown("**Advanced settings**")
        for stage, (title, about) in SECTIONS.items():
            kind = RunConfig.model_fields[stage].annotation
            assert isinstance(kind, type)
            assert issubclass(kind, BaseModel)
            with st.expander(f"{title}: {about}"):
                answers[stage] |= forms.draw(stage, kind, values.get(stage, {}), preset, skip=UP_FRONT.get(stage, ()))
        settings = config.validate(answers)
    except UserError as error:
        state.show_error(error)
        return
    with start:
        of = run["name"] if run and preset == state.like(run["name"]) else preset.split()[0]
        _start_box(settings, of, shown)


def _start_box(settings: RunConfig, preset: str, shown: UserError | None) -> None:
    known = {row["name"] for row in state.runs()}
    lacking = missing(settings)
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    name = left.text_input("Run name", _free_name(preset, known), key=f"run_name.{len(known)}.{preset}")
    pressed = right.button(
        "Start the search",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        disabled=bool(lacking),
        key="start",
    )
    cost.show(settings, looked_at(settings))
    if lacking:
        names = ", ".join(status.name for status in lacking)
        st.warning(f"Not on this machine yet: {state.plain(names)}. To download it, run:", icon=":material/download:")
        st.code("python -m rosearch_engine fetch " + " ".join(status.name for status in lacking), language="bash")
    if pressed:
        _start((name or "").strip(), settings, shown)


def missing(settings: RunConfig) -> list[resources.Status]:
    """Resources the settings name that are not on this machine."""
    recipe = next((r for r in recipes.known() if r["name"] == settings.attack.recipe), None)
    needed = {settings.data.name, settings.teacher.name, *(recipe["missing"] if recipe else ())}
    needed |= {"wordnet"} if settings.ties_synonyms else set()
    return [status for status in resource_states() if status.name in needed and not status.ready]


@st.cache_data(ttl=15, show_spinner=False)
def resource_states() -> list[resources.Status]:
    return resources.status()


def _data(values: Mapping[str, Any], preset: str) -> dict[str, Any] | None:
    """The data set's name and columns; None while a file is still to be chosen."""
    fields = config.DataConfig.model_fields
    source = st.segmented_control("Data", SOURCES, default=SOURCES[0], key="source", required=True)
    if source == SOURCES[0]:
        first = values.get("name", fields["name"].default)
        name = st.text_input("Data set", first, key=f"{preset}.data.name", help=fields["name"].description)
        answers: dict[str, Any] = {"name": (name or "").strip()}
    else:
        sent = st.file_uploader("CSV, TSV, JSONL or Parquet file", FILE_TYPES, key="data.file")
        uploaded.panel()
        if sent is None:
            return None
        answers = {"name": actions.upload(sent.name, sent.getvalue())}
    with st.expander("Columns", icon=":material/view_column:"):
        for column in ("text", "pair", "label"):
            given = st.text_input(
                forms.label(column),
                values.get(column) or "",
                key=f"{preset}.data.{column}",
                help=fields[column].description,
                placeholder="none" if column == "pair" else "detected automatically",
            )
            answers[column] = (given or "").strip() or None
    return answers


def _recipe(wanted: str | None, preset: str) -> str:
    known = recipes.known()
    ready = [index for index, recipe in enumerate(known) if recipe["ready"]]
    first = next((index for index in ready if known[index]["name"] == wanted), ready[0] if ready else 0)
    chosen = st.selectbox(
        "Attack",
        known,
        index=first,
        format_func=recipes.label,
        key=f"{preset}.attack.recipe",
        help=config.AttackConfig.model_fields["recipe"].description,
    )
    st.caption(f"{state.plain(chosen['title'])}: {state.plain(chosen['kind'])}.")
    name: str = chosen["name"]
    return name


def _preview(answers: dict[str, Any]) -> UserError | None:
    """A look at the data, if asked for; returns what it shows to be wrong."""
    key = _look_key(answers)
    asked = st.button("Preview the data", icon=":material/table_view:", key="look")
    if asked:
        st.session_state["looked_at"] = key
    if st.session_state.get("looked_at") != key:
        return None
    try:
        found = _looked_at(answers["name"], answers["text"], answers["pair"], answers["label"])
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
        for warning in found["warnings"]:
            st.caption(state.plain(warning))
        st.caption(" · ".join(f"{part.replace('_', ' ')} {size:,}" for part, size in found["sizes"].items()))
    return None


def looked_at(settings: RunConfig) -> dict[str, int] | None:
    """Sizes of the data set's parts, if the reader has looked at it as it will be used."""
    data = settings.data
    names = {column: getattr(data, column) for column in ("name", "text", "pair", "label")}
    if st.session_state.get("looked_at") != _look_key(names) or data != config.DataConfig(**names):
        return None
    try:
        sizes: dict[str, int] = _looked_at(**names)["sizes"]
    except UserError:
        return None
    return sizes


def _look_key(answers: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted((name, value or "") for name, value in answers.items()))


@st.cache_data(max_entries=4, show_spinner="Reading the data …")
def _looked_at(name: str, text: str | None, pair: str | None, label: str | None) -> dict[str, Any]:
    from rosearch_engine import data

    settings = config.validate({"data": {"name": name, "text": text, "pair": pair, "label": label}})
    access.require_sources(settings)
    found = data.preview(settings.data)
    columns = [f"{kind}: {value}" for kind, value in vars(found.columns).items() if value]
    return {
        "rows": found.rows,
        "balance": found.balance,
        "sizes": found.sizes,
        "columns": "Columns used: " + ", ".join(columns),
        "warnings": [f"{count:,} rows are left out: {reason}." for reason, count in found.dropped.items()]
        + list(found.warnings),
    }


def _free_name(preset: str, known: set[str]) -> str:
    return next(name for n in range(1, len(known) + 2) if (name := f"{preset}-{n}") not in known)


def _start(name: str, settings: RunConfig, shown: UserError | None) -> None:
    try:
        actions.start(name, settings)
    except UserError as error:
        if shown is None or error.as_dict() != shown.as_dict():  # the preview may say it already
            state.show_error(error)
        return
    state.choose(run=name, student=None, panel="Watch")
    st.rerun()
