"""Watching a run: what its process does now, what it has found, and the buttons that stop or resume it."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import streamlit as st

from app import access, actions, cards, charts, formats, glossary, state, student_table, words
from app.cache import Step
from rosearch_engine.errors import UserError
from rosearch_engine.runs import estimate, process
from rosearch_engine.store.rows import RunRow, StudentRow, measured

REFRESH = {"off": None, "2 s": 2, "5 s": 5, "30 s": 30}
NEWEST = 20  # students in the live table
NEWEST_COLUMNS = ("student", "origin", "clean accuracy", "after attack", "low", "high", "compression", "front")


def panel(name: str) -> None:
    """The live view of one run, with its refresh menu."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        st.subheader(state.plain(name), anchor=False, width="content")
        pace = st.segmented_control(
            "Refresh", list(REFRESH), default="2 s", key="refresh", required=True, persist_state="session"
        )
    alive = process.state(state.store().run(name)) in process.ALIVE
    st.fragment(_live, run_every=REFRESH[pace or "off"] if alive else None)(name)


def _live(name: str) -> None:
    with state.guarded():
        run = state.find(name)
        if run is None:
            st.rerun()  # deleted elsewhere: the sidebar says so and shows another
        now, rows, steps = process.state(run), state.students(run), state.steps(run)
        _status(run, now)
        _numbers(run, now, rows, steps)
        _buttons(run, now)
        if steps:
            left, right = st.columns(2)
            with left:
                st.markdown("**Hypervolume**", help=glossary.GLOSSARY["hypervolume"])
                st.caption(_since_gain(steps))
                chart = charts.growth_figure({name: steps}, "students")
                st.plotly_chart(chart, key="hypervolume", config={"displayModeBar": False}, alt="Hypervolume")
            with right:
                st.markdown("**Latest students**")
                _newest(rows)
        if access.is_shared():
            return  # it names folders of the server
        with st.expander("Search process log", expanded=now in ("crashed", "lost"), icon=":material/terminal:"):
            # A search started from the command line writes to its own terminal; its events are here all the same.
            lines = process.log_tail(name) or [event["text"] for event in state.store().events(run["id"], last=30)]
            st.code("\n".join(lines), language=None, wrap_lines=True, height=260 if len(lines) > 10 else "content")


def _status(run: RunRow, now: process.State) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        cards.badge(now, run)
        step = run["progress"] if now in process.ALIVE else None
        if step:
            st.caption(state.plain(words.machine(step)))
        elif now == "recorded" and run["provenance"]:
            st.caption(state.plain(words.recorded(run["provenance"])))
        elif run["heartbeat"]:
            st.caption(f"last heartbeat {formats.ago(run['heartbeat'])}")
    if now == "crashed" and run["exit"]:
        st.error(f"The search ended with an error: {state.plain(run['exit']['message'] or 'see the log below')}")
    elif now == "lost":
        st.warning("The search process ended unexpectedly. Resume it: no result is lost.")
    elif now == "stalled":
        heard = formats.ago(run["heartbeat"])
        st.warning(f"The process is alive but sent its last heartbeat {heard}. If it stays silent, stop and resume it.")
    elif now == "queued":
        st.info("The search process is starting; its first heartbeat takes a few seconds.")
    if step:
        done, total = step.get("done") or 0, step.get("total") or 0
        st.progress(min(1.0, done / total) if total else 0.0, text=state.plain(words.step(step)))


def _numbers(run: RunRow, now: process.State, rows: Sequence[StudentRow], steps: Sequence[Step]) -> None:
    planned, known = words.planned(run["config"]), glossary.GLOSSARY
    best = max((row["robustness"] for row in measured(rows)), default=None)
    pace = estimate.pace(run["config"], planned, rows)
    with st.container(horizontal=True):
        st.metric("Students measured", f"{len(steps):,} / {planned:,}", border=True, help=known["student"])
        st.metric("On the Pareto front", sum(row["front"] for row in rows), border=True, help=known["front"])
        st.metric("Best after attack", formats.percent(best), border=True, help=known["after attack"])
        st.metric(
            "Hypervolume", f"{steps[-1].hypervolume:.3f}" if steps else "–", border=True, help=known["hypervolume"]
        )
        an_hour = f"{pace.an_hour:.0f}" if pace else "–"
        st.metric("Students per hour", an_hour, border=True, help=known["students per hour"])
        if now in process.ALIVE:
            st.metric("Time left", formats.rough(pace.left) if pace else "–", border=True, help=known["time left"])
    if now in process.ALIVE:
        last = "student" if pace and pace.of == 1 else f"{pace.of} students" if pace else ""
        st.caption(
            f"Pace and time left are based on the last {last}, {formats.duration(pace.each)} each."
            if pace
            else "Pace and time left appear once the first student is measured."
        )


