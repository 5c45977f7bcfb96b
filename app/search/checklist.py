"""What a search is at, as a list of steps to tick off: what all students share, then the student in work."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from app import formats, words
from rosearch_engine.objectives import wilson
from rosearch_engine.progress import Facts, Stage, spent_by_stage
from rosearch_engine.store.models import TEACHER
from rosearch_engine.store.rows import RunRow

Tick = Literal["done", "now", "next"]

SHARED: dict[str, tuple[Stage, ...]] = {
    "Data": (Stage.STARTING, Stage.DATA),
    "Teacher": (Stage.FINE_TUNING, Stage.TEACHER),
    "Words": (Stage.OUTPUTS, Stage.SWAPPING, Stage.READING),
    "Attack": (Stage.LOADING_ATTACK,),
}
OF_STUDENT: dict[str, tuple[Stage, ...]] = {
    "Build": (Stage.BUILDING,),
    "Distil": (Stage.DISTIL,),
    "Single swaps": (Stage.SINGLE_SWAPS,),
    "Attack": (Stage.ATTACK,),
    "Save": (Stage.SAVING,),
}
BASELINE = "Teacher under the same attack"
_SIGNS = {"done": "✓", "now": "▸", "next": "·"}
_STYLE = """<style>
.ticks { list-style: none; margin: 0 0 .4rem !important; padding: 0 !important; font-size: .93rem; line-height: 1.55; }
.ticks li { display: flex; gap: .5rem; padding: 0 !important; margin: 0 !important; }
.ticks li > b:first-child { width: 1rem; }
.ticks .next { opacity: .72; } .ticks .now { font-weight: 600; } .ticks span { font-weight: 400; opacity: .9; }
.ticks .track { display: block; height: 7px; border-radius: 4px; overflow: hidden; margin: .15rem 0 .3rem;
  background: color-mix(in srgb, #2f6fe0 20%, transparent); }
.ticks .track i { display: block; height: 100%; background: #2f6fe0; }
.ticks .idle i { width: 30%; animation: idle 1.6s linear infinite; }
.ticks div { flex: 1; }
@keyframes idle { from { margin-left: -30%; } to { margin-left: 100%; } }
@media (prefers-reduced-motion: reduce) { .ticks .idle i { animation: none; } }
</style>"""


@dataclass(frozen=True)
class Line:
    """A step: whether it is done, and what is to be said of it."""

    name: str
    tick: Tick
    detail: str = ""


def shared(progress: Facts, run: RunRow) -> list[Line]:
    """What is done once for all students of a run."""
    is_over = bool(progress.get("student")) or progress.get("stage") == Stage.WORKERS
    lines = _ticked(SHARED, progress, is_over)
    accuracy = progress.get("teacher_accuracy") or (run["teacher"]["accuracy"] if run["teacher"] else None)
    if accuracy is None:
        return lines
    said = f"{formats.percent(accuracy)} clean" + (", at chance level" if is_at_chance(progress, run) else "")
    return [Line(line.name, line.tick, line.detail or said) if line.name == "Teacher" else line for line in lines]


def of_student(progress: Facts, rungs: int) -> list[Line]:
    """The steps of the student in work; none while there is none. Of several in work only who they are."""
    if progress.get("stage") == Stage.WORKERS:
        return [Line("Students", "now")]
    if progress.get("student") in (None, TEACHER):
        return []
    steps = {name: stages for name, stages in OF_STUDENT.items() if rungs > 1 or name != "Single swaps"}
    return _ticked(steps, progress, is_over=False)


def is_at_chance(progress: Facts, run: RunRow) -> bool:
    """Whether the teacher cannot be told from always giving the most frequent answer."""
    accuracy, chance = progress.get("teacher_accuracy"), progress.get("chance")
    if accuracy is None or chance is None:
        return False
    n = run["dataset"]["sizes"]["validation"] if run["dataset"] else run["config"]["data"].get("validation", 1000)
    return wilson(round(accuracy * n), n)[0] <= chance


def show(run: RunRow, progress: Facts, teacher_is_measured: bool) -> None:
    """The list."""
    at_teacher = progress.get("student") == TEACHER
    baseline = Line(BASELINE, "done" if teacher_is_measured else "now" if at_teacher else "next", "")
    of = progress.get("student") or ""
    student = of_student(progress, run["config"]["search"].get("rungs", 1))
    parts = [_list("", shared(progress, run), progress)]
    if student:
        parts.append(_list(of, student, progress))
    parts.append(_list("", [baseline], progress))
    st.html(_STYLE + "".join(parts))


def _ticked(steps: dict[str, tuple[Stage, ...]], progress: Facts, is_over: bool) -> list[Line]:
    now = next((place for place, stages in enumerate(steps.values()) if progress.get("stage") in stages), None)
    lines = []
    for place, (name, stages) in enumerate(steps.items()):
        if is_over or (now is not None and place < now):
            lines.append(Line(name, "done"))
        elif place == now:
            spent = sum(spent_by_stage(progress.get("spent", {}))[stage] for stage in stages)
            lines.append(
                Line(name, "now", "" if progress.get("total") or spent < 2 else f"{formats.duration(spent)} so far")
            )
        else:
            lines.append(Line(name, "next"))
    return lines


def _list(title: str, lines: Sequence[Line], progress: Facts) -> str:
    head = f"<b>{html.escape(title)}</b>" if title else ""
    return f"{head}<ul class='ticks'>{''.join(_item(line, progress) for line in lines)}</ul>"


def _item(line: Line, progress: Facts) -> str:
    text = html.escape(line.name)
    detail = line.detail
    bar = ""
    if line.tick == "now":
        done, total = progress.get("done") or 0, progress.get("total") or 0
        detail = words.step(progress) + (f" ({detail})" if detail else "")
        width = f"<i style='width:{100 * min(1.0, done / total):.1f}%'></i>" if total else "<i></i>"
        bar = f"<span class='track {'' if total else 'idle'}'>{width}</span>"
    said = f": <span>{html.escape(detail)}</span>" if detail else ""
    spoken = {"done": "done", "now": "in progress", "next": "to come"}[line.tick]
    sign = f"<b role='img' aria-label='{spoken}'>{_SIGNS[line.tick]}</b>"
    return f"<li class='{line.tick}'>{sign}<div>{text}{said}{bar}</div></li>"
