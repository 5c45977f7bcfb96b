"""The app's vocabulary: what a term means, and how a number is written."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

GLOSSARY = {
    "clean accuracy": "Share of sentences classified correctly when nobody has touched them.",
    "after attack": "Share of ALL attacked sentences that hold: classified correctly, also after the attack, and no "
    "single swap flips them. One that was wrong from the start counts as lost. Of the calibrated and the raw student "
    "the smaller figure. The interval is Wilson's, at 95%.",
    "held out": "The same share on sentences that no search saw, averaged over several trainings: the figure to quote. "
    "The best of many students looks better at search time than it is.",
    "union": "Share of held-out sentences that survive every attack that was tried: by words and by characters. One "
    "attack's figure is not robustness.",
    "calibrated": "What the attack alone leaves, once the student's confidence is set right by one temperature.",
    "raw": "What the attack alone leaves on the student's own logits. Far above the calibrated figure, it shows "
    "confidence that blinds the attack, not robustness.",
    "one swap": "Share of ALL attacked sentences that no single swap of the recipe flips: every one was asked. "
    "Confidence cannot change it.",
    "compression": "Teacher's weights divided by the student's, everything counted: word table, encoder, classifier.",
    "encoder compression": "The same without the word table and the classifier, as some papers count it.",
    "latency": "Median time for one sentence on the machine that ran the search.",
    "success rate": "Share of the sentences that were right before the attack and wrong after it.",
    "mean queries": "How often the attack had to ask the model per sentence. More means harder to fool.",
    "front": "Students that no other student beats in robustness, accuracy and size at once.",
    "knee": "The best compromise: the student on the front that is nearest to the best of everything.",
    "hypervolume": "How much of the space of robustness x accuracy x saved weights the front covers. "
    "Measured from a fixed point (0, 0, 0), so runs compare; it can only grow.",
    "students an hour": "At the pace of the last ten students: training, attack and all.",
    "time left": "Students to come times the seconds that the last ten took. It changes as the search finds larger or "
    "smaller students, and with what else this machine does.",
    "teacher": "The large pre-trained model that every student learns from.",
    "chain": "A plain chain of transformer layers, scored first as a baseline for the search.",
    "query budget": "Most model queries one sentence may cost. The attack gives up when it is used.",
}

STATES: dict[str, tuple[str, str, str]] = {
    "recorded": ("gray", ":material/inventory_2:", "Recorded: this run came with the program; its numbers are real."),
    "queued": ("blue", ":material/hourglass_empty:", "Queued: the search process is starting."),
    "running": ("green", ":material/play_circle:", "Running: the search process reported within the last seconds."),
    "stalled": ("orange", ":material/pending:", "Stalled: the process is there but has not reported for a while."),
    "stopping": ("orange", ":material/stop_circle:", "Stopping: the search lays down its work first."),
    "stopped": ("gray", ":material/stop_circle:", "Stopped on request. It can be resumed; nothing measured is lost."),
    "finished": ("blue", ":material/check_circle:", "Finished: every student was trained and attacked."),
    "crashed": ("red", ":material/error:", "Crashed: the process ended with an error; its log says why. Resume it."),
    "lost": ("red", ":material/link_off:", "Lost: the process is gone without a word (killed?). It can be resumed."),
}

STAGES = {
    "data": "Reading the data",
    "loading the attack": "Loading the attack",
    "teacher": "Measuring the teacher",
    "teacher fine-tuning": "Fine-tuning the teacher",
    "teacher outputs": "Writing down the teacher's answers",
    "teacher attack": "Attacking the teacher",
    "distil": "Distilling",
    "attack": "Attacking",
    "saving": "Saving",
}

ORIGINS = {
    "chain": "plain chain (baseline)",
    "sample": "drawn at random",
    "crossover": "crossed from two parents",
    "mutation": "mutated from its parent",
}


def percent(share: float | None, digits: int = 1) -> str:
    return "–" if share is None else f"{share:.{digits}%}"


def interval(bounds: tuple[float, float] | None) -> str:
    """Both ends, with a word joiner so that no line breaks between them."""
    return "–" if bounds is None else f"{100 * bounds[0]:.0f}–\u2060{100 * bounds[1]:.0f}%"


def times(factor: float | None) -> str:
    return "–" if factor is None or factor == float("inf") else f"{factor:.1f}×"


def count(number: float) -> str:
    """A count of weights or operations, in three digits: 4.05M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.0f}"


def duration(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def rough(seconds: float) -> str:
    """A time that is only an estimate: in two figures or so."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = seconds / 60
    if minutes < 90:
        return f"{minutes:.1f} min" if minutes < 10 else f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h"


def ago(moment: float | None) -> str:
    """How long ago a time in seconds since 1970 was."""
    if moment is None:
        return "–"
    seconds = max(0.0, time.time() - moment)
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {unit}{'s' if number > 1 else ''} ago"
    return "just now"


def plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def step(progress: Mapping[str, Any]) -> str:
    """What a search process does now, in one line."""
    stage = str(progress.get("stage") or "")
    text = STAGES.get(stage, stage.capitalize())
    if progress.get("student"):
        text += f" {progress['student']}"
    if progress.get("total"):
        text += f": {progress.get('done') or 0:,} / {progress['total']:,} {progress.get('unit') or ''}"
    if progress.get("loss") is not None:
        text += f", loss {progress['loss']:.3f}"
    return text.strip()


def machine(progress: Mapping[str, Any]) -> str:
    """What a search process computes on and takes of it, in one line."""
    parts = [str(progress.get("device") or ""), f"{progress.get('memory_mb', 0) / 1000:.1f} GB of memory"]
    if "gpu_memory_mb" in progress:
        taken, there = progress["gpu_memory_mb"] / 1000, progress["gpu_memory_of_mb"] / 1000
        parts.append(f"GPU memory {taken:.1f} of {there:.1f} GB taken")
    if "gpu_percent" in progress:
        parts.append(f"GPU {progress['gpu_percent']:.0f}% busy")
    return " · ".join(part for part in parts if part)


def planned(config: Mapping[str, Any]) -> int:
    """Students a run is to measure: its candidates and its baseline chains."""
    return config["search"]["candidates"] + config["search"]["chains"] * len(config["space"].get("codes", ["plain"]))


def summary(student: Mapping[str, Any]) -> str:
    """A student in one line."""
    if student["status"] != "done":
        why = {"failed": "could not be trained", "pruned": "stopped early: others did better on less"}
        return why.get(student["status"], "not measured yet")
    return (
        f"{percent(student['accuracy'])} clean · {percent(student['robustness'])} after attack · "
        f"{times(student['compression'])} smaller"
    )
