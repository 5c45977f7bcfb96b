"""One sentence of the run that makes the point: one model fell for a few swapped words, another did not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from app import state
from app.attack.drawing import diff_html
from rosearch_engine.attack.diff import flat, words
from rosearch_engine.objectives import holds
from rosearch_engine.store.models import TEACHER
from rosearch_engine.store.rows import ExampleRow, MeasuredStudent, MeasurementRow

GOOD_LENGTH = range(30, 150)  # characters: long enough to mean something, short enough to take in


@dataclass(frozen=True)
class Point:
    """A sentence on which two models differ.

    Attributes:
        fell: who was fooled, a student's name or "teacher".
        held: who was not.
        fall: what the attack made of the sentence until the first one fell.
        stand: the second one's outcome on the same sentence.
    """

    fell: str
    held: str
    fall: ExampleRow
    stand: ExampleRow


def find(
    fell: str, falls: Sequence[ExampleRow], held: str, stands: Sequence[ExampleRow], skip: int = 0
) -> Point | None:
    """The best such sentence, or the one after so many: proved, of a good length, of few swapped words."""
    standing = {row["sentence"]: row for row in stands if holds(row["outcome"], row["flips"])}
    pairs = [
        (row, standing[row["sentence"]]) for row in falls if row["outcome"] == "fooled" and row["sentence"] in standing
    ]
    if not pairs:
        return None
    fall, stand = sorted(pairs, key=_rank)[skip % len(pairs)]
    return Point(fell, held, fall, stand)


def of(teacher: MeasurementRow | None, other: MeasuredStudent | None, best: MeasuredStudent) -> Point | None:
    """Where the teacher fell and the best student held; without a teacher, where another student fell."""
    examples = state.store().examples
    stands = examples(best["measurement_id"])
    if teacher is not None and (found := find(TEACHER, examples(teacher["measurement_id"]), best["name"], stands)):
        return found
    if other is None or other["name"] == best["name"]:
        return None
    return find(other["name"], examples(other["measurement_id"]), best["name"], stands)


def show(point: Point, classes: Sequence[str]) -> None:
    """The sentence with its swapped words, and both verdicts."""
    label = _class(classes, point.fall["label"])
    st.html(diff_html(words(point.fall["before"]["text"], point.fall["after"]["text"])))
    said = _class(classes, point.fall["after"]["class"])
    proved = " That is proved: no combination of this attack's swaps can flip it." if point.stand["certified"] else ""
    st.markdown(
        f":red-badge[Fooled] **{point.fell}** says *{state.plain(said)}*; right is *{state.plain(label)}*.  \n"
        f":green-badge[{'Proved' if point.stand['certified'] else 'Held'}] **{point.held}** keeps saying "
        f"*{state.plain(label)}*, whatever the attack tries.{proved}"
    )


def text(point: Point) -> tuple[str, str | None]:
    """The sentence before the attack; of a pair, both."""
    before = point.fall["before"]["text"]
    return (before, None) if isinstance(before, str) else (before[0], before[1])


def _rank(pair: tuple[ExampleRow, ExampleRow]) -> tuple[bool, bool, int, int]:
    fall, stand = pair
    swapped = sum(step["op"] != "same" for step in words(fall["before"]["text"], fall["after"]["text"]))
    length = len(flat(fall["before"]["text"]))
    return (length not in GOOD_LENGTH, not stand["certified"], swapped, length)


def _class(classes: Sequence[str], number: int) -> str:
    return classes[number] if number < len(classes) else f"class {number}"