def _since_gain(steps: Sequence[Step]) -> str:
    """For how long nothing new has been on the front."""
    volume = steps[-1].hypervolume
    last = len(steps) - 1
    while last and steps[last - 1].hypervolume == volume:
        last -= 1
    idle = len(steps) - 1 - last
    newest = f"last gain: {steps[last].name}"
    return f"No gain for {formats.plural(idle, 'student')}, {newest}." if idle else f"Still growing, {newest}."


def _newest(students: Sequence[StudentRow]) -> None:
    rows = heapq.nlargest(NEWEST, measured(students), key=lambda row: row["told"])
    table = student_table.build(rows, ordered=False)[list(NEWEST_COLUMNS)]
    table.insert(1, "measured", [formats.ago(row["finished"]) for row in rows])
    table["took"] = [formats.duration(sum((row["seconds"] or {}).values())) for row in rows]
    st.dataframe(
        table,
        column_config=student_table.columns(),
        hide_index=True,
        height=student_table.height(len(rows), most=220),
        key="newest_students",
    )


def _buttons(run: RunRow, now: process.State) -> None:
    with st.container(horizontal=True):
        stoppable = now in process.ALIVE and now != "stopping"
        if stoppable and access.may("stop") and st.button("Stop", icon=":material/stop_circle:", key="stop"):
            _confirm_stop(run["name"])
        may_kill = now == "stopping" and access.may("stop")
        if may_kill and st.button("Stop at once", icon=":material/dangerous:", key="kill"):
            actions.stop(run["name"], force=True)
            st.rerun()
        resumable = now in ("stopped", "crashed", "lost") and access.may("resume")
        if resumable and st.button("Resume", type="primary", icon=":material/play_arrow:", key="resume"):
            actions.resume(run["name"])
            st.rerun()
        ended = now not in process.ALIVE
        if (
            ended
            and access.may("start")
            and st.button("Duplicate settings", icon=":material/content_copy:", key="clone")
        ):
            state.choose(panel="New search", preset=state.like(run["name"]))
            st.rerun()
        if ended and access.may("delete") and st.button("Delete", icon=":material/delete:", key="delete"):
            _confirm_delete(run["name"], run["students"], run["recorded"])
        if run["students"] and st.button("Explore the Pareto front", icon=":material/scatter_plot:", key="explore"):
            state.go("front", run=run["name"], student=None)


@st.dialog("Stop this search?", icon=":material/stop_circle:")
def _confirm_stop(name: str) -> None:
    st.write(
        f"**{state.plain(name)}** saves its progress and stops. All measured students are kept, "
        "and Resume continues from there."
    )
    yes, no = st.columns(2)
    if yes.button("Stop the search", type="primary", width="stretch", key="stop.yes", on_click=_stop, args=(name,)):
        st.rerun()
    if no.button("Keep it running", width="stretch", key="stop.no"):
        st.rerun()


@st.dialog("Delete this run?", icon=":material/delete:")
def _confirm_delete(name: str, students: int, recorded: bool) -> None:
    back = " `python -m rosearch_engine unpack` restores the run that ships with the program." if recorded else ""
    st.write(
        f"This permanently deletes **{state.plain(name)}**, the measurements of its "
        f"{formats.plural(students, 'student')}, and weights no other run uses.{back}"
    )
    yes, no = st.columns(2)
    if yes.button("Delete it", type="primary", width="stretch", key="delete.yes", on_click=_delete, args=(name,)):
        state.choose(run=None, student=None)
        st.rerun()
    if no.button("Keep it", width="stretch", key="delete.no"):
        st.rerun()


def _delete(name: str) -> None:
    try:
        actions.delete(name)
    except UserError as error:
        st.toast(f"{error.problem} {error.remedy}", icon=":material/error:")


def _stop(name: str) -> None:
    try:
        actions.stop(name)
    except UserError as error:
        st.toast(f"{error.problem} {error.remedy}", icon=":material/error:")
