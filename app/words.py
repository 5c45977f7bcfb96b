"""The app's words for a run's state, its stages and its students."""

from __future__ import annotations

import time

from app.formats import duration, percent, times
from rosearch_engine.progress import Facts, Stage
from rosearch_engine.store.rows import ProvenanceRow, Settings, StudentRow

STATES: dict[str, tuple[str, str, str]] = {
    "recorded": ("gray", ":material/inventory_2:", "Recorded: searched on another machine; it can't be resumed."),
    "queued": ("blue", ":material/hourglass_empty:", "Queued: the search process is starting."),
    "running": ("green", ":material/play_circle:", "Running: the search process reported a few seconds ago."),
    "stalled": ("orange", ":material/pending:", "Stalled: the process is alive but has not reported for a while."),
    "stopping": ("orange", ":material/stop_circle:", "Stopping: the search finishes its current step first."),
    "stopped": ("gray", ":material/stop_circle:", "Stopped on request. You can resume it; no result is lost."),
    "finished": ("blue", ":material/check_circle:", "Finished: every student was trained and attacked."),
    "crashed": (
        "red",
        ":material/error:",
        "Crashed: the process ended with an error (see its log). You can resume it.",
    ),
    "lost": ("red", ":material/link_off:", "Lost: the process ended unexpectedly (killed?). You can resume it."),
}

STAGES = {
    Stage.STARTING: "Starting",
    Stage.DATA: "Reading the data",
    Stage.TEACHER: "Measuring the teacher",
    Stage.FINE_TUNING: "Fine-tuning the teacher",
    Stage.OUTPUTS: "Caching teacher outputs",
    Stage.SWAPPING: "Finding word swaps",
    Stage.READING: "Encoding vocabulary",
    Stage.LOADING_ATTACK: "Loading the attack",
    Stage.BUILDING: "Building",
    Stage.DISTIL: "Distilling",
    Stage.SINGLE_SWAPS: "Single swaps",
    Stage.ATTACK: "Attacking",
    Stage.SAVING: "Saving",
    Stage.ASKING: "Querying",
    Stage.MEASURING: "Measuring",
    Stage.WORKERS: "Workers at work",
}

ORIGINS = {
    "bag": "worst-case bag of words (baseline)",
    "chain": "plain chain (baseline)",
    "sample": "random sample",
    "crossover": "crossover of two parents",
    "mutation": "mutation of its parent",
}


def recorded(made: ProvenanceRow) -> str:
    """Who made a recorded run, when, how and where, from its provenance."""
    day = time.strftime("%d %B %Y", time.gmtime(made["began"])).lstrip("0")
    settings = f"the {made['preset']} preset" if made["preset"] else "custom settings"
    place = ", ".join(filter(None, (made["machine"], made["device"]))) or "another machine"
    return f"Searched with this program on {day} in {duration(made['seconds'])}, with {settings}, on {place}."


def step(progress: Facts) -> str:
    """What a search process does now, in one line."""
    stage = progress.get("stage") or ""
    # Another version of this program may have stages of its own.
    text = STAGES[Stage(stage)] if stage in set(Stage) else stage.capitalize()
    if progress.get("detail"):
        text += f", {progress['detail']}"
    if progress.get("student"):
        text += f" {progress['student']}"
    if progress.get("total"):
        text += f": {progress.get('done') or 0:,} / {progress['total']:,} {progress.get('unit') or ''}"
    if progress.get("loss") is not None:
        text += f", loss {progress['loss']:.3f}"
    return text.strip()


def ended(now: str, done: int, planned: int) -> str:
    """What is to be said when a search is over."""
    how = "the search is finished" if now == "finished" else f"the search is {now}"
    return f"{how}, {done} of {planned} students measured."


def machine(progress: Facts) -> str:
    """What a search process computes on and takes of it, in one line."""
    parts = [str(progress.get("device") or ""), f"{progress.get('memory_mb', 0) / 1000:.1f} GB of memory"]
    if "gpu_memory_mb" in progress:
        taken, there = progress["gpu_memory_mb"] / 1000, progress["gpu_memory_of_mb"] / 1000
        parts.append(f"GPU memory {taken:.1f} of {there:.1f} GB used")
    if "gpu_percent" in progress:
        parts.append(f"GPU {progress['gpu_percent']:.0f}% busy")
    return " · ".join(part for part in parts if part)


def planned(config: Settings) -> int:
    """Students a run is to measure: its candidates and its baselines, a bag of words and chains of each input code.

    Chains in each context that the run searches.
    """
    search, space = config["search"], config["space"]
    contexts = [context for context in space.get("contexts", []) if context != "none"]
    baselines: int = search["chains"] * max(1, len(contexts)) + search.get("bag", False)
    candidates: int = search["candidates"]
    return candidates + baselines * len(space.get("codes", ["plain"]))


def summary(student: StudentRow) -> str:
    """A student in one line."""
    if student["status"] != "done":
        why = {"failed": "could not be trained", "pruned": "pruned early: others did better on the same budget"}
        return why.get(student["status"], "not measured yet")
    return (
        f"{percent(student['accuracy'])} clean · {percent(student['robustness'])} after attack · "
        f"{times(student['compression'])} smaller"
    )
