"""What the run in hand found, and the way from there to an attack that shows it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app import access, recorded, state
from app.attack import form
from app.overview import picture, point, story
from rosearch_engine.runs import process
from rosearch_engine.store.models import CHAIN, TEACHER
from rosearch_engine.store.rows import MeasuredStudent, RunRow, StudentRow, measured

EVERY = 5.0  # seconds


def show(name: str) -> None:
    """The finding in a sentence and a picture; that of a live run follows it."""
    run = state.find(name)
    alive = run is not None and process.state(run) in process.ALIVE
    st.fragment(_show, run_every=EVERY if alive else None)(name)


def _show(name: str) -> None:
    with state.guarded():
        run = state.find(name)
        if run is None:
            st.rerun()
        found = story.tell(run, state.students(run), state.store().teacher_measurement(run["id"]))
        if found is None:
            st.info(
                "No student counts yet: each so far is below the accuracy floor, which a student must exceed for its "
                "robustness to mean anything.",
                icon=":material/hourglass_empty:",
            )
            return
        st.markdown(f"#### {found.headline}")
        picture.show(found.bars)
        st.caption(found.detail)


def ways_on(run: RunRow, rows: Sequence[StudentRow], alive: bool) -> None:
    """One sentence that makes the point, the button that attacks it, and the other next steps."""
    shown = _point(run, rows)
    if shown is not None:
        st.markdown("**One sentence of this run**")
        point.show(shown, run["dataset"]["classes"] if run["dataset"] else [])
        _attack_button(run, rows, shown)
    search = ("search", "Watch the search" if alive else "Start your own search", ":material/travel_explore:")
    steps = [
        *([search] if alive or access.may("start") else []),
        ("front", "Explore the Pareto front", ":material/scatter_plot:"),
        ("architecture", "View an architecture", ":material/account_tree:"),
        ("attack", "Attack with your own sentence", ":material/bolt:"),
    ]
    for number, (page, label, icon) in enumerate(steps):
        kind = "secondary" if number or shown else "primary"
        if st.button(label, icon=icon, width="stretch", type=kind, key=f"next.{page}"):  # type: ignore[arg-type]
            state.go(page)


def _point(run: RunRow, rows: Sequence[StudentRow]) -> point.Point | None:
    able = {row["name"] for row in recorded.with_weights(rows)}
    told = [row for row in measured(rows) if row["name"] in able]
    best = story.best_of(told)
    if best is None:
        return None
    chains = [row for row in told if row["origin"] == CHAIN]
    weakest = min(chains or told, key=lambda row: row["robustness"])
    teacher = state.store().teacher_measurement(run["id"])
    return point.of(teacher, weakest, best)


def _attack_button(run: RunRow, rows: Sequence[StudentRow], shown: point.Point) -> None:
    """Opens the attack with the sentence written and both models chosen, as far as their weights are here."""
    beside = [shown.fell] if shown.fell != TEACHER or not run["recorded"] else _weak(rows, shown.held)
    models = [shown.held, *beside]
    if shown.fell not in models:
        st.caption(
            "A recorded run comes without the teacher's weights: its recorded outcome stands beside the attack, and "
            f"{', '.join(beside)} is attacked in its place."
        )
    label = f"Attack it now: {' and '.join(models)}"
    if st.button(label, icon=":material/bolt:", type="primary", width="stretch", key="next.point"):
        first, second = point.text(shown)
        written = form.filled(run, shown.held, first, second, shown.fall["label"], models)
        state.go("attack", student=shown.held, **written)


def _weak(rows: Sequence[StudentRow], but: str) -> list[str]:
    """Where the teacher's weights are not here: the least robust model whose weights are, to stand in its place."""
    others: list[MeasuredStudent] = [row for row in recorded.with_weights(rows) if row["name"] != but]
    chosen = min(others, key=lambda row: (row["origin"] != CHAIN, row["robustness"]), default=None)
    return [chosen["name"]] if chosen else []
