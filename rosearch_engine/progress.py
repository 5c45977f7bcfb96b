"""What a long job tells of itself while it works, and how it is asked to stop."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from enum import StrEnum
from typing import TypedDict, Unpack


class Stage(StrEnum):
    """What a job may be at. A run keeps the seconds of each under these values: do not change them."""

    STARTING = "starting"
    DATA = "data"
    TEACHER = "teacher"
    FINE_TUNING = "teacher fine-tuning"
    OUTPUTS = "teacher outputs"
    SWAPPING = "swapping words"
    READING = "reading words"
    LOADING_ATTACK = "loading the attack"
    BUILDING = "build"
    DISTIL = "distil"
    SINGLE_SWAPS = "single swaps"
    ATTACK = "attack"
    SAVING = "saving"
    ASKING = "asking"
    MEASURING = "measuring"
    WORKERS = "workers at work"


class Facts(TypedDict, total=False):
    """What a job told last. A run keeps it."""

    stage: str
    detail: str
    done: int
    total: int
    unit: str
    loss: float | None
    student: str | None
    teacher_accuracy: float  # on the validation sentences
    chance: float  # what always giving the most frequent answer gets right of them
    students: int
    candidates: int
    hypervolume: float
    shared: dict[str, int]
    device: str
    spent: dict[str, float]
    memory_mb: float
    gpu_memory_mb: float
    gpu_memory_of_mb: float
    gpu_percent: float


_START: Facts = {
    "stage": Stage.STARTING,
    "detail": "",
    "done": 0,
    "total": 0,
    "unit": "",
    "loss": None,
    "student": None,
}


class Stopped(Exception):
    """The job was asked to stop; what was finished before is kept."""


class Progress:
    """Facts about the job in hand, read from other threads; `advance` raises `Stopped` once a stop is asked for."""

    def __init__(self) -> None:
        self._facts: Facts = {**_START}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._spent: dict[str, float] = {}
        self._since = time.perf_counter()

    def stage(self, name: Stage, total: int = 0, unit: str = "", *, detail: str = "") -> None:
        """Begin a stage of `total` units.

        Args:
            detail: of several such stages, which one it is.
        """
        with self._lock:
            self._count_time()
            self._facts |= {"stage": name, "detail": detail, "done": 0, "total": total, "unit": unit, "loss": None}
        self.check()

    def advance(self, done: int, /, **facts: Unpack[Facts]) -> None:
        """Say that `done` units of the stage are behind us."""
        with self._lock:
            self._facts |= {**facts, "done": done}
        self.check()

    def tell(self, **facts: Unpack[Facts]) -> None:
        """Set facts that outlast a stage."""
        with self._lock:
            self._facts |= facts

    def facts(self) -> Facts:
        """All that was told last, and under `spent` the seconds that each stage has taken so far."""
        with self._lock:
            self._count_time()
            return self._facts | {"spent": dict(self._spent)}

    def stop(self) -> None:
        self._stop.set()

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def _count_time(self) -> None:
        now, stage = time.perf_counter(), str(self._facts["stage"])
        self._spent[stage] = self._spent.get(stage, 0.0) + now - self._since
        self._since = now

    def check(self) -> None:
        if self._stop.is_set():
            raise Stopped


def spent_by_stage(spent: Mapping[str, float]) -> Mapping[Stage, float]:
    """Seconds of each stage, 0 for those that took none, from the facts that a run keeps.

    A run of an earlier version has the detail in the name: "reading words, code both".
    """
    seconds: dict[Stage, float] = defaultdict(float)
    known = set(Stage)
    for name, value in spent.items():
        stage = name.partition(", ")[0]
        if stage in known:
            seconds[Stage(stage)] += value
    return seconds
