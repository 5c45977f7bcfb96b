"""Two to four students beside each other: their numbers, their graphs, their sentences."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from app import formats, glossary, naming, notes, state, student_table
from app.architecture import component
from app.architecture.panels import frame_of
from app.attack import fallen, form, models, told, verdicts
from rosearch_engine.attack.diff import flat
from rosearch_engine.genome import Genome
from rosearch_engine.objectives import robust_share
from rosearch_engine.store.rows import Count, ExampleRow, MeasuredStudent, RunRow, measured, share

FEWEST, MOST = 2, 4
LINK = "students"  # in the address: who is compared
ASKED = "beside.asked"


def offer(names: Sequence[str]) -> None:
    """The way from the students inside a lasso to their comparison."""
    few = FEWEST <= len(names) <= MOST
    help_text = None if few else f"{FEWEST} to {MOST} students can be compared."
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"The {len(names)} students inside the lasso. Press Lasso again to let them go.")
        pressed = st.button("Compare them", icon=":material/compare:", key="compare", disabled=not few, help=help_text)
    if pressed and few:
        state.go("compare", **{"student": names[0], ASKED: list(names)})


def pick(run: RunRow, student: MeasuredStudent) -> list[MeasuredStudent]:
    """The students to compare: at first the one in hand and the pinned ones, or else the most robust of the front."""
    known = {row["name"]: row for row in measured(state.students(run))}
    titles = {name: naming.student_name(row) for name, row in known.items()}
    best = sorted((row for row in known.values() if row["front"]), key=lambda row: -robust_share(row))
    first = [name for name in notes.pinned(run) if name in known] or [row["name"] for row in best]
    start = list(dict.fromkeys([student["name"], *first]))[: MOST if notes.pinned(run) else FEWEST]
    linked = [name for name in dict.fromkeys(st.query_params.get(LINK, "").split(",")) if name in known][:MOST]
    key = f"beside.{run['name']}.{student['name']}.{','.join(start)}"
    st.session_state.setdefault(key, linked if student["name"] in linked else start)
    if asked := [name for name in st.session_state.pop(ASKED, None) or [] if name in known]:
        st.session_state[key] = asked
        st.query_params[LINK] = ",".join(asked)
    chosen = st.multiselect(
        f"Students, {FEWEST} to {MOST}",
        list(known),
        format_func=lambda name: titles[name],
        max_selections=MOST,
        key=key,
        help="The address of this page leads to this comparison: copy it to keep or share it.",
        on_change=lambda: st.query_params.__setitem__(LINK, ",".join(st.session_state[key])),
    )
    return [known[name] for name in chosen]


def numbers(rows: Sequence[MeasuredStudent]) -> pd.DataFrame:
    """A row a figure, a column a student."""

    def counted(row: MeasuredStudent, count: Count) -> str:
        return formats.percent(share(row, count), 0)

    return pd.DataFrame(
        {
            row["name"]: {
                "Clean accuracy": formats.percent(row["accuracy"]),
                "Clean accuracy, 95%": formats.interval(row["accuracy_interval"]),
                "After attack": formats.percent(row["robustness"]),
                "After attack, 95%": formats.interval(row["robustness_interval"]),
                "n": str(row["attacked"]),
                "Robust to every single swap": counted(row, "one_swap_held"),
                "Certified": counted(row, "certified"),
                "Attack success rate": formats.percent(row["success_rate"], 0),
                "Mean queries per sentence": f"{row['mean_queries']:.0f}",
                "Compression": formats.times(row["compression"]),
                "Parameters": formats.count(row["weights"]),
                "Latency": formats.milliseconds(row["latency_ms"]),
                "Pareto front": "yes" if row["front"] else "no",
                "Kind": naming.kind(row),
                "Input code": row["genome"].get("code", "plain"),
                "Context": row["genome"].get("context", "-"),
                "Kappa": "-" if (kappa := row["genome"].get("kappa")) is None else f"{kappa:g}",
            }
            for row in rows
        }
    )


def sentences(rows: Sequence[MeasuredStudent]) -> pd.DataFrame:
    """A row a sentence that all were attacked with, a column a student's verdict; those that differ most first.
    `number` is the sentence's place in the data."""
    found = {row["name"]: {one["sentence"]: one for one in _examples(row)} for row in rows}
    every = set.intersection(*(set(of_it) for of_it in found.values())) if found else set()
    first = next(iter(found.values()), {})
    table = pd.DataFrame(
        {name: [verdicts.of_example(of_it[number]) for number in sorted(every)] for name, of_it in found.items()}
        | {"sentence": [flat(first[number]["before"]["text"]) for number in sorted(every)], "number": sorted(every)}
    )
    holding = table[list(found)].isin(verdicts.HOLDING).sum(axis=1) if len(table) else pd.Series(dtype=int)
    middle = (holding - len(found) / 2).abs()
    return table.loc[middle.sort_values(kind="stable").index].reset_index(drop=True)


