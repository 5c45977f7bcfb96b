"""Which of the search's sentences fell: a student's outcomes one by one, in slices, and beside another's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from app import cards, formats, glossary, state, student_table
from app.attack import drawing, form, models, verdicts
from rosearch_engine.attack.diff import BAR, flat, words
from rosearch_engine.data.own import LONGEST
from rosearch_engine.objectives import holds, wilson
from rosearch_engine.statistics.paired import mcnemar
from rosearch_engine.store.models import TEACHER
from rosearch_engine.store.rows import ExampleRow, MeasuredStudent, RunRow, measured

NOBODY = "no other model"
# What is worth a look comes first.
ORDER = ("Fooled", "Does not hold", "Already wrong", "Not attacked", "Held", "Proved", "Nothing to attack")
BANDS = 3  # slices by length hold about as many sentences each


def panel(run: RunRow, student: MeasuredStudent, one: str) -> None:
    """The attacked sentences of the student in hand.

    Args:
        one: name of the view that attacks a single sentence.
    """
    rows = state.store().examples(student["measurement_id"])
    if not rows:
        cards.empty("No sentences to show", "This student's attacked sentences were not kept.")
        return
    classes = run["dataset"]["classes"] if run["dataset"] else []
    other = _other(run, student)
    theirs = {} if other is None else {row["sentence"]: row for row in state.store().examples(other[1])}
    table = build(rows, classes)
    if other is not None:
        table[other[0]] = [
            verdicts.of_example(theirs[number]) if number in theirs else "not asked" for number in table["number"]
        ]
        st.info(against(student["name"], rows, other[0], list(theirs.values())), icon=":material/compare_arrows:")
    shown = _filtered(table, other[0] if other else None)
    held = int(shown["held"].sum())
    share = f"{held} of {formats.plural(len(shown), 'sentence')} hold"
    bounds = f" ({formats.interval(wilson(held, len(shown)))} with 95% confidence)" if len(shown) else ""
    st.caption(f"{share}{bounds}. Click a row for what the attack changed.", help=glossary.GLOSSARY["after attack"])
    visible = shown.drop(columns=["number", "held"])
    picked = st.dataframe(
        visible,
        hide_index=True,
        height=student_table.height(len(visible), 420),
        key=f"fallen.{student['measurement_id']}.{len(shown)}",
        on_select="rerun",
        selection_mode="single-row",
        column_config=glossary.columns(visible)
        | {
            "sentence": st.column_config.TextColumn(width="large"),
            "changes": st.column_config.TextColumn(width="medium", help=glossary.GLOSSARY["changes"]),
        },
    )["selection"]["rows"]
    file = f"{run['name']}-{student['name']}-sentences.csv"
    st.download_button(
        "Table (CSV)", lambda: formats.csv(visible), file, "text/csv", on_click="ignore",
        icon=":material/download:",
    )  # fmt: skip
    if picked and picked[0] < len(shown):
        number = int(shown.iloc[picked[0]]["number"])
        row = next(row for row in rows if row["sentence"] == number)
        _opened(run, student, row, classes, one, other[0] if other else None)
    _slices(table)


def build(rows: Sequence[ExampleRow], classes: Sequence[str]) -> pd.DataFrame:
    """A row a sentence in the order of `ORDER`: `number` is its place in the data, `held` whether it counts as held."""
    steps = {row["sentence"]: words(row["before"]["text"], row["after"]["text"]) for row in rows}
    table = pd.DataFrame(
        {
            "verdict": [verdicts.of_example(row) for row in rows],
            "sentence": [flat(row["before"]["text"]) for row in rows],
            "changes": [drawing.changes(steps[row["sentence"]]) for row in rows],
            "words changed": [sum(step["op"] != "same" for step in steps[row["sentence"]]) for row in rows],
            "queries": [row["queries"] for row in rows],
            "words": [len(flat(row["before"]["text"]).replace(BAR, " ").split()) for row in rows],
            "class": [verdicts.named(row["label"], classes) for row in rows],
            "number": [row["sentence"] for row in rows],
            "held": [_holds(row) for row in rows],
        }
    )
    place = table["verdict"].map({name: number for number, name in enumerate(ORDER)})
    order = table.assign(place=place).sort_values(["place", "queries"], kind="stable").index
    return table.loc[order].reset_index(drop=True)


def against(mine: str, rows: Sequence[ExampleRow], other: str, theirs: Sequence[ExampleRow]) -> str:
    """Two models on the same sentences: who holds what, and how likely so uneven a division is by chance."""
    a = {row["sentence"]: _holds(row) for row in rows}
    b = {row["sentence"]: _holds(row) for row in theirs}
    both = [number for number in a if number in b]
    if not both:
        return f"{mine} and {other} were not attacked with the same sentences."
    test = mcnemar([a[number] for number in both], [b[number] for number in both])
    together = sum(a[number] and b[number] for number in both)
    if test.p >= 0.05:
        verdict = "not distinguishable from chance"
    else:
        verdict = f"{mine if test.only_a > test.only_b else other} holds more, and not by chance"
    return (
        f"Of {formats.plural(len(both), 'sentence')}, both hold {together}, only {mine} {test.only_a}, only {other} "
        f"{test.only_b}, neither {len(both) - together - test.only_a - test.only_b}. McNemar's exact test: "
        f"p = {test.p:.2g}, {verdict}."
    )


def slices(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """A row a slice of the sentences: how many there are and what share of them holds, in percent.

    Args:
        by: "class" or "words"; lengths are cut into `BANDS` of about as many sentences.
    """
    names = table["class"] if by == "class" else _bands(table["words"])
    found = []
    for name, part in table.groupby(names, observed=True):
        held, n = int(part["held"].sum()), len(part)
        low, high = wilson(held, n)
        found.append({by: str(name), "n": n, "holds": 100 * held / n, "from": 100 * low, "to": 100 * high})
    return pd.DataFrame(found)


def _bands(lengths: pd.Series) -> pd.Series:
    edges = sorted(set(lengths.quantile([part / BANDS for part in range(BANDS + 1)]).round().astype(int)))
    if len(edges) < 2:
        return lengths.map(lambda length: f"{length}")
    cut = pd.cut(lengths, edges, include_lowest=True, labels=False)
    starts = [edges[0], *(edge + 1 for edge in edges[1:-1])]
    names = [f"{low} to {high}" for low, high in zip(starts, edges[1:], strict=True)]
    return pd.Series(pd.Categorical([names[int(band)] for band in cut], names, ordered=True), index=lengths.index)


def _other(run: RunRow, student: MeasuredStudent) -> tuple[str, int] | None:
    """Name and measurement of the model that the reader compares with."""
    titles = models.titles(run)
    known = {row["name"]: row["measurement_id"] for row in measured(state.students(run))}
    teacher = state.store().teacher_measurement(run["id"])
    if teacher is not None:
        known = {TEACHER: teacher["measurement_id"]} | known
    known.pop(student["name"], None)
    chosen = st.selectbox(
        "Compare with",
        [NOBODY, *known],
        key=f"fallen.other.{run['name']}",
        format_func=lambda name: titles.get(name, name),
    )
    return None if chosen == NOBODY else (chosen, known[chosen])


def _filtered(table: pd.DataFrame, other: str | None) -> pd.DataFrame:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        found = [name for name in verdicts.LOOKS if name in set(table["verdict"])]
        wanted = st.pills("Verdict", found, selection_mode="multi", key="fallen.verdict", help=glossary.of("verdict"))
        known = sorted(set(table["class"]))
        of_class = st.pills("Class", known, selection_mode="multi", key="fallen.class")
        text = st.text_input("Contains", key="fallen.contains", placeholder="a word", width=180)
        differ = other is not None and st.toggle(f"Only where {other} differs", key="fallen.differ")
    keep = table["verdict"].isin(wanted or found) & table["class"].isin(of_class or known)
    if text:
        keep &= table["sentence"].str.contains(text, case=False, regex=False)
    if differ and other is not None:
        keep &= table[other].isin(verdicts.HOLDING) != table["held"]
    return table[keep]


def _opened(
    run: RunRow, student: MeasuredStudent, row: ExampleRow, classes: Sequence[str], one: str, other: str | None
) -> None:
    """A sentence in full, and the way to attack it anew."""
    text, found = row["before"]["text"], verdicts.of_example(row)
    with st.container(border=True):
        steps = words(text, row["after"]["text"])
        before, after = (_sure(row, when) for when in ("before", "after"))
        label = verdicts.named(row["label"], classes)
        st.html(drawing.row_html(student["name"], verdicts.chip_html(found), steps, label, before, after))
        swap = row["worst_swap"]
        if swap and row["flips"] and row["outcome"] != "fooled":
            said = drawing.changes(words(text, swap["text"]))
            st.caption(f"A single swap that the attack missed flips it: {state.plain(said)}")
        long = max(map(len, [text] if isinstance(text, str) else text)) > LONGEST
        if st.button(
            "Attack this sentence", type="primary", icon=":material/bolt:", key="fallen.attack", disabled=long,
            help=f"It is longer than {LONGEST:,} characters." if long else None,
        ):  # fmt: skip
            first, second = (text, None) if isinstance(text, str) else (text[0], text[1])
            beside = [other] if other in models.known(run, student) else []
            form.fill(run, student, first, second, row["label"], [student["name"], *filter(None, beside)])
            state.choose(attack_with=one)
            st.rerun()


def _sure(row: ExampleRow, when: str) -> float:
    chances = row["before"]["probabilities"] if when == "before" else row["after"]["probabilities"]
    return chances[row["label"]] if chances else 0.0


def _slices(table: pd.DataFrame) -> None:
    st.markdown("**Slices**", help="All attacked sentences, whatever the filter. Holds: share that counts as held.")
    config: dict[str, Any] = {
        "words": st.column_config.TextColumn("length in words"),
        "holds": st.column_config.ProgressColumn(format="%.0f%%", min_value=0, max_value=100),
        "from": st.column_config.NumberColumn(format="%.0f%%", help="Lower bound of the 95% interval."),
        "to": st.column_config.NumberColumn(format="%.0f%%", help="Upper bound of the 95% interval."),
    }
    for place, by in zip(st.columns(2), ("class", "words"), strict=True):
        place.dataframe(slices(table, by), hide_index=True, key=f"fallen.by.{by}", column_config=config)


def _holds(row: ExampleRow) -> bool:
    return holds(row["outcome"], row["flips"])
