"""Setting a search up: preset, data with a preview, recipe, every other setting, and the start."""

from __future__ import annotations

from typing import Any

import streamlit as st
from pydantic import BaseModel

from app import access, actions, recipes, settings_file, state
from app.search import cost, data_form, forms, labels
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
    "executor": ("Workers", "where students are trained and attacked"),
}
# Drawn above the folded stages, where everyone looks first.
UP_FRONT = {"data": ("name", "text", "pair", "label"), "attack": ("recipe",), "search": ("candidates",)}


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
            data = data_form.source(values.get("data", {}), preset)
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
        look = st.container()
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
    with look:
        shown = data_form.preview(settings, preset)
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
    cost.show(settings, data_form.sizes(settings))
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
        help=labels.about("attack", "recipe", config.AttackConfig.model_fields["recipe"].description),
    )
    st.caption(f"{state.plain(chosen['title'])}: {state.plain(chosen['kind'])}.")
    name: str = chosen["name"]
    return name


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
