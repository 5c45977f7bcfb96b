"""Pieces that several screens share: the state badge, a student's card, tables, what to say where nothing is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import streamlit as st

from app import access, formats, glossary, notes, state, words
from rosearch_engine.attack.recipes.catalogue import RECIPES
from rosearch_engine.objectives import counts
from rosearch_engine.runs import process
from rosearch_engine.store.models import BAG, CHAIN
from rosearch_engine.store.rows import (
    Count,
    MeasuredStudent,
    MeasurementRow,
    RunRow,
    Settings,
    StudentRow,
    copies_loss,
    is_latency_disturbed,
    measured,
    share,
)


def badge(now: process.State, run: RunRow) -> None:
    colour, icon, help_text = words.STATES[now]
    if now == "recorded" and run["provenance"]:
        help_text = f"{help_text} {state.plain(words.recorded(run['provenance']))}"
    st.badge(now, icon=icon, color=colour, help=help_text)  # type: ignore[arg-type]


def empty(title: str, text: str) -> None:
    """What a screen says where there is nothing to show, and the way on."""
    run = state.run()
    alive = run is not None and process.state(run) in process.ALIVE
    way_on = alive or access.may("start")
    with st.container(border=True):
        st.subheader(title, anchor=False)
        st.write(text)
        if alive:
            st.write("A search is running: this page fills up as soon as the first student is measured.")
        label = "Watch the search" if alive else "Start a search"
        if way_on and st.button(label, type="primary", icon=":material/arrow_forward:", key="empty.search"):
            state.go("search")


def student_card(student: MeasuredStudent, teacher: MeasurementRow | None) -> None:
    """A student's numbers, beside the teacher's, and the ways on."""
    known = glossary.GLOSSARY
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(student["name"], anchor=False, width="content")
        if student["front"]:
            st.badge("Pareto front", color="blue", help=known["front"])
        if student["knee"]:
            st.badge("knee", color="orange", help=known["knee"])
        if not counts(student):
            st.badge("below accuracy floor", color="red", help=known["floor"])
        if student["origin"] == CHAIN:
            st.badge("plain chain", color="gray", help=known["chain"])
        if student["origin"] == BAG:
            st.badge("worst-case bag of words", color="gray", help=known["bag"])
        elif not student["genome"]["nodes"]:
            st.badge("no graph", color="gray", help=known["bag"])
    with st.container(horizontal=True, gap="small"):
        _metric("Clean", student, teacher, "accuracy", known["clean accuracy"])
        _metric("After attack", student, teacher, "robustness", known["after attack"])
    low = formats.interval(student["robustness_interval"])
    beside = "Arrows: percentage points vs teacher. " if teacher else ""
    st.caption(f"{beside}After attack: {low} with 95% confidence, n = {student['attacked']}.")
    _held_out(student)
    facts = {
        "Compression": (formats.times(student["compression"]), known["compression"]),
        "Encoder compression": (formats.times(student["encoder_compression"]), known["encoder compression"]),
        "Parameters": (formats.count(student["weights"]), known["parameters"]),
        "Latency": (_latency(student), known["latency"]),
        "After-attack accuracy, calibrated": (_share(student, "calibrated_held"), known["calibrated"]),
        "After-attack accuracy, raw logits": (_share(student, "raw_held"), known["raw"]),
        "Robust to every single swap": (_share(student, "one_swap_held"), known["one swap"]),
        "Certified": (_share(student, "certified"), known["certified"]),
        "Attack success rate": (formats.percent(student["success_rate"], 0), known["success rate"]),
        "Mean queries per sentence": (f"{student['mean_queries']:.0f}", known["mean queries"]),
    }
    if losses := copies_loss(student):
        facts["Loss on adversarial copies"] = ("{:.2f} / {:.2f}".format(*losses), known["loss on copies"])
    with st.container(gap="xxsmall"):
        for name, (value, help_text) in facts.items():
            _fact(name, value, help_text)


def short_card(run: RunRow, student: MeasuredStudent) -> None:
    """The student in hand in a few lines, with the ways on."""
    with st.container(border=True):
        st.markdown(f"**Selected: {student['name']}** · {words.ORIGINS.get(student['origin'], student['origin'])}")
        st.caption(words.summary(student))
        if not student["weights_sha256"]:
            nearest_with_weights(run, student)
        ways_on("front")


def nearest_with_weights(run: RunRow, student: MeasuredStudent) -> None:
    """Why a student can be neither attacked nor exported, and a jump to the most alike that can."""
    able = [row for row in measured(state.students(run)) if row["weights_sha256"]]
    st.caption("Its weights are not included (hollow mark): it can't be attacked or exported here.")
    if not able:
        return
    own = (student["accuracy"], student["robustness"])
    nearest = min(able, key=lambda row: abs(row["accuracy"] - own[0]) + abs(row["robustness"] - own[1]))
    if st.button(
        f"Go to {nearest['name']}, the nearest with weights",
        icon=":material/near_me:",
        width="stretch",
        key="nearest",
    ):
        state.choose(student=nearest["name"])
        st.rerun()


def _held_out(student: MeasuredStudent) -> None:
    """What sentences that no search saw said of it, if it was attacked again."""
    run = state.run()
    again = state.rescored(run).get(student["name"]) if run else None
    if again and again["union"]:
        union = again["union"]
        with st.container(gap="xxsmall"):
            _fact("Held-out, all attacks", formats.percent(union["robustness"]), glossary.GLOSSARY["union"])
            bounds = formats.interval(union["interval"])
            st.caption(
                f"{bounds} with 95% confidence, n = {union['attacked']}: {', '.join(map(title, union['recipes']))}."
            )
    for name, found in (again["recipes"] if again else {}).items():
        trainings = formats.plural(len(found["by_seed"]), "training")
        with st.container(gap="xxsmall"):
            _fact(f"Held-out, {title(name)}", formats.percent(found["robustness"]), glossary.GLOSSARY["held out"])
            bounds = formats.interval(found["interval"])
            st.caption(f"{bounds} with 95% confidence, n = {found['attacked']}, {trainings}.")


def _fact(name: str, value: str, help_text: str) -> None:
    """A line with its value at the right; a long name breaks, the value does not."""
    with st.container(horizontal=True, wrap=False, gap="small"):
        st.markdown(name, help=help_text, width="stretch")
        st.markdown(f"**{value}**", width="content")


def _latency(student: MeasuredStudent) -> str:
    disturbed = ", disturbed" if is_latency_disturbed(student) else ""
    return f"{formats.milliseconds(student['latency_ms'])}{disturbed}"


def _share(student: MeasuredStudent, count: Count) -> str:
    held = share(student, count)
    return "not measured" if held is None else formats.percent(held, 0)


def _metric(
    label: str,
    student: MeasuredStudent,
    teacher: MeasurementRow | None,
    key: Literal["accuracy", "robustness"],
    help_text: str,
) -> None:
    st.metric(
        label,
        formats.percent(student[key]),
        f"{100 * (student[key] - teacher[key]):+.1f}" if teacher else None,
        help=help_text,
        width=112,
    )


def ways_on(skip: str = "", side_by_side: bool = False) -> None:
    """Buttons from a student to the other screens; those that need its weights say so where it has none."""
    with st.container(horizontal=side_by_side):
        _ways_on(skip, "content" if side_by_side else "stretch")
    run, student = state.run(), state.student()
    if run is not None and student is not None and skip != "export":  # there they stand at the top
        notes.panel(run, student["name"])


def _ways_on(skip: str, width: Literal["content", "stretch"]) -> None:
    student = state.student()
    able = student is not None and bool(student["weights_sha256"])
    reason = "The weights of this student are not included in the recorded run."
    for page, label, icon, needs_weights in (
        ("architecture", "View its architecture", ":material/account_tree:", False),
        ("attack", "Attack it", ":material/bolt:", True),
        ("export", "Export it", ":material/inventory_2:", True),
        ("front", "Back to the Pareto front", ":material/scatter_plot:", False),
    ):
        main = page != skip and not (skip == "" and page == "front")
        off = needs_weights and not able
        help_text = reason if off else None
        if main and st.button(label, icon=icon, width=width, key=f"on.{page}", disabled=off, help=help_text):
            state.go(page)


def recipe(config: Settings) -> str:
    """A run's attack, by its title."""
    return title(config["attack"]["recipe"])


