"""Figures of the statistics: what in an architecture goes with robustness, and a sentence to each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np
import pandas as pd
import streamlit as st

from app import effects, formats, glossary, state
from app.parallel import component as lines
from app.parallel.component import Range
from app.strips import component as strips
from rosearch_engine.genome.features import stored_features
from rosearch_engine.objectives import counts
from rosearch_engine.statistics import FEWEST, is_bag, words_of
from rosearch_engine.statistics.splits import Split
from rosearch_engine.store.rows import MeasuredStudent, StudentRow, measured

Said = Mapping[str, Any]  # a `Statistics` as plain values, or a part of it

OUTCOMES = {"After attack": "robustness", "Clean accuracy": "accuracy", "Raw minus calibrated": "gap"}
FIGURES = {"robustness": "after attack (%)", "accuracy": "clean accuracy (%)", "compression": "compression"}
# What is drawn until the reader chooses: enough to see a pattern, few enough to read.
FIRST = ("after attack (%)", "clean accuracy (%)", "compression", words_of("longest_path").name)
MOST_COLUMNS = 6
AT_ONCE = 300  # students of whom the tests take less than a second


def measured_table(students: Sequence[StudentRow]) -> pd.DataFrame:
    """A row a measured student: its figures and the features of its architecture that are not all alike."""
    rows = [student for student in students if _is_compared(student)]
    found = [_figures(row) | stored_features(row["genome"]) for row in rows]
    table = pd.DataFrame(found, index=[row["name"] for row in rows])
    table = table.rename(columns={name: words_of(str(name)).name for name in table if name not in FIGURES.values()})
    return table.loc[:, [name for name in table if table[name].nunique() > 1]]


def _is_compared(student: StudentRow) -> TypeGuard[MeasuredStudent]:
    return student["status"] == "done" and counts(student) and not is_bag(student)


def _figures(row: MeasuredStudent) -> dict[str, float]:
    return {
        FIGURES["robustness"]: 100 * row["robustness"],
        FIGURES["accuracy"]: 100 * row["accuracy"],
        FIGURES["compression"]: row["compression"],
    }


def effects_sentence(what: Said, outcome: str) -> str:
    """What `effects.html` draws."""
    rows = associations(what, outcome)
    said = [f["says"] for f in what["findings"] if (f["kind"], f["outcome"]) == ("spearman", outcome)]
    if not rows:
        return "Not enough data: too few students, or the outcome or the features hardly vary."
    if not said:
        return f"None of {len(rows)} features has an effect distinguishable from chance (n = {rows[0]['n']})."
    return said[0] if len(said) == 1 else f"{said[0]} {len(said) - 1} more are shown in colour."


def associations(what: Said, outcome: str) -> list[Said]:
    """The features' effects on an outcome."""
    return [row for row in what["associations"] if row["outcome"] == outcome]


def show_split(students: Sequence[StudentRow], split: Split) -> None:
    """Every student as a point with its interval, those with the property beside those without it."""
    sides = {*split.those, *split.others}
    rows = [row for row in measured(students) if row["number"] in sides]
    has = [row["number"] in split.those for row in rows]
    label = f"After-attack accuracy of {len(rows)} students, those with {split.name} beside those without."
    strips.show(rows, {split.name: has}, label, key=state.SPLIT)


def split_sentence(students: Sequence[StudentRow], split: Split) -> str:
    """What `show_split` draws."""
    known = {row["number"]: row["robustness"] for row in students if row["status"] == "done"}
    sides = []
    for side in (split.those, split.others):
        shares = [known[number] for number in side]
        sides.append(f"{min(shares):.0%} to {max(shares):.0%} after the attack (n = {len(side)})")
    apart = "no overlap" if abs(split.separation) == 1 else f"Cliff's delta {split.separation:+.2f}"
    looked = f"the best of {split.looked_at} properties" if split.looked_at > 1 else "the only property that varies"
    verdict = "not distinguishable from chance" if split.p >= 0.05 else "not by chance, if students were independent"
    return (
        f"Students with {split.name} keep {sides[0]}, the others {sides[1]}: {apart}, p = {split.p:.2g} allowing for "
        f"{looked}: {verdict}."
    )


def show_operations(students: Sequence[StudentRow]) -> None:
    """After-attack accuracy of the students with each operation beside those without it."""
    rows = [student for student in students if _is_compared(student)]
    held = [{node["operation"] for node in row["genome"]["nodes"]} for row in rows]
    found = {
        operation.replace("_", " "): [operation in operations for operations in held]
        for operation in sorted(set().union(*held))
    }
    label = f"After-attack accuracy of {len(rows)} students, those with each operation beside those without it."
    strips.show(rows, found, label, key=state.BOXES, height=380)


def operations_sentence(what: Said) -> str:
    """What `show_operations` draws."""
    said = [finding["says"] for finding in what["findings"] if finding["kind"] == "delta"]
    if said:
        return said[0] if len(said) == 1 else f"{said[0]} {len(said) - 1} more operations have a significant effect."
    if not any(row["delta"] for row in what["operations"]):
        return "Not enough students with and without each operation to compare."
    return "No operation has an effect on robustness that is distinguishable from chance."


def within(table: pd.DataFrame, ranges: Mapping[str, Range | None]) -> pd.Series:
    """Which students lie within all ranges."""
    keep = pd.Series(True, index=table.index)
    for name, kept in ranges.items():
        if kept is not None:
            keep &= table[name].between(*kept)
    return keep


