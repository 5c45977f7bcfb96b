"""What a search will cost, said before it is started."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from app import formats, state, words
from rosearch_engine import config
from rosearch_engine.config import RunConfig
from rosearch_engine.runs import estimate
from rosearch_engine.runs.estimate import Estimate

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "demo.md"
PARTS = {"teacher": "teacher", "training": "training", "attacks": "attacks", "rest": "other"}


def show(settings: RunConfig, sizes: Mapping[str, int] | None) -> None:
    """Students, time, where the time goes, and how anyone knows.

    Args:
        sizes: sentences of each part of the data set, if the reader has looked at it.
    """
    planned, searched = words.planned(settings.model_dump()), settings.search.candidates
    found = foretold(settings, planned, sizes)
    with st.container(horizontal=True):
        st.metric("Students", f"{found.students if found else planned:,}", border=True, width="content")
        if found:
            about = "Time (at most)" if found.at_most else "Time (estimated)"
            st.metric(about, formats.rough(found.total), border=True, width="content")
    # Small data has fewer sentences to attack than were asked for.
    attacked = min(settings.attack.sentences, (sizes or {}).get("search_attack", settings.data.search_attack))
    st.caption(
        f"{formats.plural(searched, 'searched student')} and {formats.plural(planned - searched, 'baseline')}, each "
        f"attacked on {formats.plural(attacked, 'sentence')}. The search runs in the background: "
        "closing this page does not stop it."
    )
    st.caption(" ".join(_basis(found)) if found else _without_basis(settings))


def foretold(settings: RunConfig, planned: int, sizes: Mapping[str, int] | None = None) -> Estimate | None:
    """The estimate from earlier runs on this machine; None if there is none."""
    runs = state.runs()
    run = estimate.basis(settings, runs)
    return None if run is None else estimate.estimate(settings, planned, run, state.students(run), runs, sizes)


def elsewhere(settings: RunConfig) -> tuple[str, str] | None:
    """Time of the demo preset and the machine that took it, as its benchmark reports them; None for other settings."""
    demo = config.build("demo")
    attack = demo.attack.model_copy(update={"recipe": settings.attack.recipe})
    if settings != demo.model_copy(update={"attack": attack}) or not BENCHMARK.exists():
        return None
    text = BENCHMARK.read_text(encoding="utf-8")
    took = re.search(r"^\| whole run[^|]*\| ([\d.]+ min) \|", text, re.MULTILINE)
    machine = re.search(r"\. ([^.]*CPU[^.]*)\.\n\n", text)
    return (took[1], " ".join(machine[1].split())) if took and machine else None


def _basis(found: Estimate) -> list[str]:
    """Where the time goes, the pace it is reckoned at, and what is left out."""
    parts = [f"{name} {formats.rough(found.seconds[part])}" for part, name in PARTS.items() if found.seconds[part] >= 1]
    said = [f"Breakdown: {', '.join(parts)}."]
    if found.seconds["teacher"] < 1 and not found.lacking:
        said.append("The teacher for this data set is ready.")
    on = f" on {state.plain(found.device)}" if found.device else ""
    said.append(
        f"Estimated from {formats.plural(found.measured, 'student')} of **{state.plain(found.run)}**{on}: each took "
        f"{formats.duration(found.fastest)} to {formats.duration(found.slowest)}, under the load this machine had at "
        "the time."
    )
    if found.assumed:
        said.append(
            f"The size of this data set is not known yet; assuming {found.sentences:,} sentences, as in that run. "
            "Preview the data to use its real size."
        )
    if found.unlike:
        said.append(f"Settings that differ and are not accounted for: {state.plain(', '.join(found.unlike))}.")
    if found.lacking:
        said.append(f"Not included, because it was never measured here: {' and '.join(found.lacking)}.")
    if found.at_most:
        said.append("The fidelity ladder prunes most students early, so it will take less.")
    return said


def _without_basis(settings: RunConfig) -> str:
    """What to say where nothing has been measured yet."""
    there = elsewhere(settings)
    none_yet = "No search has run on this machine yet, so there is no time estimate."
    if there is None:
        return none_yet
    took, machine = there
    return f"{none_yet} On another machine, these settings took {took}: {machine[0].lower()}{state.plain(machine[1:])}."
