"""Attacked sentences as tables and files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from app import formats
from app.attack.drawing import changes
from app.attack.verdicts import verdict


def downloads(whole: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], name: str) -> None:
    """Results to take away: all that is known as JSON, a row a sentence as CSV."""
    for title, make, kind in (
        ("JSON", lambda: json.dumps(whole, indent=2, ensure_ascii=False), "application/json"),
        ("CSV", lambda: formats.csv(result_table(rows)), "text/csv"),
    ):
        st.download_button(
            title,
            make,
            file_name=f"{name}.{title.lower()}",
            mime=kind,
            icon=":material/download:",
            on_click="ignore",
            key=f"{title}.{name}",
        )


def result_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A row a sentence: what an attack did to it. Probabilities are those of the class that it is labelled."""
    return pd.DataFrame(
        {
            "verdict": [verdict(row) for row in rows],
            "sentence": [row["original"] for row in rows],
            "queries": [row["queries"] for row in rows],
            "confidence before": [_sure(row, "before", "probabilities") for row in rows],
            "confidence after": [_sure(row, "after", "probabilities") for row in rows],
            "changes": [changes(row["words"]) for row in rows],
            "label": [row["label"] for row in rows],
            "prediction before": [row["before"]["name"] for row in rows],
            "prediction after": [row["after"]["name"] for row in rows],
            "raw before": [_sure(row, "before", "raw") for row in rows],
            "raw after": [_sure(row, "after", "raw") for row in rows],
            "raw logits": [row["raw_outcome"] for row in rows],
            "single swaps": [row["one_swap"] and row["one_swap"]["asked"] for row in rows],
            "flipping": [row["one_swap"] and row["one_swap"]["flips"] for row in rows],
            "certified": [_is_certified(row) for row in rows],
            "changed sentence": [row["perturbed"] for row in rows],
            "reason": [row["reason"] for row in rows],
        }
    )


def trace_table(trace: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A row a text that the model was asked about: which words were other, and the label's probability then."""
    return pd.DataFrame(
        {
            "": range(1, 1 + len(trace)),
            "query": [changes(row["words"]) or "original sentence" for row in trace],
            "P(label)": [row["probability"] for row in trace],
        }
    )


def _sure(row: Mapping[str, Any], when: str, key: str) -> float | None:
    """The probability of the sentence's label; None for a sentence that could not be attacked."""
    return row[when][key][row["label_class"]] if row[when][key] else None


def _is_certified(row: Mapping[str, Any]) -> bool | None:
    proof = row.get("certificate")
    return None if proof is None else proof["certified"]
