"""A run's settings to copy, as a command line and as JSON, and settings to bring in."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app import access, actions, state
from rosearch_engine import config
from rosearch_engine.errors import UserError
from rosearch_engine.store.rows import RunRow

IMPORTED = "imported settings"
LARGEST = 200_000  # characters; all settings take a few thousand


def copies(run: RunRow) -> None:
    """The settings as a command, and as JSON; each has a button that copies it."""
    try:
        settings = access.shown_settings(config.opened(run["config"]))
    except UserError as error:
        state.show_error(error)
        return
    st.markdown("**As a command**")
    st.code(config.as_command(settings), language="bash", wrap_lines=True)
    st.markdown("**As JSON**")
    st.caption("For `search --config FILE`, or to be imported below, here or on another machine.")
    text = config.as_json(settings)
    st.code(text, language="json", height=260)
    st.download_button(
        "Settings (JSON)", text, f"{run['name']}-settings.json", "application/json", on_click="ignore",
        icon=":material/download:",
    )  # fmt: skip


def imports() -> None:
    """Take in settings, and open the form with them; nothing for who may not."""
    if not access.may("import"):
        return
    st.markdown("**Import settings**")
    text = st.text_area(
        "Settings as JSON", key="settings.text", height=140, placeholder='{"search": {"candidates": 20}}'
    )
    if not st.button("Open in the search form", icon=":material/input:", key="settings.import"):
        return
    try:
        if not (text or "").strip():
            raise UserError("config", "it is empty.", "Paste the settings of a run.")
        if len(text) > LARGEST:
            raise UserError("config", f"it has {len(text):,} characters.", "Paste the settings of one run only.")
        settings = actions.import_settings(text)
    except UserError as error:
        state.show_error(error)
        return
    st.session_state["imported"] = settings.model_dump(mode="json")
    state.choose(preset=IMPORTED, panel="New search")
    state.go("search")


def imported() -> dict[str, Any] | None:
    """The settings that were brought in, as nested values."""
    found: dict[str, Any] | None = st.session_state.get("imported")
    return found
