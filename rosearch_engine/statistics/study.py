"""Which questions are asked of the students, and what the answers are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, get_args

import numpy as np

from rosearch_engine.config import OperationName
from rosearch_engine.genome import Genome
from rosearch_engine.genome.features import features
from rosearch_engine.statistics.effect import LEVEL, Effect, corrected
from rosearch_engine.statistics.groups import Box, cliffs_delta
from rosearch_engine.statistics.ranks import Effort, correlate
from rosearch_engine.statistics.tree import FOLDS, Tree, fit_tree
from rosearch_engine.statistics.words import FEWEST, RARE, Association, Operation, conclude, notes

CORRECTION = "Benjamini-Hochberg, over all questions"
CONTROLS = ("accuracy", "weights")
"""What is held fixed in a partial correlation. Ranks are used, so the logarithm of the weights is the weights."""


@dataclass(frozen=True)
class Statistics:
    """Architecture against robustness, accuracy and gap, over all students that were measured in full.

    Attributes:
        n: students.
        runs: how many runs they are of.
        descended: how many of them have parents.
        questions: how many effects were tested; every `q` allows for them all.
        correction: how.
        level: highest `q` of a finding.
        left_out: features and outcomes that hardly vary: fewer than `RARE` students differ from the rest of their run.
        associations: each feature against each outcome; none of fewer than `FEWEST` students.
        operations: boxes of robustness.
        model: a small tree for robustness.
        findings: a sentence for every effect that is told from chance, the surest first.
        conclusion: what all this comes to, in a sentence.
        notes: what to bear in mind, a sentence each.
    """

    n: int
    runs: int
    descended: int
    questions: int
    correction: str
    level: float
    left_out: tuple[str, ...]
    associations: tuple[Association, ...]
    operations: tuple[Operation, ...]
    model: Tree | None
    findings: tuple[str, ...]
    conclusion: str
    notes: tuple[str, ...]


def statistics(students: Sequence[Mapping[str, Any]], effort: Effort | None = None) -> dict[str, Any]:
    """A `Statistics` as plain values.

    Students whose status is not "done", which were measured on lower rungs only or not at all, and those of runs with
    fewer than `FOLDS` others are left out. Where students are of several runs, all comparisons stay inside runs.

    Students of one evolving search are no independent sample: children resemble their parents, and parents were chosen
    for the very outcomes that are looked at. Intervals are then too narrow and a feature may ride along with its
    family; `notes` says so.

    Args:
        students: as `Store.students` gives them, of one run or several. `features`, where a row has them, are taken as
            they are; `inherit` says whether the run's students start from the teacher's weights (default: they do).
        effort: how much chance is simulated.
    """
    return asdict(_study(students, effort or Effort()))


def _study(students: Sequence[Mapping[str, Any]], effort: Effort) -> Statistics:
    sample = _Sample.of(students)
    constant = [name for name, values in (sample.features | sample.outcomes).items() if not sample.varies(values)]
    named = [name for name in sample.features if name not in constant]
    outcomes = [name for name in sample.outcomes if name not in constant]
    model: Tree | None = None
    effects: dict[tuple[str, ...], Effect] = {}
    if sample.n >= FEWEST:
        for outcome in outcomes:
            effects |= _correlations(sample, named, outcome, effort)
        effects |= _deltas(sample, effort)
        if named and "robustness" in outcomes:
            robustness = sample.outcomes["robustness"]
            model = fit_tree(named, sample.table(named), robustness, sample.runs, effort.seed)
            effects["model",] = model.explained
    effects = corrected(effects)
    associations = tuple(
        Association(
            feature,
            outcome,
            int(sample.known(outcome).sum()),
            effects["spearman", feature, outcome],
            effects.get(("partial", feature, outcome)),
            _controls(outcome),
        )
        for outcome in outcomes
        for feature in named
        if ("spearman", feature, outcome) in effects
    )
    operations = tuple(
        Operation(name, *sample.boxes(name), effects.get(("delta", name))) for name in get_args(OperationName)
    )
    if model:
        model = replace(model, explained=effects["model",])
    findings, conclusion = conclude(associations, operations, model, len(effects))
    return Statistics(
        sample.n,
        len(np.unique(sample.runs)),
        sample.descended,
        len(effects),
        CORRECTION,
        LEVEL,
        tuple(constant) if sample.n else (),
        associations,
        operations,
        model,
        findings,
        conclusion,
        notes(sample.n, sample.descended, len(students)),
    )


@dataclass(frozen=True)
class _Sample:
    """The students as columns of numbers, each `(students,)`; an outcome that was not measured is not a number."""

    features: dict[str, np.ndarray]
    outcomes: dict[str, np.ndarray]
    runs: np.ndarray
    descended: int

    @classmethod
    def of(cls, students: Sequence[Mapping[str, Any]]) -> _Sample:
        done = [student for student in students if student["status"] == "done"]
        sizes = Counter(student.get("run_id", 0) for student in done)
        done = [student for student in done if sizes[student.get("run_id", 0)] >= FOLDS]
        rows = [_features(student) for student in done]
        names = list(rows[0]) if rows else []
        return cls(
            {name: np.array([row[name] for row in rows], dtype=float) for name in names},
            {
                "robustness": np.array([student["robustness"] for student in done], dtype=float),
                "accuracy": np.array([student["accuracy"] for student in done], dtype=float),
                "gap": np.array([_gap(student) for student in done], dtype=float),
            },
            np.unique([student.get("run_id", 0) for student in done], return_inverse=True)[1],
            sum(bool(student.get("parents")) for student in done),
        )

    @property
    def n(self) -> int:
        return len(self.runs)

    def known(self, outcome: str) -> np.ndarray:
        """Of whom the outcome was measured, `(students,)`."""
        return np.isfinite(self.outcomes[outcome])

    def table(self, names: Sequence[str]) -> np.ndarray:
        """The features side by side, `(students, names)`."""
        return np.column_stack([self.features[name] for name in names])

    def varies(self, values: np.ndarray) -> bool:
        """Whether at least `RARE` students differ from the commonest value of their run."""
        differing = 0
        for run in np.unique(self.runs):
            mine = values[(self.runs == run) & np.isfinite(values)]
            differing += len(mine) - np.unique(mine, return_counts=True)[1].max(initial=0)
        return differing >= RARE

    def has(self, operation: str) -> np.ndarray:
        return self.features.get(f"n_{operation}", np.zeros(self.n)) > 0

    def boxes(self, operation: str) -> tuple[Box | None, Box | None]:
        """Robustness of those with the operation and of those without."""
        robustness, has = self.outcomes["robustness"], self.has(operation)
        return Box.of(robustness[has]), Box.of(robustness[~has])


def _features(student: Mapping[str, Any]) -> dict[str, float]:
    own = student.get("features") or features(Genome.from_dict(student["genome"]))
    if "inherited" in own and not student.get("inherit", True):
        own = own | {"inherited": 0.0}
    return own | {"weights": student["weights"], "flops": student["flops"]}


def _gap(student: Mapping[str, Any]) -> float:
    """Share of the attacked sentences that raw logits hold beyond the calibrated ones."""
    raw, calibrated = student["raw_held"], student["calibrated_held"]
    return float("nan") if raw is None or calibrated is None else (raw - calibrated) / student["attacked"]


def _controls(outcome: str) -> tuple[str, ...]:
    return tuple(control for control in CONTROLS if control != outcome)


def _correlations(sample: _Sample, named: Sequence[str], outcome: str, effort: Effort) -> dict[tuple[str, ...], Effect]:
    """Each feature against an outcome, alone and at equal controls."""
    known = sample.known(outcome)
    if known.sum() < FEWEST:
        return {}
    columns, values, runs = sample.table(named)[known], sample.outcomes[outcome][known], sample.runs[known]
    held = np.column_stack([(sample.outcomes | sample.features)[name][known] for name in _controls(outcome)])
    found = {
        "spearman": correlate(columns, values, held[:, :0], runs, effort),
        "partial": correlate(columns, values, held, runs, effort),
    }
    return {
        (kind, feature, outcome): effect
        for kind, effects in found.items()
        for feature, effect in zip(named, effects, strict=True)
        if effect is not None
    }


def _deltas(sample: _Sample, effort: Effort) -> dict[tuple[str, ...], Effect]:
    """Cliff's delta of robustness of those with an operation, p by permutation of the ranks inside runs."""
    values, runs = sample.outcomes["robustness"], sample.runs
    effects: dict[tuple[str, ...], Effect] = {}
    for operation in get_args(OperationName):
        has = sample.has(operation)
        estimate = cliffs_delta(values, has, runs) if sample.varies(has.astype(float)) else None
        chance = correlate(has[:, None], values, np.empty((sample.n, 0)), runs, effort)[0]
        if estimate and chance:
            effects["delta", operation] = replace(chance, size=estimate[0], interval=estimate[1])
    return effects
