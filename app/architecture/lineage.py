"""Where a student came from: its ancestors to the founders, as a tree to click and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx
import pandas as pd
import streamlit as st

from app import formats, state, student_table, words
from app.architecture import component, drawing
from app.architecture.drawing import Box
from rosearch_engine.store.rows import MeasuredStudent, RunRow, StudentRow, measured

MOST_DRAWN = 24  # more would not fit a screen; the table has them all
LONGEST = 31  # characters of a change that fit a box
FAMILIES = {"bag": "ends", "chain": "ends", "sample": "conv", "crossover": "feed_forward", "mutation": "identity"}
TURN = "family_turn"
CLICKS = ("Select it", "Compare with this student")


@dataclass(frozen=True)
class Family:
    """A student and its ancestors, the eldest first and itself last, as `architecture.picture` draws them.

    Attributes:
        back: of each of them, how many generations before the student.
    """

    members: Sequence[StudentRow]
    back: Sequence[int]

    @property
    def head(self) -> int:
        return len(self.members) - 1

    @property
    def edges(self) -> Sequence[tuple[int, int]]:
        place = {row["number"]: number for number, row in enumerate(self.members)}
        return [
            (place[parent], number)
            for number, row in enumerate(self.members)
            for parent in dict.fromkeys(row["parents"])
            if parent in place
        ]

    def graph(self) -> nx.DiGraph:
        graph = nx.DiGraph()
        graph.add_nodes_from(range(len(self.members)))
        graph.add_edges_from(self.edges)
        return graph


def family(student: StudentRow, everyone: Sequence[StudentRow]) -> Family:
    """All ancestors of a student, by the shortest way back to each."""
    by_number = {row["number"]: row for row in everyone}
    back, ring = {student["number"]: 0}, [student["number"]]
    while ring:
        parents = dict.fromkeys(parent for number in ring for parent in by_number[number]["parents"])
        ring = [parent for parent in parents if parent in by_number and parent not in back]
        generation = max(back.values()) + 1
        back |= dict.fromkeys(ring, generation)
    # A child is always younger than its parents, so the order of the numbers is one of time.
    numbers = sorted(back)
    return Family([by_number[number] for number in numbers], [back[number] for number in numbers])


def nearest(whole: Family, most: int = MOST_DRAWN) -> Family:
    """The part of a family that is few enough to draw: the student and its nearest ancestors."""
    places = sorted(sorted(range(len(whole.members)), key=lambda place: whole.back[place])[:most])
    return Family([whole.members[place] for place in places], [whole.back[place] for place in places])


def boxes(drawn: Family) -> list[Box]:
    """What to write for each: its name and origin, what was changed, and its figures."""
    return [
        Box(
            number,
            FAMILIES.get(row["origin"], "identity"),
            f"{row['name']} · {'selected' if number == drawn.head else row['origin']}",
            _short(row["change"]) or ("random sample" if row["origin"] == "sample" else ""),
            row["weights"],
            0,
            formats.times(row["compression"]),
            _figures(row),
        )
        for number, row in enumerate(drawn.members)
    ]


def table(whole: Family) -> pd.DataFrame:
    """The student and its ancestors, generation by generation back."""
    rows = list(zip(whole.back, whole.members, strict=True))[::-1]
    rows.sort(key=lambda pair: pair[0])
    return pd.DataFrame(
        {
            "student": [row["name"] for _, row in rows],
            "back": [back for back, _ in rows],
            "origin": [words.ORIGINS.get(row["origin"], row["origin"]) for _, row in rows],
            "change": [row["change"] for _, row in rows],
            "clean accuracy": [_share(row["accuracy"]) for _, row in rows],
            "after attack": [_share(row["robustness"]) for _, row in rows],
            "low": [_share((row["robustness_interval"] or (None, None))[0]) for _, row in rows],
            "high": [_share((row["robustness_interval"] or (None, None))[1]) for _, row in rows],
            "compression": [row["compression"] for _, row in rows],
        }
    )


def show(run: RunRow, student: MeasuredStudent, everyone: Sequence[StudentRow]) -> None:
    """The family of a student; a click on an ancestor takes it in hand, or lays it over the student."""
    whole = family(student, everyone)
    st.subheader("Lineage", anchor=False)
    if not whole.head:
        st.caption(f"A founder: {words.ORIGINS.get(student['origin'], student['origin'])}. It has no parents.")
        return
    founders = sum(not row["parents"] for row in whole.members)
    st.caption(
        f"{formats.plural(whole.head, 'ancestor')} over {formats.plural(max(whole.back), 'generation')}, back to "
        f"{formats.plural(founders, 'founder')}. Bar: parameters, relative to the largest."
    )
    click = st.segmented_control(
        "Clicking an ancestor", CLICKS, default=CLICKS[0], key="family_click", required=True, persist_state="session"
    )
    drawn = nearest(whole)
    if drawn.head < whole.head:
        st.caption(f"Only the nearest {drawn.head} are drawn. The table below lists all of them.")
    placed = drawing.layout(drawn)
    # Another key after each click, so that one on the same ancestor counts again.
    key = f"family.{run['name']}.{student['name']}.{st.session_state.setdefault(TURN, 0)}"
    picture = drawing.picture(drawn, boxes(drawn), placed, f"Ancestors of {student['name']}")
    node = component.view(picture, placed, drawn.head, key)
    figures = table(whole)
    rows = st.dataframe(
        figures,
        column_config=student_table.columns() | {"back": st.column_config.NumberColumn("generations back")},
        hide_index=True,
        height=student_table.height(len(figures)),
        key=f"{key}.table",
        on_select="rerun",
        selection_mode="single-row",
    )["selection"]["rows"]
    picked = figures["student"][rows[0]] if rows else None if node is None else drawn.members[node]["name"]
    if picked in {row["name"] for row in measured(whole.members)} - {student["name"]}:
        _follow(str(picked), run, student, click or CLICKS[0])


def _follow(picked: str, run: RunRow, student: MeasuredStudent, click: str) -> None:
    """Do what a click asks for."""
    st.session_state[TURN] += 1
    state.choose(**({"student": picked} if click == CLICKS[0] else {other_key(run, student): picked}))
    st.rerun()


def other_key(run: RunRow, student: MeasuredStudent) -> str:
    """Key of the picker of the student that is laid over the one in hand."""
    return f"other.{run['name']}.{student['name']}"


def _figures(row: StudentRow) -> str:
    if row["status"] != "done":
        return words.summary(row)
    return f"{formats.percent(row['robustness'], 0)} after attack · {formats.percent(row['accuracy'], 0)} clean"


def _short(change: str) -> str:
    return change if len(change) <= LONGEST else change[: LONGEST - 1] + "…"


def _share(value: float | None) -> float | None:
    return None if value is None else 100 * value
