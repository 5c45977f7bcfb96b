"""What happened in a run, the newest first: who joined the front, by how much it grew, what else is worth a line."""

from __future__ import annotations

import heapq
import html
import time
from collections.abc import Sequence

import streamlit as st

from app import formats
from app.cache import Step
from rosearch_engine.store.rows import EventRow

MOST = 40
_STYLE = """<style>
.stream { list-style: none; margin: 0 !important; padding: 0 !important; font-size: .9rem; line-height: 1.45; }
.stream li { display: flex; gap: .6rem; margin: 0 !important; padding: .12rem 0 !important; }
.stream time { font-variant-numeric: tabular-nums; opacity: .8; white-space: nowrap; }
.stream .joined { font-weight: 600; }
</style>"""


def lines(steps: Sequence[Step], events: Sequence[EventRow]) -> list[tuple[float, str, bool]]:
    """When, what, and whether a student joined the front; the newest first."""
    last = steps[-MOST:]
    before = [step.hypervolume for step in steps[-MOST - 1 : -1]]
    before = [0.0] * (len(last) - len(before)) + before
    students = [
        (step.when, _said(step, step.hypervolume - was), step.joined) for step, was in zip(last, before, strict=True)
    ]
    # A student's own event says the same.
    others = [(event["time"], event["text"], False) for event in events if event["kind"] != "student"]
    return heapq.nlargest(MOST, students + others, key=lambda line: line[0])


def show(steps: Sequence[Step], events: Sequence[EventRow], height: int) -> None:
    """The newest events, in a box of their own that scrolls."""
    items = "".join(
        f"<li class='{'joined' if joined else ''}'><time>{time.strftime('%H:%M', time.localtime(when))}</time>"
        f"<span>{html.escape(text)}</span></li>"
        for when, text, joined in lines(steps, events)
    )
    with st.container(height=height, border=True):
        st.html(f"{_STYLE}<ul class='stream' aria-label='Events'>{items}</ul>")


def _said(step: Step, grown: float) -> str:
    held = f"{formats.percent(step.robustness, 0)} after attack"
    if step.joined:
        gain = f"+{grown:.3f} hypervolume" if grown >= 0.0005 else "hardly any hypervolume"
        return f"{step.name} joined the front: {gain}, {held}"
    return f"{step.name}: {held}, {'dominated' if step.counted else 'below the accuracy floor'}"
