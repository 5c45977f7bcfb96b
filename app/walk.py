"""From student to student: the previous and the next one, by a button or a key."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app import state

PREVIOUS, NEXT = "K", "J"


def buttons(names: Sequence[str]) -> None:
    """Two buttons beside each other.

    Args:
        names: the students in the order in which they are walked.
    """
    here = st.session_state.get("student")
    place = names.index(here) if here in names else -1
    with st.container(horizontal=True):
        _button("Previous", ":material/chevron_left:", PREVIOUS, names[place - 1] if place > 0 else None)
        _button("Next", ":material/chevron_right:", NEXT, names[place + 1] if place + 1 < len(names) else None)


def _button(label: str, icon: str, key: str, to: str | None) -> None:
    help_text = f"{to}, or press {key}" if to else f"There is no {label.lower()} student."
    pressed = st.button(
        label, icon=icon, key=f"walk.{label}", shortcut=key, disabled=to is None, help=help_text, width="stretch"
    )
    if pressed and to:
        state.choose(student=to)
        st.rerun()
