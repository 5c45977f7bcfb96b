"""Which questions are asked of the students, and what the answers are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from rosearch_engine.genome.features import stored_features
from rosearch_engine.objectives import counts
from rosearch_engine.operations import names as operation_names
from rosearch_engine.statistics.effect import CORRECTION, LEVEL, Effect, corrected
from rosearch_engine.statistics.groups import Box, cliffs_delta
from rosearch_engine.statistics.ranks import Effort, Ranks
from rosearch_engine.statistics.tree import FOLDS, Tree, fit_tree
from rosearch_engine.statistics.words import (
    FEWEST,
    RARE,
    Association,
    Finding,
    Operation,
    conclude,
    is_better,
    leaf_says,
    model_says,
    notes,
)

# Ranks are compared, so the weights serve as well as their logarithm.
CONTROLS = ("accuracy", "weights")


@dataclass(frozen=True)
class Statistics:
    """Architecture against robustness, accuracy and gap, over all students that were measured in full.

    Attributes:
        n: students.
        runs: how many runs they are of.
        descended: how many of them have parents.
        questions: how many effects were tested; every `q` allows for them all.
        correction: how it does.
        level: highest `q` of a finding.
        left_out: features and outcomes that hardly vary (fewer than `RARE` students differ from the commonest value of
            their run), were not measured of all, or are the same as an earlier one of every student.
        associations: each feature against each outcome; none of fewer than `FEWEST` students.
        operations: boxes of robustness, and Cliff's delta where there are enough students.
        model: a small tree for robustness; None of fewer than `FEWEST` students.
        model_says: whether it tells more than the mean, in a sentence; empty without a model.
        model_rules: what it says of whom, a sentence each; empty if it tells no more than the mean.
        findings: every effect that is told from chance, in a sentence, robustness first, then the surest first.
        conclusion: what it all comes to, in a sentence.
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
    model_says: str
    model_rules: tuple[str, ...]
    findings: tuple[Finding, ...]
    conclusion: str
    notes: tuple[str, ...]


class Question(NamedTuple):
    """What an effect is of: `kind` is 'spearman', 'partial', 'delta' or 'tree'."""

    kind: str
    what: str
    outcome: str


def statistics(students: Sequence[Mapping[str, Any]], effort: Effort | None = None) -> dict[str, Any]:
    """A `Statistics` as plain values.

    Left out are bags of words, students that were not measured in full (whose status is not "done") or are too weak to
    count, an architecture that another run has tried before, and runs that keep fewer than `FOLDS` students. Of several
    runs, students are compared with those of their own run only.

    Students of one evolving search are no independent sample: children resemble their parents, and parents were chosen
    for the very outcomes that are looked at. Intervals are then too narrow, and a feature may ride along with its
    family; `notes` says so. In simulated searches of 80 students with a single true cause, evolved students led to
    some false finding in 42% of the searches, random ones in 8%; with no cause, in 5% and 2%.

    Args:
        students: as `Store.students` gives them, of one run or several. A row may bring its `features`, else they are
            worked out, and `inherit`: whether students of its run start from the teacher's weights (default: they do).
        effort: how much chance is simulated.
    """
    return asdict(_study(students, effort or Effort()))


def _study(students: Sequence[Mapping[str, Any]], effort: Effort) -> Statistics:
    sample = _Sample.of(students)
    named = sample.telling()
    outcomes = [name for name, values in sample.outcomes.items() if sample.varies(values)]
    effects: dict[Question, Effect] = {}
    model: Tree | None = None
    if sample.n >= FEWEST:
        ranks = Ranks(sample.columns, CONTROLS, sample.runs, effort)
        effects = _correlations(ranks, named, outcomes) | _deltas(ranks, sample)
        if named and "robustness" in outcomes:
            table = np.column_stack([sample.features[name] for name in named])
            model = fit_tree(named, table, sample.outcomes["robustness"], sample.runs, effort.seed)
            effects[Question("tree", "", "robustness")] = model.explained
    effects = corrected(effects)
    if model:
        model = replace(model, explained=effects[Question("tree", "", "robustness")])
    associations = tuple(
        Association(
            feature, outcome, sample.n, effect, effects.get(Question("partial", feature, outcome)), controls(outcome)
        )
        for (kind, feature, outcome), effect in effects.items()
        if kind == "spearman"
    )
    operations = tuple(
        Operation(name, *sample.boxes(name), effects.get(Question("delta", name, "robustness")))
        for name in operation_names()
    )
    findings, conclusion = conclude(associations, operations, model, len(effects))
    return Statistics(
        n=sample.n,
        runs=len(np.unique(sample.runs)),
        descended=sample.descended,
        questions=len(effects),
        correction=CORRECTION,
        level=LEVEL,
        left_out=tuple(name for name in sample.features | sample.outcomes if name not in (*named, *outcomes)),
        associations=associations,
        operations=operations,
        model=model,
        model_says=model_says(model) if model else "",
        model_rules=tuple(leaf_says(leaf) for leaf in model.leaves) if model and is_better(model) else (),
        findings=findings,
        conclusion=conclusion,
        notes=notes(sample.n, sample.descended, len(students)),
    )


