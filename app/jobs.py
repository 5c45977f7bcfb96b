"""Background work on a run, started and watched from a page: pack, rescore, transfer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from app import access, actions, formats, state, words
from rosearch_engine.errors import UserError
from rosearch_engine.rescore import tables
from rosearch_engine.runs import jobs, process
from rosearch_engine.store.rows import RunRow, measured

TITLES: dict[jobs.Kind, tuple[str, str, str]] = {
    "pack": (
        "Download everything",
        "All measurements of a finished run and some students' weights in one file, which others can import.",
        "Pack the run",
    ),
    "rescore": (
        "Re-score on held-out sentences",
        "The search's figures flatter, because the best of many is picked. This attacks the best students, the "
        "baselines and the teacher on sentences that no search has seen. It takes minutes to hours; results are kept "
        "as they come.",
        "Re-score",
    ),
    "transfer": (
        "Transfer of attacks",
        "Which other models do one model's adversarial sentences fool? A diagnostic, not a result.",
        "Replay the attacks",
    ),
}


def panel(run: RunRow, kind: jobs.Kind) -> None:
    """What a job does, its settings and its start; or how far it is; or what came of it."""
    title, about, press = TITLES[kind]
    with st.container(border=True):
        st.markdown(f"**{title}**")
        st.caption(about)
        found = jobs.look(run["name"], kind)
        if found is not None and found.state == "running":
            st.fragment(_progress, run_every=1)(run["name"], kind)
            return
        if found is not None:
            _ending(found)
        if not access.may("work"):
            st.caption(str(access.refusal("work")))
            return
        why = _reason_against(run, kind)
        arguments = _ask(kind)
        label = press if found is None else f"{press} again"
        if st.button(label, icon=":material/play_arrow:", key=f"job.{kind}", disabled=bool(why), help=why or None):
            try:
                actions.start_job(run["name"], kind, arguments)
            except UserError as error:
                state.show_error(error)
                return
            st.rerun()
        if why:
            st.caption(why)


def _reason_against(run: RunRow, kind: jobs.Kind) -> str:
    """Why a job cannot be done on this run; empty if it can."""
    if run["recorded"]:
        return "Not for a recorded run: it lacks the teacher and the sentences. Run a search of your own."
    now = process.state(run)
    if now in process.ALIVE:
        return "The search is still running."
    if kind == "pack" and now != "finished":
        return f"Only finished runs can be packed; this one is {now}."
    return "" if measured(state.students(run)) else "No student has been measured yet."


def _ask(kind: jobs.Kind) -> dict[str, Any]:
    if kind != "rescore":
        return {}
    a, b, c = st.columns(3)
    n = a.number_input("Sentences", 1, 100_000, 500, step=100, key="rescore.n", help="Held-out sentences.")
    seeds = b.number_input("Trainings", 1, 20, 3, key="rescore.seeds", help="Of each student, the stored one included.")
    top = c.number_input("Students", 1, 100, 3, key="rescore.top", help="From the Pareto front, the most robust first.")
    return {"n": int(n), "seeds": int(seeds), "top": int(top)}


def _progress(run: str, kind: jobs.Kind) -> None:
    found = jobs.look(run, kind)
    if found is None or found.state != "running":
        st.rerun()
    facts = found.progress
    done, total = facts.get("done") or 0, facts.get("total") or 0
    text = words.step(facts) if facts else "Starting"
    st.progress(min(1.0, done / total) if total else 0.0, text=state.plain(text))
    st.caption(f"Started {formats.ago(found.began)}. It goes on if you leave this page.")
    if access.may("work") and st.button("Stop", icon=":material/stop_circle:", key=f"job.stop.{kind}"):
        actions.stop_job(run, kind)


def _ending(found: jobs.Job) -> None:
    if found.state == "failed" and found.error:
        state.show_error(UserError(**found.error))
    elif found.state == "stopped":
        st.warning("Stopped. What was measured is kept.", icon=":material/stop_circle:")
    elif found.state == "lost":
        st.error("Its process ended unexpectedly. What was measured is kept.", icon=":material/link_off:")
    elif found.result is not None:
        st.success(f"Done, {formats.ago(found.began)}.", icon=":material/check_circle:")
        {"pack": _packed, "rescore": _rescored, "transfer": _transferred}[found.kind](found.result)


def _packed(result: dict[str, Any]) -> None:
    file = Path(result["file"])
    if not file.exists():
        st.warning("The file is gone. Pack the run again.", icon=":material/warning:")
        return
    with_weights = ", ".join(result["students"]) or "none"
    st.caption(f"Weights included: {with_weights}. Import it with `python -m rosearch_engine unpack {file.name}`.")
    st.download_button(
        f"{file.name} ({result['bytes'] / 1e6:.1f} MB)", file.read_bytes, file.name, "application/zip",
        icon=":material/download:", on_click="ignore", type="primary", key="job.file",
    )  # fmt: skip


def _rescored(result: dict[str, Any]) -> None:
    for recipe in result["recipes"]:
        st.caption(f"{recipe}, {result['n']} held-out sentences. The figures also stand on each student's card.")
        _table(*tables.table_rows(result, recipe))  # type: ignore[arg-type]
    for note in result["notes"]:
        st.caption(state.plain(note))


def _transferred(result: dict[str, Any]) -> None:
    st.caption("Share of sentences that fool the model of the column, by whose they are.")
    _table(result["header"], result["rows"])
    st.caption(state.plain(result["label"]))


def _table(header: list[str], rows: list[list[str]]) -> None:
    st.dataframe(pd.DataFrame(rows, columns=header), hide_index=True)
