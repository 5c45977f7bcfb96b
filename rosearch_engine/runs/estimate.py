"""What a search will take here, from what earlier ones took: their seconds by part, scaled to the settings.

Training scales with the training sentences and the passes over them, an attack with the attacked sentences. What
changes the time and cannot be scaled is named, so that the figure is not taken for more than it is.
"""

from __future__ import annotations

import heapq
import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rosearch_engine.config import ExecutorConfig, RunConfig, opened, stored
from rosearch_engine.progress import Stage, spent_by_stage
from rosearch_engine.store.rows import MeasuredStudent, RunRow, StudentRow, measured

# What changes the time in ways that no count of sentences foretells.
_UNSCALED = {
    "teacher": ("name", "max_length"),
    "space": (
        "max_nodes",
        "operations",
        "widths",
        "feed_forwards",
        "codes",
        "vocabulary",
        "contexts",
        "kappas",
        "bigrams",
    ),
    "distil": ("tokens", "adversary", "copies", "extra"),
    "attack": ("recipe", "level", "one_swap", "precision", "query_budget"),
    "executor": ("kind", "threads", "gpus"),
}
# Stages whose result is kept for later runs of the same data and teacher, and those that take what they take.
_ONCE = (Stage.FINE_TUNING, Stage.OUTPUTS)
_LOADING = (Stage.STARTING, Stage.DATA, Stage.LOADING_ATTACK)
# Stages that go through the sentences once a process.
_READING = (Stage.TEACHER, Stage.SWAPPING, Stage.READING)


FEW = 5  # students are too few to foretell others by, if there is better
RECENT = 10  # students that say how fast a search is now


@dataclass(frozen=True)
class Pace:
    """How fast a search goes.

    Attributes:
        of: students that say so, the last ones.
        each: seconds of work a student.
        left: seconds until the last student, at that pace.
        at_once: students that are worked on at once.
    """

    of: int
    each: float
    left: float
    at_once: int

    @property
    def an_hour(self) -> float:
        return 3600 * self.at_once / self.each


def at_once(executor: ExecutorConfig) -> int:
    """Students that are worked on at once, as far as the settings tell: how large a cluster is they do not."""
    if executor.kind == "inline":
        return 1
    room = len(os.sched_getaffinity(0)) // executor.threads if executor.address == "local" else 1
    return executor.workers or max(1, room)


def pace(config: Mapping[str, Any], planned: int, students: Sequence[StudentRow]) -> Pace | None:
    """The pace of a search in its last students, measured or stopped early; None before the first.

    Args:
        config: the run's, as the store has it.
        planned: students to measure in all.
    """
    worked = [row for row in students if row["told"] is not None and row["seconds"]]
    # A bag of words comes trained: it says nothing of the others' pace.
    worked = [row for row in worked if row["genome"]["nodes"]] or worked
    recent = [_seconds(row) for row in heapq.nlargest(RECENT, worked, key=lambda row: row["told"] or 0)]
    if not sum(recent):
        return None
    each = sum(recent) / len(recent)
    left = max(0, planned - sum(row["told"] is not None for row in students)) * each
    minutes = config["search"].get("minutes")
    if minutes is not None:
        # The student in hand when the time is up is still finished.
        left = min(left, max(0.0, 60 * minutes - sum(map(_seconds, worked))) + each)
    hands = at_once(opened(config).executor)
    return Pace(len(recent), each, left / hands, hands)


@dataclass(frozen=True)
class Left:
    """How long a search will still take: between these, if it goes on as what the figure is taken from.

    Attributes:
        low: seconds, if the rest goes as fast as the faster half.
        high: seconds, if as slowly as the slower half.
        of: whose seconds these are: "the last 6 students", or an earlier run's name.
        elsewhere: whether that run was on another machine: then it is no more than an order of magnitude.
    """

    low: float
    high: float
    of: str
    elsewhere: bool = False