def controls(outcome: str) -> tuple[str, ...]:
    """What a partial correlation with the outcome holds fixed."""
    return tuple(control for control in CONTROLS if control != outcome)


@dataclass(frozen=True)
class _Sample:
    """The students as columns of numbers, each `(students,)`.

    Attributes:
        features: those of the architecture, and what it costs.
        outcomes: what was measured; not a number where it was not.
        holders: 1 for the students that have an operation, by its name.
        runs: which run each student is of, numbered from 0.
        descended: how many have parents.
    """

    features: dict[str, np.ndarray]
    outcomes: dict[str, np.ndarray]
    holders: dict[str, np.ndarray]
    runs: np.ndarray
    descended: int

    @classmethod
    def of(cls, students: Sequence[Mapping[str, Any]]) -> _Sample:
        done = _once(
            [
                student
                for student in students
                if student["status"] == "done" and _counts(student) and not is_bag(student)
            ]
        )
        sizes = Counter(student.get("run_id", 0) for student in done)
        done = [student for student in done if sizes[student.get("run_id", 0)] >= FOLDS]
        rows = [_features(student) for student in done]
        outcomes = [(student["robustness"], student["accuracy"], _gap(student)) for student in done]
        columns = {name: np.array([row[name] for row in rows], dtype=float) for name in (rows[0] if rows else {})}
        return cls(
            columns,
            dict(zip(("robustness", "accuracy", "gap"), np.array(outcomes, dtype=float).reshape(-1, 3).T, strict=True)),
            {name: (columns[f"n_{name}"] > 0).astype(float) for name in operation_names() if columns},
            np.unique([student.get("run_id", 0) for student in done], return_inverse=True)[1],
            sum(bool(student.get("parents")) for student in done),
        )

    @property
    def n(self) -> int:
        return len(self.runs)

    @property
    def columns(self) -> dict[str, np.ndarray]:
        return self.features | self.outcomes | self.holders

    def varies(self, values: np.ndarray) -> bool:
        """Whether enough students differ from the commonest value of their run, and all have one."""
        of_runs = [values[self.runs == run] for run in np.unique(self.runs)]
        differing = sum(len(mine) - np.unique(mine, return_counts=True)[1].max() for mine in of_runs)
        return bool(differing >= RARE and np.isfinite(values).all())

    def telling(self) -> list[str]:
        """Features that vary, each column once: asking the same twice would only make every answer less sure."""
        seen: dict[bytes, str] = {}
        for name, values in self.features.items():
            if self.varies(values):
                seen.setdefault(values.tobytes(), name)
        return list(seen.values())

    def boxes(self, operation: str) -> tuple[Box | None, Box | None]:
        """Robustness of those with the operation and of those without."""
        robustness, has = self.outcomes["robustness"], self.holders.get(operation, np.zeros(self.n)) > 0
        return Box.of(robustness[has]), Box.of(robustness[~has])


def _counts(student: Mapping[str, Any]) -> bool:
    return counts({"accuracy": student["accuracy"], "floor": student.get("floor")})


def is_bag(student: Mapping[str, Any]) -> bool:
    """Whether a student is a bag of words: it has no architecture to speak of."""
    return "genome" in student and not student["genome"]["nodes"]


def _once(students: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The students without architectures that an earlier one had: runs of one seed would count one fact twice."""
    first: dict[Any, Mapping[str, Any]] = {}
    for number, student in enumerate(students):
        first.setdefault(student.get("digest", number), student)
    return list(first.values())


def _features(student: Mapping[str, Any]) -> dict[str, float]:
    own = student.get("features") or stored_features(student["genome"])
    cost = {"weights": float(student["weights"]), "flops": float(student["flops"])}
    return own | cost | ({} if student.get("inherit", True) else {"inherited": 0.0})


def _gap(student: Mapping[str, Any]) -> float:
    """Share of the attacked sentences that raw logits hold beyond the calibrated ones."""
    raw, calibrated = student["raw_held"], student["calibrated_held"]
    return float("nan") if raw is None or calibrated is None else (raw - calibrated) / student["attacked"]


def _correlations(ranks: Ranks, named: Sequence[str], outcomes: Sequence[str]) -> dict[Question, Effect]:
    """Each feature against each outcome, alone and at equal controls."""
    effects: dict[Question, Effect] = {}
    for outcome in outcomes:
        for kind, held in (("spearman", ()), ("partial", controls(outcome))):
            found = ranks.correlate(named, outcome, held)
            effects |= {Question(kind, feature, outcome): effect for feature, effect in found.items()}
    return effects


def _deltas(ranks: Ranks, sample: _Sample) -> dict[Question, Effect]:
    """Cliff's delta of the robustness of each operation's holders; p by permutation of the ranks."""
    robustness = sample.outcomes["robustness"]
    named = [name for name, holds in sample.holders.items() if sample.varies(holds)]
    chances = ranks.correlate(named, "robustness") if sample.varies(robustness) else {}
    effects: dict[Question, Effect] = {}
    for name, chance in chances.items():
        estimate = cliffs_delta(robustness, sample.holders[name] > 0, sample.runs)
        if estimate:
            effects[Question("delta", name, "robustness")] = replace(chance, size=estimate[0], interval=estimate[1])
    return effects
