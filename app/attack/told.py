"""What the search recorded of a sentence: outcomes of models that are not, or cannot be, attacked here and now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import streamlit as st

from app import cards, recorded, state
from app.attack import drawing, models, verdicts
from rosearch_engine.attack.diff import words
from rosearch_engine.store.database import database
from rosearch_engine.store.models import TEACHER
from rosearch_engine.store.rows import ExampleRow, MeasuredStudent, RunRow

MOST = 4


class Told(NamedTuple):
    """A model and what the search's own attack did to the sentence."""

    model: str
    row: ExampleRow


def of(run: RunRow, student: MeasuredStudent, text: str, pair: str | None, but: Sequence[str]) -> list[Told]:
    """The outcomes of the teacher and the student in hand on this very sentence, and of those with weights.

    Args:
        but: models that are not wanted, since they are attacked just now.
    """
    asked = {}
    teacher = state.store().teacher_measurement(run["id"])
    if teacher is not None:
        asked[TEACHER] = teacher["measurement_id"]
    able = recorded.with_weights(state.students(run)) if run["recorded"] else []
    asked |= {row["name"]: row["measurement_id"] for row in (student, *able)}
    found = []
    for name, number in asked.items():
        row = _by_text(database(), run["created"], number).get((text, pair))
        if row is not None and name not in but:
            found.append(Told(name, row))
    return found[:MOST]


@st.cache_data(max_entries=32, show_spinner=False)
def _by_text(address: str, created: float, measurement: int) -> dict[tuple[str, str | None], ExampleRow]:
    rows: dict[tuple[str, str | None], ExampleRow] = {}
    for row in state.store().examples(measurement):
        text = row["before"]["text"]
        rows[(text, None) if isinstance(text, str) else (text[0], text[1])] = row
    return rows


def show(run: RunRow, student: MeasuredStudent, text: str, pair: str | None, but: Sequence[str]) -> None:
    """A row a model: its verdict, the swapped words, and how sure it was; nothing for a sentence of one's own."""
    found = of(run, student, text.strip(), (pair or "").strip() or None, but)
    if not found:
        return
    with st.container(border=True):
        st.markdown(
            f"**Recorded by the search on this sentence** ({state.plain(cards.recipe(run['config']))})",
            help="Outcomes of the search's own attack, as it stored them. Nothing is attacked anew for these rows.",
        )
        if run["recorded"] and any(one.model == TEACHER for one in found):
            st.caption("A recorded run comes without the teacher's weights, so its recorded outcome stands here.")
        rows(run, {one.model: one.row for one in found}, " (recorded)")


def rows(run: RunRow, found: Mapping[str, ExampleRow], said: str = "") -> None:
    """A row a model: what the search's attack did to a sentence of it.

    Args:
        said: stands after each model's name.
    """
    classes = run["dataset"]["classes"] if run["dataset"] else []
    titles = models.titles(run)
    st.html("".join(_row(f"{titles.get(model, model)}{said}", row, classes) for model, row in found.items()))


def _row(title: str, row: ExampleRow, classes: Sequence[str]) -> str:
    label = verdicts.named(row["label"], classes)
    before, after = (
        said["probabilities"][row["label"]] if said["probabilities"] else 0.0 for said in (row["before"], row["after"])
    )
    steps = words(row["before"]["text"], row["after"]["text"])
    return drawing.row_html(title, verdicts.chip_html(verdicts.of_example(row)), steps, label, before, after)
