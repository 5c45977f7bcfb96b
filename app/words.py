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
    "held out": "After-attack accuracy on sentences that no search saw, averaged over several trainings: the figure to "
    "quote. The best of many students looks better at search time than it is.",
    "union": "Share of held-out sentences that survive every attack that was tried: by words and by characters. One "
    "attack's figure is not robustness.",
    "calibrated": "What the attack alone leaves, once the student's confidence is set right by one temperature.",
    "raw": "What the attack alone leaves on the student's own logits. Far above the calibrated figure, it shows "
    "confidence that blinds the attack, not robustness.",
    "one swap": "Share of ALL attacked sentences that no single swap of the recipe flips: every one was asked. "
    "Confidence cannot change it.",
    "compression": "Teacher's weights divided by the student's, everything counted: word table, encoder, classifier.",
    "encoder compression": "Teacher's encoder weights divided by the student's, without word table and classifier, as "
    "some papers count it.",
    "latency": "Median time for one sentence on the machine that ran the search.",
    "success rate": "Share of the sentences that were right before the attack and wrong after it.",
    "mean queries": "How often the attack had to ask the model per sentence. More means harder to fool.",
    "front": "Students that no other student beats in robustness, accuracy and size at once.",
    "knee": "The best compromise: the student on the front that is nearest to the best of everything.",
    "hypervolume": "How much of the space of robustness x accuracy x saved weights the front covers. "
    "Measured from a fixed point (0, 0, 0), so runs compare; it can only grow.",
    "floor": "Clean accuracy that a student must exceed to count: half of the teacher's edge over always giving the "
    "most frequent answer, unless the run's settings say otherwise. A student that answers every sentence alike cannot "
    "be fooled, and would look robust.",
    "student": "A small model of one architecture, trained on the teacher's answers and then attacked.",
    "students an hour": "At the pace of the last ten students: training, attack and all.",
    "time left": "Students to come times the seconds that the last ten took. It changes as the search finds larger or "
    "smaller students, and with what else this machine does.",
    "teacher": "The large pre-trained model that every student learns from.",
    "chain": "A plain chain of transformer layers, scored first as a baseline for the search.",
    "query budget": "Most model queries one sentence may cost. The attack gives up when it is used.",
    "queries": "How often the attack asked the model about this sentence.",
    "time limit": "The attack on a model is stopped after so many seconds; what it has found is shown.",
    "verdict": "Fooled: the attack changed the model's mind. Held: it gave up. Budget used: it ran out of queries, "
    "which counts as held. A swap flips it: the attack missed what a single swap can do, so it does not hold. Already "
    "wrong: nothing left to attack, which counts as lost.",
    "changes": "The words that the attack changed.",
    "said": "The class that the model says.",
    "labels of a batch": "The right class, by name or number. Without labels the model's own answer counts as right: "
    "then only changes of mind are counted, and its accuracy is not known.",
    "single swaps": "How many sentences one swap of the recipe can make of this one. All of them were asked.",
    "flipping": "How many of all single swaps of a sentence change the model's mind.",
    "raw verdict": "The same attack on the model's own logits, without calibration.",
    "temperature": "The one number that a model's logits are divided by, fitted on validation sentences, so that of "
    "the answers it is 80% sure of about 80% are right.",
    "calibrated probabilities": "How sure the model is of the label, after its confidence was set right by one "
    "temperature. The attack saw these.",
    "raw probabilities": "Calibrated: confidence set right by one temperature, as the attack saw it. Raw: as the model "
    "itself says it. Both name the same class; only how sure they are differs.",
    "success curve": "The share of ALL attacked sentences that are lost once the attack may ask so many queries about "
    "each. Those wrong from the start are lost at 0 queries. A curve further down and to the right is harder to fool.",
    "interval": "Wilson's interval of a share at 95%: how far chance alone may have moved it, with so many sentences.",
    "n": "How many sentences or students a figure rests on. The more, the narrower its interval.",
    "dominated": "Another student is at least as good in robustness, accuracy and size, and better in one.",
    "rung": "A step of the fidelity ladder: a student is trained and attacked a little first, and only the better ones "
    "get the whole training and the full attack.",
    "spearman": "Spearman's rank correlation: +1 if two figures put the students in the same order, -1 in the opposite "
    "one, 0 if neither says anything of the other.",
    "gap": "After the attack on the raw logits, less after the attack on the calibrated student: how much confidence "
    "alone blinds the attack.",
    "input code": "How a student reads a word: plainly, as the head of its group of synonyms, with misspelt words "
    "mended, or both.",
    "origin": "Where an architecture comes from: a plain chain, drawn at random, a mutation, or crossed from two "
    "parents.",
    "digest": "A short name of the architecture itself: equal architectures have equal digests.",
    "weights": "Trainable numbers, everything counted: word table, encoder, classifier.",
}

# Terms that are written otherwise than their key in `GLOSSARY`.
TITLES = {
    "after attack": "After-attack accuracy",
    "held out": "Held-out sentences",
    "union": "All attacks together (union)",
    "calibrated": "After the attack alone (calibrated)",
    "raw": "Raw logits",
    "raw verdict": "Verdict on raw logits",
    "one swap": "No single swap flips (one-swap)",
    "encoder compression": "Encoder alone, times smaller",
    "compression": "Times smaller (compression)",
    "success rate": "Attack success rate",
    "mean queries": "Queries a sentence",
    "chain": "Plain chain",
    "n": "n",
    "gap": "Raw less calibrated (gap)",
    "spearman": "Spearman's correlation",
    "interval": "95% interval",
    "flipping": "Flipping swaps",
    "labels of a batch": "Labels of one's own sentences",
    "raw probabilities": "Calibrated and raw",
}

STATES: dict[str, tuple[str, str, str]] = {
    "recorded": ("gray", ":material/inventory_2:", "Recorded: it was searched elsewhere and can't be resumed."),
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


def title(term: str) -> str:
    """A term as it is written at the head of its meaning."""
    return TITLES.get(term, term.capitalize())


def of(*terms: str) -> str:
    """The meanings of some terms, one a paragraph, for help on hover."""
    return "\n\n".join(f"**{title(term)}**: {GLOSSARY[term]}" for term in terms)


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


def recorded(made: Mapping[str, Any]) -> str:
    """Who made a recorded run, when, how and where, from its provenance."""
    day = time.strftime("%d %B %Y", time.gmtime(made["began"])).lstrip("0")
    settings = f"{made['preset']} preset" if made["preset"] else "maker's own settings"
    place = ", ".join(filter(None, (made["machine"], made["device"]))) or "another machine"
    return f"Made by this program on {day} in {duration(made['seconds'])}, with the {settings}, on {place}."


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