def parallel_sentence(table: pd.DataFrame, names: Sequence[str]) -> str:
    """What the parallel coordinates say."""
    held = FIGURES["robustness"]
    others = [name for name in names if name != held]
    if held not in table or not others or len(table) < 8:
        return "Not enough data: too few students, or all are equally robust."
    best = table[table[held] >= table[held].quantile(0.75)]
    spread = table[others].std().replace(0, np.nan)
    shift = ((best[others].mean() - table[others].mean()) / spread).fillna(0.0)
    name = str(shift.abs().idxmax())
    return (
        f"The most robust quarter differs most in {name}: {best[name].mean():.3g} on average, "
        f"{table[name].mean():.3g} over all students (n = {len(best)} and {len(table)}). A lead, not a proof."
    )


def tests(names: Sequence[str], students: Sequence[StudentRow]) -> None:
    """What tests over all students of these runs come to; of many, that they are under way."""
    asked = state.statistics(names)
    if len(students) > AT_ONCE and not asked.done():
        st.fragment(_await, run_every=1.0)(names)
        return
    what = asked.result()
    if what["associations"]:
        st.caption(
            f"{formats.plural(what['n'], 'student')} from {formats.plural(what['runs'], 'run')} compared, "
            f"{formats.plural(what['questions'], 'test')}, corrected ({what['correction']})."
        )
        importance(what, students)
    else:
        missing_card(what, FEWEST)
    for note in what["notes"][what["n"] < FEWEST :]:  # the first of few students says what the card says
        st.caption(note)


def _await(names: Sequence[str]) -> None:
    with state.guarded():
        if state.statistics(names).done():
            st.rerun()
        st.info("Testing every feature and operation. The rest can be used meanwhile.", icon=":material/hourglass:")


def importance(what: Said, students: Sequence[StudentRow]) -> None:
    """What was found, and the pictures of the features' and the operations' effects."""
    for finding in what["findings"][:5]:
        st.success(finding["says"], icon=":material/lightbulb:")
    if not what["findings"]:
        st.info(what["conclusion"], icon=":material/balance:")
    st.subheader("Importance of each feature", anchor=False, help=glossary.GLOSSARY["spearman"])
    chosen = st.segmented_control(
        "Outcome", list(OUTCOMES), default="After attack", key="outcome", required=True,
        persist_state="session", help=glossary.of("after attack", "clean accuracy", "gap"),
    )  # fmt: skip
    outcome = OUTCOMES[chosen or "After attack"]
    st.caption(effects_sentence(what, outcome))
    st.html(effects.html(associations(what, outcome)))
    st.subheader("Effect of each operation", anchor=False)
    st.caption(operations_sentence(what))
    show_operations(students)
    if what["model_says"]:
        st.caption(" ".join([what["model_says"], *what["model_rules"]]))


def missing_card(what: Said, needed: int) -> None:
    """What is still missing for more than one picture, and the way to it."""
    lacking = needed - what["n"]
    with st.container(border=True):
        st.markdown(f"**{formats.plural(max(lacking, 0), 'more student')} needed for the other statistics**")
        st.write(
            f"{what['n']} can be compared, {needed} are needed for the importance of each feature: fully measured, "
            "with distinct architectures. Add a second run of the same data above, or search for more students."
            if lacking > 0
            else "The students' robustness or architectures hardly vary. Search with other settings for more variety."
        )
        if st.button("Search for more students", icon=":material/travel_explore:", key="missing.search"):
            state.go("search")


def parallel(table: pd.DataFrame) -> set[str]:
    """Parallel coordinates with a range a column; returns the names of the students within all ranges."""
    st.subheader("All students", anchor=False)
    columns = [str(name) for name in table]
    names = st.multiselect(
        "Columns", columns, default=[name for name in FIRST if name in columns], key="columns",
        max_selections=MOST_COLUMNS,
    )  # fmt: skip
    if len(names) < 2:
        st.info("Choose two or more columns.", icon=":material/checklist:")
        return set(table.index)
    ranges: dict[str, Range | None] = {}
    with st.expander("Ranges as numbers", icon=":material/tune:"):
        for place, name in zip(st.columns(len(names)), names, strict=True):
            low, high = _bounds(table, name)
            chosen = place.slider(name, low, high, (low, high), key=_brush(table, name))
            ranges[name] = None if chosen == (low, high) else chosen
    keep = within(table, ranges)
    st.caption(
        f"{parallel_sentence(table, names)} Drag along an axis to keep a range, click it to let it go: "
        f"lines and table follow. {formats.plural(int(keep.sum()), 'student')} within the ranges."
    )

    def brushed(name: str, chosen: Range) -> None:
        low, high = _bounds(table, name)
        st.session_state[_brush(table, name)] = (max(low, chosen[0]), min(high, chosen[1]))

    lines.show(table, ranges, FIGURES["robustness"], brushed)
    return set(table.index[keep])


def _bounds(table: pd.DataFrame, name: str) -> Range:
    return float(table[name].min()), float(table[name].max())


def _brush(table: pd.DataFrame, name: str) -> str:
    """Key of a column's range, which other students begin anew."""
    return "brush.{}.{}.{}".format(name, *_bounds(table, name))