def title(recipe: str) -> str:
    return RECIPES[recipe].title if recipe in RECIPES else recipe


def about(run: RunRow, rows: Sequence[StudentRow]) -> str:
    """A run in one line."""
    done = measured(rows)
    failed, pruned = (sum(row["status"] == how for row in rows) for how in ("failed", "pruned"))
    config = run["config"]
    parts = [
        f"{'Recorded run' if run['recorded'] else 'Run'} **{state.plain(run['name'])}**",
        formats.plural(len(done), "student") + " measured",
        f"{sum(row['front'] for row in done)} on the Pareto front",
        f"{failed} failed" if failed else "",
        f"{pruned} pruned early" if pruned else "",
        f"{state.plain(access.shown_source((run['dataset'] or config['data'])['name']))}",
        f"attacked with {state.plain(recipe(config))}, {_sentences(run, done)} per student",
    ]
    return " · ".join(part for part in parts if part)


def _sentences(run: RunRow, students: Sequence[MeasuredStudent]) -> str:
    """How many sentences each student was attacked on, as it was: small data has fewer than were asked for."""
    found = sorted({row["attacked"] for row in students})
    if not found:
        asked = run["config"]["attack"]["sentences"]
        there = run["dataset"]["sizes"]["search_attack"] if run["dataset"] else asked
        return formats.plural(min(asked, there), "sentence")
    return formats.plural(found[0], "sentence") if len(found) == 1 else f"{found[0]} to {found[-1]} sentences"