def show(run: RunRow, rows: Sequence[MeasuredStudent]) -> None:
    """Numbers, then graphs, then sentences."""
    st.subheader("Numbers", anchor=False)
    table = numbers(rows)
    st.dataframe(table, key="beside.numbers", height=38 + 35 * len(table))
    st.subheader("Graphs", anchor=False)
    frame = frame_of(run)
    for place, row in zip(st.columns(len(rows)), rows, strict=True):
        with place:
            st.markdown(f"**{state.plain(naming.student_name(row))}**")
            genome = Genome.from_dict(row["genome"])
            if genome.is_bag:
                st.caption("A bag of words has no graph.")
            else:
                component.show(genome, frame, key=f"beside.dag.{run['name']}.{row['name']}")
    st.subheader("Sentences", anchor=False)
    said = sentences(rows)
    if said.empty:
        st.info("These students were not attacked with the same sentences.", icon=":material/info:")
        return
    for other in rows[1:]:
        st.caption(state.plain(fallen.against(rows[0]["name"], _examples(rows[0]), other["name"], _examples(other))))
    st.caption("Click a row to see what the attack changed for each, and to attack the sentence anew.")
    picked = st.dataframe(
        said.drop(columns="number"), hide_index=True, key=f"beside.sentences.{','.join(row['name'] for row in rows)}",
        height=student_table.height(len(said), 420), on_select="rerun", selection_mode="single-row",
        column_config={row["name"]: st.column_config.TextColumn(help=glossary.GLOSSARY["verdict"]) for row in rows},
    )["selection"]["rows"]  # fmt: skip
    if picked and picked[0] < len(said):
        _opened(run, rows, int(said["number"].iloc[picked[0]]))


def _opened(run: RunRow, rows: Sequence[MeasuredStudent], number: int) -> None:
    """A sentence as each student's attack changed it, and the way to attack them all with it."""
    asked = {row["name"]: next(one for one in _examples(row) if one["sentence"] == number) for row in rows}
    with st.container(border=True):
        told.rows(run, asked)
        text, label = next((one["before"]["text"], one["label"]) for one in asked.values())
        able = [name for name in asked if name in models.known(run, rows[0]) and _has_weights(rows, name)]
        if able and st.button(
            f"Attack it now: {', '.join(able)}", type="primary", icon=":material/bolt:", key="beside.attack"
        ):
            first, second = (text, None) if isinstance(text, str) else (text[0], text[1])
            state.go("attack", student=able[0], **form.filled(run, able[0], first, second, label, able))


def _has_weights(rows: Sequence[MeasuredStudent], name: str) -> bool:
    return any(row["weights_sha256"] for row in rows if row["name"] == name)


def _examples(row: MeasuredStudent) -> list[ExampleRow]:
    return state.store().examples(row["measurement_id"])
