"""Example sentences to start from: those that the search attacked, first those on which the run's models differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import streamlit as st

from app import recorded, state
from app.attack import form, models
from rosearch_engine.data.own import LONGEST
from rosearch_engine.objectives import holds
from rosearch_engine.store.database import database
from rosearch_engine.store.models import TEACHER
from rosearch_engine.store.rows import ExampleRow, MeasuredStudent, RunRow

SHOWN = 6
COMPARED = 6  # models whose outcomes are looked at
DIFFER, SAME = "Examples from the search: models differ on these", "Examples from the search"


class Example(NamedTuple):
    """A sentence that the search attacked, its class, and which of the run's models hold on it."""

    text: str
    pair: str | None
    label: int
    holds: tuple[str, ...]
    falls: tuple[str, ...]

    @property
    def differs(self) -> bool:
        return bool(self.holds and self.falls)


def of(run: RunRow, student: MeasuredStudent) -> list[Example]:
    """Short sentences, first those that the student in hand holds and others lose, then others with a difference."""
    able = recorded.with_weights(state.students(run))
    own = {row["name"]: row["measurement_id"] for row in able if row["name"] != student["name"]}
    asked = {student["name"]: student["measurement_id"]} | dict(list(own.items())[: COMPARED - 1])
    teacher = state.store().teacher_measurement(run["id"])
    if teacher is not None:
        asked[TEACHER] = teacher["measurement_id"]
    return _examples(database(), run["created"], tuple(asked.items()))


@st.cache_data(max_entries=16, show_spinner=False)
def _examples(address: str, created: float, asked: tuple[tuple[str, int], ...]) -> list[Example]:
    rows = {name: state.store().examples(number) for name, number in asked}
    outcomes = {name: {row["sentence"]: _holds(row) for row in found} for name, found in rows.items()}
    mine = rows[asked[0][0]]
    return choose(mine, outcomes)


def choose(mine: Sequence[ExampleRow], outcomes: Mapping[str, Mapping[int, bool]]) -> list[Example]:
    """The most telling of a student's sentences.

    Args:
        mine: those of the student in hand.
        outcomes: whether each model holds on each sentence; the student in hand comes first.
    """
    hand = next(iter(outcomes))
    found = []
    for row in mine:
        text = row["before"]["text"]
        parts = (text, None) if isinstance(text, str) else (text[0], text[1])
        if row["outcome"] == "failed" or any(len(part or "") > LONGEST for part in parts):
            continue
        said = {name: of_it[row["sentence"]] for name, of_it in outcomes.items() if row["sentence"] in of_it}
        holding = tuple(name for name, held in said.items() if held)
        falling = tuple(name for name, held in said.items() if not held)
        found.append(Example(parts[0], parts[1], row["label"], holding, falling))

    def rank(example: Example) -> tuple[bool, bool, bool, int]:
        shows = example.differs and hand in example.holds
        return not shows, not example.differs, len(example.text) < 30, len(example.text)

    return sorted(found, key=rank)[:SHOWN]


def _holds(row: ExampleRow) -> bool:
    return holds(row["outcome"], row["flips"])


def pills(run: RunRow, student: MeasuredStudent) -> None:
    """Examples to click: one is written into the form, with its right answer, and with a model that differs."""
    known = of(run, student)
    if not known:
        return
    chosen = st.pills(
        DIFFER if known[0].differs else SAME,
        range(len(known)),
        format_func=lambda index: state.plain(_label(known[index])),
        key="example",
        wrap=True,
        help="What each model did under the search's own attack.",
    )
    if chosen is None or st.session_state.get("example_taken") == (student["measurement_id"], chosen):
        return
    st.session_state["example_taken"] = (student["measurement_id"], chosen)
    example = known[chosen]
    names = models.known(run, student)
    others = example.falls if student["name"] in example.holds else example.holds
    # The teacher first: it is what a student is measured against.
    other = next((name for name in sorted(others, key=lambda name: name != TEACHER) if name in names), None)
    form.fill(run, student, example.text, example.pair, example.label, [student["name"], *([other] if other else [])])


def _label(example: Example) -> str:
    if not example.differs:
        return shortened(example.text)
    return f"{shortened(example.text)} (holds: {_few(example.holds)}; falls: {_few(example.falls)})"


def _few(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more"


def shortened(text: str, most: int = 44) -> str:
    """The beginning of a sentence, cut between words."""
    return text if len(text) <= most else text[:most].rsplit(" ", 1)[0] + " …"