def left(
    run: RunRow,
    planned: int,
    students: Sequence[StudentRow],
    earlier: Iterable[tuple[RunRow, Sequence[StudentRow]]],
    teacher_is_measured: bool,
) -> Left | None:
    """What is left of a search: by its own students; before the first, by an earlier run's; None if there is neither.

    Args:
        planned: students to measure in all.
        earlier: other runs, the most like this one first, with their students.
    """
    config = stored(run["config"])
    told = sum(row["told"] is not None for row in students)
    in_process = sum((run["progress"] or {}).get("spent", {}).values())
    own = _worked(students)
    if own:
        low, high = _halves([_seconds(row) for row in own])
        attack = sum((row["seconds"] or {}).get("attack", 0.0) for row in own) / len(own)
        # The teacher is larger than any student: its own attack takes at least as long as one of theirs.
        teacher = (0.0, 0.0) if teacher_is_measured else (attack, 6 * attack)
        students_left = max(0, planned - told)
        # The one in work may be all but done.
        low, high = low * max(0, students_left - 1) + teacher[0], high * students_left + teacher[1]
        if config.search.minutes is not None:
            until = max(0.0, 60 * config.search.minutes - sum(map(_seconds, students)))
            low, high = min(low, until), min(high, until + _halves([_seconds(row) for row in own])[1])
        number = f"the last {len(own)} students" if len(own) > 1 else "one student"
        hands = at_once(config.executor)
        return Left(low / hands, high / hands, number)
    for other, theirs in earlier:
        found = estimate(config, planned, other, theirs, [other])
        if found is None:
            continue
        low, high = _halves([_seconds(row) for row in _worked(theirs)])
        mean = sum(map(_seconds, _worked(theirs))) / len(_worked(theirs))
        wide = 1.0 if _is_ours(other) else 3.0
        low, high = found.total * low / mean / wide, found.total * high / mean * wide
        return Left(max(0.0, low - in_process), max(0.0, high - in_process), other["name"], not _is_ours(other))
    return None


def most_alike(run: RunRow, runs: Iterable[RunRow]) -> list[RunRow]:
    """Other runs that may tell how long this one takes: those of this machine first, then by their settings."""
    config = stored(run["config"])
    others = [other for other in runs if other["id"] != run["id"] and other["students"] and other["dataset"]]
    return sorted(others, key=lambda other: (not _is_ours(other), len(unlike(config, other)), other["students"] < FEW))


def _worked(students: Sequence[StudentRow]) -> list[StudentRow]:
    """The last students that say how long one takes. A bag of words comes trained and says nothing of the others."""
    worked = [row for row in students if row["told"] is not None and row["seconds"] and row["genome"]["nodes"]]
    return heapq.nlargest(RECENT, worked, key=lambda row: row["told"] or 0)


def _halves(seconds: Sequence[float]) -> tuple[float, float]:
    """Means of the faster and of the slower half; of a single one, what another may well take."""
    if len(seconds) == 1:
        return 0.7 * seconds[0], 1.6 * seconds[0]
    ordered, half = sorted(seconds), (len(seconds) + 1) // 2
    return sum(ordered[:half]) / half, sum(ordered[-half:]) / half


@dataclass(frozen=True)
class Estimate:
    """How long a search will take.

    Attributes:
        run: the earlier run whose pace it is.
        measured: how many of its students say so.
        device: what that run computed on.
        fastest: seconds of that run's fastest student.
        slowest: seconds of its slowest.
        students: how many there is time for.
        seconds: by part: "teacher", "training", "attacks", "rest".
        sentences: training sentences.
        assumed: whether these are only that run's: the data set's own number is not known.
        unlike: settings, as `stage.field`, that change the time in ways not scaled for, and differ from that run's.
        lacking: what the figure leaves out because no run here has done it.
        at_most: the fidelity ladder will stop students early, and the figure knows nothing of that.
    """

    run: str
    measured: int
    device: str
    fastest: float
    slowest: float
    students: int
    seconds: dict[str, float]
    sentences: int
    assumed: bool
    unlike: tuple[str, ...]
    lacking: tuple[str, ...]
    at_most: bool

    @property
    def total(self) -> float:
        return sum(self.seconds.values())


def basis(config: RunConfig, runs: Iterable[RunRow]) -> RunRow | None:
    """Of rows of `Store.runs` the one made on this machine that is most like these settings; of several the newest with
    more than a handful of students."""
    here = [run for run in runs if run["students"] and run["dataset"] and _is_ours(run)]
    return min(here, key=lambda run: (len(unlike(config, run)), run["students"] < FEW), default=None)


def unlike(config: RunConfig, run: RunRow) -> tuple[str, ...]:
    """Settings, as `stage.field`, that change the time in ways not scaled for, and are others than a run's."""
    now = _as_json(config)
    return tuple(
        f"{stage}.{field}"
        for stage, fields in _UNSCALED.items()
        for field in fields
        if now[stage][field] != _value(run["config"], stage, field)
    )


