"""The attack in hand on one sentence: its progress while it works, then one model in full or several side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app import formats, state
from app.attack import detail, drawing, form, models, told, verdicts, what_if
from rosearch_engine.errors import UserError
from rosearch_engine.live.client import Job
from rosearch_engine.store.rows import MeasuredStudent, RunRow


def outcome(run: RunRow, student: MeasuredStudent) -> None:
    """This run's attack in hand: its progress while it works, its result when it is done; and what was recorded."""
    held = st.session_state.get("attack")
    if held is None or held["run"] != run["name"]:
        told.show(run, student, st.session_state.get("sentence") or "", st.session_state.get("pair"), but=())
        st.info(
            "Pick an example or type a sentence of your own, then press **Attack** (Ctrl+Enter). "
            "The attack changes single words until the prediction changes.",
            icon=":material/lightbulb:",
        )
        return
    if form.at_work(held):
        st.fragment(_progress, run_every=0.5)(run)
        return
    jobs: Mapping[str, Job] = held["jobs"]
    classes = run["dataset"]["classes"] if run["dataset"] else []
    titles = models.titles(run)
    for model, job in jobs.items():
        if job.result:
            continue
        if len(jobs) > 1:
            st.markdown(f"**{state.plain(titles.get(model, model))}**")
        if job.error:
            state.show_error(UserError(job.error["field"], job.error["problem"], job.error["remedy"]))
        else:
            st.info("Stopped before it began.", icon=":material/stop_circle:")
    done = {model: job.result for model, job in jobs.items() if job.result}
    if not done:
        return
    chosen = next(iter(done))
    if len(done) > 1:
        _side_by_side(done, titles)
        chosen = st.segmented_control(
            "In detail", list(done), default=chosen, key="detail", required=True, format_func=lambda m: titles.get(m, m)
        ) or chosen  # fmt: skip
    else:
        st.caption(f"{state.plain(titles.get(chosen, chosen))} of {state.plain(held['run'])}")
    detail.show(done[chosen], classes, held["run"], chosen)
    told.show(run, student, held["text"], held["pair"], but=tuple(done))
    what_if.panel(run, held, done, titles)
    st.caption("The address of this page now leads to this sentence and these models: copy it to share the attack.")


def _side_by_side(done: Mapping[str, Mapping[str, Any]], titles: Mapping[str, str]) -> None:
    """A row a model: its verdict, what the attack changed, the label's probability before and after."""
    rows = []
    for model, result in done.items():
        label = result["label_class"]
        before, after = ((result[when]["probabilities"] or [0.0] * (label + 1))[label] for when in ("before", "after"))
        chip = verdicts.chip_html(verdicts.verdict(result))
        rows.append(drawing.row_html(titles.get(model, model), chip, result["words"], result["label"], before, after))
    st.html("".join(rows))


def _progress(run: RunRow) -> None:
    held = st.session_state["attack"]
    if not form.at_work(held):
        st.rerun()
    titles = models.titles(run)
    for model, job in held["jobs"].items():
        name = f"{titles.get(model, model)}: " if len(held["jobs"]) > 1 else ""
        if job.state == "waiting":
            st.progress(0.0, text=state.plain(f"{name}{form.waiting_for(job)}"))
        elif job.state == "attacking":
            share = min(1.0, job.queries / held["budget"])
            st.progress(share, text=state.plain(f"{name}{job.queries} / {held['budget']} queries"))
            _live(held, job)
        else:
            said = verdicts.verdict(job.result) if job.result else job.state
            st.progress(1.0, text=state.plain(f"{name}{said}"))
    if st.button("Stop", icon=":material/stop_circle:", key="attack.stop"):
        form.stop()


def _live(held: Mapping[str, Any], job: Job) -> None:
    """The sentence with the word under test, and how far the confidence has fallen."""
    whole = " | ".join(filter(None, (held["text"], held["pair"])))
    st.html(drawing.tested_html(whole.split(), job.trying))
    if job.about:
        options = job.about["options"]
        if options is not None:
            length = formats.plural(job.about["length"], "word")
            st.caption(f"{len(options)} of {length} can be swapped")
    if len(job.lowest) and job.queries:
        st.html(drawing.curve_html(job.lowest, job.queries, held["answer"] or "its prediction"))
