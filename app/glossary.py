"""The app's words on the screen: help on the headers of tables, and all terms in one list."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from app import words

# Columns whose name is not the term itself.
COLUMNS = {
    "verdict": "verdict",
    "changes": "changes",
    "queries": "queries",
    "label": "labels of a batch",
    "said": "said",
    "said before": "said",
    "said after": "said",
    "sure before": "calibrated probabilities",
    "sure after": "calibrated probabilities",
    "raw logits": "raw verdict",
    "single swaps": "single swaps",
    "flipping": "flipping",
    "words changed": "changes",
}
SHARES = ("sure before", "sure after")


def columns(table: pd.DataFrame) -> dict[str, Any]:
    """Help for the columns of a table that have a word in the glossary; shares in percent."""
    found: dict[str, Any] = {}
    for name in map(str, table):
        term = words.GLOSSARY.get(COLUMNS.get(name, name))
        if name in SHARES:
            found[name] = st.column_config.NumberColumn(format="%.0f%%", help=term)
        elif term:
            found[name] = st.column_config.Column(help=term)
    return found


def button() -> None:
    """Opens the list of terms."""
    if st.button("Glossary", icon=":material/dictionary:", type="tertiary", key="glossary"):
        _all()


@st.dialog("What the words mean", width="large", icon=":material/dictionary:")
def _all() -> None:
    asked = st.text_input("Find", key="glossary.find", placeholder="a word") or ""
    found = entries(asked)
    if not found:
        st.info("No term has this word.", icon=":material/search_off:")
    for name in sorted(found, key=str.lower):
        st.markdown(f"**{name}**: {found[name]}")


def entries(asked: str = "") -> dict[str, str]:
    """The terms that have what was asked in their name or meaning."""
    known = {words.title(term): text for term, text in words.GLOSSARY.items()}
    return {name: text for name, text in known.items() if asked.lower() in f"{name} {text}".lower()}
