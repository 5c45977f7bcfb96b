"""Watching a run: its front as it grows, what its process does now, what happened, and the buttons that steer it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app import access, actions, cards, formats, glossary, state, words
from app.cache import Step
from app.front_chart import live
from app.search import checklist, dialogs, stream
from rosearch_engine.objectives import robust_share
from rosearch_engine.runs import estimate, process
from rosearch_engine.store.rows import MeasurementRow, RunRow, StudentRow, measured

REFRESH = {"off": None, "2 s": 2, "5 s": 5, "30 s": 30}
CURVE = 60  # points of the hypervolume's line


def panel(name: str) -> None:
    """The live view of one run, with its refresh menu."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        st.subheader(state.plain(name), anchor=False, width="content")
        pace = st.segmented_control(
            "Refresh", list(REFRESH), default="2 s", key="refresh", required=True, persist_state="session"
        )
    alive = process.state(state.store().run(name)) in process.ALIVE
    st.fragment(_live, run_every=REFRESH[pace or "off"] if alive else None)(name)
    dialogs.show()


def _live(name: str) -> None:
    if state.is_click_untaken():
        st.rerun()
    with state.guarded():
        run = state.find(name)
        if run is None:
            st.rerun()  # deleted elsewhere: the sidebar says so and shows another
        now, rows, steps = process.state(run), state.students(run), state.steps(run)
        teacher = state.store().teacher_measurement(run["id"])
        # Some name folders of the server.
        events = [] if access.is_shared() else state.store().events(run["id"], last=stream.MOST)
        _status(run, now)
        if now in process.ALIVE:
            _overall(run, rows, teacher)
        left, right = st.columns([11, 6], gap="medium")
        with left:
            st.markdown("**The Pareto front**", help=glossary.GLOSSARY["front"])
            live.show(name, {"height": 440, "file": f"{name}-front"})
        with right:
            progress = run["progress"]
            if now in process.ALIVE and progress:
                st.markdown("**In work**")
                checklist.show(run, progress, teacher is not None)
            st.markdown("**Events**")
            stream.show(steps, events, height=190 if now in process.ALIVE else 380)
        _numbers(run, rows, steps)
        _buttons(run, now)
        if access.is_shared():
            return  # it names folders of the server
        with st.expander("Search process log", expanded=now in ("crashed", "lost"), icon=":material/terminal:"):
            # A search started from the command line writes to its own terminal; its events are here all the same.
            lines = process.log_tail(name) or [event["text"] for event in events[-30:]]
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
    if step and checklist.is_at_chance(step, run):
        st.warning(
            f"The teacher is at chance level: {formats.percent(step['teacher_accuracy'])} right, and always giving the "
            f"most frequent answer gets {formats.percent(step['chance'])}. No student can learn from it. Stop, and "
            "give it more sentences, more epochs (Advanced settings, Teacher), or choose another teacher.",
            icon=":material/school:",
        )


def _overall(run: RunRow, rows: Sequence[StudentRow], teacher: MeasurementRow | None) -> None:
    """One bar for the whole search, and how long it will still take."""
    planned, told = words.planned(run["config"]), sum(row["told"] is not None for row in rows)
    runs = state.runs() if not told else []
    earlier = ((other, state.students(other)) for other in estimate.most_alike(run, runs))
    left = estimate.left(run, planned, rows, earlier, teacher is not None)
    share = told / planned if planned else 0.0
    if left is not None:
        spent = (run["progress"] or {}).get("spent", {})
        behind = max(sum(spent.values()), sum(sum((row["seconds"] or {}).values()) for row in rows))
        share = behind / max(1e-9, behind + (left.low + left.high) / 2)
    text = f"**{told} of {planned} students** · {_left_in_words(left)}"
    st.progress(min(1.0, share), text=text)


def _left_in_words(left: estimate.Left | None) -> str:
    if left is None:
        return "time left: no search on this machine tells yet"
    between = formats.between(left.low, left.high)
    if left.elsewhere:
        return f"{between} left, judging by {state.plain(left.of)}, which was measured on another machine"
    return f"{between} left, judging by {state.plain(left.of)}"


def _numbers(run: RunRow, rows: Sequence[StudentRow], steps: Sequence[Step]) -> None:
    planned, known = words.planned(run["config"]), glossary.GLOSSARY
    proves = run["config"].get("objectives", {}).get("measure") == "certified"
    best = max((robust_share(row) for row in measured(rows)), default=None)
    title, term = ("Best certified share", "certified") if proves else ("Best after attack", "after attack")
    pace = estimate.pace(run["config"], planned, rows)
    with st.container(horizontal=True):
        st.metric(
            "Students measured",
            f"{len(steps):,} / {planned:,}",
            f"{pace.an_hour:.0f} an hour" if pace else None,
            delta_color="off",
            delta_arrow="off",
            border=True,
            height="stretch",
            help=f"{known['student']}\n\n{known['students per hour']}",
        )
        st.metric(
            "On the Pareto front", sum(row["front"] for row in rows), border=True, height="stretch", help=known["front"]
        )
        st.metric(title, formats.percent(best), border=True, height="stretch", help=known[term])
        st.metric(
            "Hypervolume",
            f"{steps[-1].hypervolume:.3f}" if steps else "–",
            border=True,
            height="stretch",
            help=f"{known['hypervolume']} {_since_gain(steps) if steps else ''}",
            chart_data=_curve(steps),
            chart_type="area",
        )


def _curve(steps: Sequence[Step]) -> list[float] | None:
    """How the hypervolume grew, in so many points that the last is there."""
    if len(steps) < 3:
        return None
    every = max(1, len(steps) // CURVE)
    return [step.hypervolume for step in steps[::-1][::every]][::-1]


def _since_gain(steps: Sequence[Step]) -> str:
    """For how long nothing new has been on the front."""
    volume = steps[-1].hypervolume
    last = len(steps) - 1
    while last and steps[last - 1].hypervolume == volume:
        last -= 1
    idle = len(steps) - 1 - last
    newest = f"last gain: {steps[last].name}"
    return f"No gain for {formats.plural(idle, 'student')}, {newest}." if idle else f"Still growing, {newest}."


def _buttons(run: RunRow, now: process.State) -> None:
    with st.container(horizontal=True):
        stoppable = now in process.ALIVE and now != "stopping"
        if stoppable and access.may("stop") and st.button("Stop", icon=":material/stop_circle:", key="stop"):
            dialogs.ask("stop", run["name"])
            st.rerun()
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
            dialogs.ask("delete", run["name"])
            st.rerun()
        if run["students"] and st.button("Explore the Pareto front", icon=":material/scatter_plot:", key="explore"):
            state.go("front", run=run["name"], student=None)