def estimate(
    config: RunConfig,
    planned: int,
    run: RunRow,
    students: Sequence[StudentRow],
    runs: Sequence[RunRow],
    sizes: Mapping[str, int] | None = None,
) -> Estimate | None:
    """How long a search of these settings will take, at the pace of an earlier one; None if that tells nothing.

    Args:
        planned: students to measure, the plain chains among them.
        run: what `basis` chose.
        students: its rows of `Store.students`.
        runs: rows of `Store.runs`: whatever was done once for a teacher and its data is not done again.
        sizes: sentences of each part of the data set, where known; else those of `run` are taken.
    """
    done = [row for row in measured(students) if row["seconds"] and row["genome"]["nodes"]]
    if not done or not run["dataset"]:
        return None
    data = [other["dataset"] for other in runs if other["dataset"] and _same_data(config, other)]
    known = sizes or (data[0]["sizes"] if data else None)
    before, now = run["dataset"]["sizes"], known or run["dataset"]["sizes"]
    of_run, spent = run["config"], _spent(run)
    more_sentences = now["distillation"] / before["distillation"]
    more_training = more_sentences * config.distil.epochs / _value(of_run, "distil", "epochs")
    more_attacks = min(config.attack.sentences, now["search_attack"]) * len(done) / sum(row["attacked"] for row in done)
    training, attacks = _mean(done, "distil"), _mean(done, "attack")
    rest = sum(map(_seconds, done)) / len(done) - training - attacks
    each = {
        "training": training * more_training,
        "attacks": attacks * more_attacks,
        "rest": rest + spent[Stage.SAVING] / len(students),
    }
    count, hands = _in_time(planned, sum(each.values()), config.search.minutes), at_once(config.executor)
    # A process's own count of its attacks: what is over the students' is the teacher's. After a resume less is over.
    of_teacher = spent[Stage.ATTACK] - sum(row["seconds"].get("attack", 0.0) for row in students if row["seconds"])
    teacher, lacking = _teacher(config, runs, now["distillation"])
    reading = sum(spent[stage] for stage in _READING)
    whole = [_seconds(row) for row in done]
    return Estimate(
        run=run["name"],
        measured=len(done),
        device=str((run["progress"] or {}).get("device", "")),
        fastest=min(whole),
        slowest=max(whole),
        students=count,
        seconds={
            "teacher": teacher,
            "training": count * each["training"] / hands,
            "attacks": (count * each["attacks"] + max(0.0, of_teacher) * more_attacks) / hands,
            "rest": count * each["rest"] / hands + reading * more_sentences + sum(spent[stage] for stage in _LOADING),
        },
        sentences=now["distillation"],
        assumed=known is None,
        unlike=unlike(config, run),
        lacking=lacking,
        at_most=config.search.rungs > 1,
    )


def _in_time(planned: int, each: float, minutes: float | None) -> int:
    """Students before the search asks for no more."""
    return planned if minutes is None else min(planned, int(60 * minutes / each) + 1)


def _teacher(config: RunConfig, runs: Sequence[RunRow], sentences: int) -> tuple[float, tuple[str, ...]]:
    """Seconds until the teacher is ready, and the stages that were never measured here."""
    ours = [run for run in runs if _is_ours(run) and run["dataset"] and run["teacher"]]
    if any(_same_data(config, run) and run["config"]["teacher"] == _as_json(config)["teacher"] for run in ours):
        return 0.0, ()
    seconds, lacking = 0.0, []
    alike = [run for run in ours if _value(run["config"], "teacher", "name") == config.teacher.name]
    for stage in _ONCE:
        found = [run for run in alike if _spent(run)[stage]]
        if not found:
            lacking.append(stage)
            continue
        run = found[0]
        assert run["dataset"] is not None
        passes = (
            config.teacher.epochs / _value(run["config"], "teacher", "epochs") if stage is Stage.FINE_TUNING else 1.0
        )
        seconds += _spent(run)[stage] * passes * sentences / run["dataset"]["sizes"]["distillation"]
    return seconds, tuple(lacking)


def _spent(run: RunRow) -> Mapping[Stage, float]:
    return spent_by_stage((run["progress"] or {}).get("spent", {}))


def _seconds(student: StudentRow) -> float:
    return sum((student["seconds"] or {}).values())


def _mean(rows: Sequence[MeasuredStudent], part: str) -> float:
    return sum(row["seconds"].get(part, 0.0) for row in rows) / len(rows)


def _is_ours(run: RunRow) -> bool:
    return not run["recorded"] and run["host"] == socket.gethostname()


def _same_data(config: RunConfig, run: RunRow) -> bool:
    return bool(run["dataset"]) and run["config"]["data"] == _as_json(config)["data"]


def _value(config: Mapping[str, Any], stage: str, field: str) -> Any:
    """A run's setting; one that its version did not know had what is the default today."""
    default = _as_json(RunConfig())[stage][field]
    return config.get(stage, {}).get(field, default)


def _as_json(config: RunConfig) -> dict[str, Any]:
    return config.model_dump(mode="json")
