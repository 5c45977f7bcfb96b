"""Attack recipes: their names, and what a missing one needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app import state


@st.cache_data(ttl=30, show_spinner=False)
def known() -> list[dict[str, Any]]:
    """Every attack recipe and whether it is ready here."""
    from rosearch_engine.attack.recipes import catalogue

    return catalogue.recipes()


def label(recipe: Mapping[str, Any]) -> str:
    lacking = "" if recipe["ready"] else f" (needs {', '.join(recipe['missing'])})"
    return f"{recipe['title']}{lacking}"


def note(recipe: Mapping[str, Any]) -> None:
    """What a recipe does, or what brings it."""
    if recipe["ready"]:
        st.caption(f"{state.plain(recipe['title'])}: {state.plain(recipe['kind'])}.")
    else:
        lacking = state.plain(", ".join(recipe["missing"]))
        st.warning(f"{state.plain(recipe['title'])} needs {lacking}. To download it, run:", icon=":material/download:")
        st.code(recipe["note"], language="bash")
