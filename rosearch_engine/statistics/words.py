"""What the answers come to, in plain sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rosearch_engine.genome.features import Words, words
from rosearch_engine.statistics.effect import Effect
from rosearch_engine.statistics.groups import Box
from rosearch_engine.statistics.tree import DEPTH, FOLDS, Leaf, Tree

FEWEST = 20
"""Students below which nothing is asked: bootstrap intervals of ranks are too short there, and of about a hundred
questions only correlations beyond 0.7 could be answered."""
RARE = 5
"""Students that must differ from the rest: with three of twenty, a 95% interval holds the truth in 82% of cases."""

NOTHING = "Nothing can be concluded: too few students, or no effect is distinguishable from chance."
LINEAGE = (
    "Students of an evolutionary search are not an independent sample: children resemble parents that were selected "
    "for these very figures, so intervals are too narrow and a feature may merely be inherited along with its family. "
    "Treat findings as leads and confirm them with a random search."
)


class Outcome(NamedTuple):
    """What a student did, for people: its name, and what students with more or less of it did."""

    name: str
    more: str
    less: str


OUTCOMES = {
    "robustness": Outcome("robustness", "are more robust", "are less robust"),
    "accuracy": Outcome("accuracy", "are more accurate", "are less accurate"),
    "gap": Outcome(
        "gap", "have a larger gap between raw and calibrated", "have a smaller gap between raw and calibrated"
    ),
}
_OF_STUDENTS = {
    "weights": Words("parameters", "more parameters"),
    "flops": Words("FLOPs per sentence", "more FLOPs per sentence"),
}


@dataclass(frozen=True)
class Association:
    """A feature against an outcome.

    Attributes:
        n: students.
        spearman: their rank correlation.
        partial: the same at equal `controls`; None where these leave nothing of the feature.
        controls: what is held fixed.
    """

    feature: str
    outcome: str
    n: int
    spearman: Effect
    partial: Effect | None
    controls: tuple[str, ...]


@dataclass(frozen=True)
class Operation:
    """Robustness of the students with an operation and of those without.

    Attributes:
        present: box of those with it, of all runs together.
        absent: box of those without.
        delta: Cliff's delta, above 0 where those with it hold more; None where too few are on a side.
    """

    operation: str
    present: Box | None
    absent: Box | None
    delta: Effect | None


@dataclass(frozen=True)
class Finding:
    """A sentence about an effect that is told from chance.

    Attributes:
        kind: 'spearman', 'partial', 'delta' or 'tree'.
        what: the feature or operation; empty for the tree.
        outcome: what it has to do with.
    """

    says: str
    kind: str
    what: str
    outcome: str


def words_of(feature: str) -> Words:
    """A feature's name and comparative."""
    return (words() | _OF_STUDENTS).get(feature, Words(feature, f"more {feature}"))


def conclude(
    associations: Sequence[Association], operations: Sequence[Operation], model: Tree | None, questions: int
) -> tuple[tuple[Finding, ...], str]:
    """Every finding, those on robustness first, then the surest first, and what they come to."""
    found = [*_of_associations(associations), *_of_operations(operations)]
    if model and is_better(model):
        found.append((model.explained, Finding(model_says(model), "tree", "", "robustness")))
    place = list(OUTCOMES).index
    found.sort(key=lambda pair: (place(pair[1].outcome), pair[0].q, -abs(pair[0].size)))
    findings = tuple(finding for _, finding in found)
    if not findings:
        return (), NOTHING
    return findings, f"{len(findings)} finding{'s' if len(findings) > 1 else ''} from {questions} tests."


def notes(n: int, descended: int, students: int) -> tuple[str, ...]:
    """What to bear in mind, a sentence each."""
    few = (
        f"{n} of {students} students can be compared, {FEWEST} are needed: fully measured, with distinct "
        f"architectures, at least {FOLDS} per run."
    )
    return tuple(note for note, fits in ((few, n < FEWEST), (LINEAGE, descended > 0)) if fits)


def is_better(model: Tree) -> bool:
    """Whether the tree is told from the mean, for the better."""
    return model.explained.found and model.explained.size > 0


def model_says(model: Tree) -> str:
    """Whether the tree tells more than the mean, in a sentence."""
    verdict = "better than" if is_better(model) else "no better than"
    return (
        f"A tree of depth {DEPTH} predicts robustness {verdict} the mean: cross-validated error "
        f"{100 * model.error:.1f} points, vs {100 * model.mean_error:.1f} for the mean."
    )


def leaf_says(leaf: Leaf) -> str:
    """Who the students of a leaf are and how they fare, in a sentence."""
    where = ", ".join(f"{words_of(name).name} {side} {_number(bound)}" for name, side, bound in leaf.where) or "all"
    return f"{where}: {100 * leaf.mean:+.1f} points (n = {leaf.n})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:.3g}"


def _of_associations(associations: Sequence[Association]) -> Iterator[tuple[Effect, Finding]]:
    for row in associations:
        who, fixed = (
            f"tudents with {words_of(row.feature).more}",
            " and ".join(words_of(name).name for name in row.controls),
        )
        if row.spearman.found:
            says = f"S{who} {_did(row.outcome, row.spearman)}: Spearman {_figure(row.spearman)}, n = {row.n}"
            if row.partial:
                doubt = "" if row.partial.found else ", not significant"
                says += f"; controlling for {fixed} {_figure(row.partial)}{doubt}"
            yield row.spearman, Finding(f"{says}.", "spearman", row.feature, row.outcome)
        elif row.partial and row.partial.found:
            says = f"Controlling for {fixed}, s{who} {_did(row.outcome, row.partial)}: "
            says += f"partial Spearman {_figure(row.partial)}"
            says += f", n = {row.n}; {_figure(row.spearman)} without controls, not significant"
            yield row.partial, Finding(f"{says}.", "partial", row.feature, row.outcome)


def _of_operations(operations: Sequence[Operation]) -> Iterator[tuple[Effect, Finding]]:
    for row in operations:
        if row.delta and row.delta.found and row.present and row.absent:
            who = f"Students with {words_of(f'n_{row.operation}').name} {_did('robustness', row.delta)}"
            sizes = f"n = {row.present.n} and {row.absent.n}"
            says = f"{who} than those without: Cliff's delta {_figure(row.delta)}, {sizes}."
            yield row.delta, Finding(says, "delta", row.operation, "robustness")


def _did(outcome: str, effect: Effect) -> str:
    return OUTCOMES[outcome].more if effect.size > 0 else OUTCOMES[outcome].less


def _figure(effect: Effect) -> str:
    low, high = effect.interval
    return f"{effect.size:.2f} (95% {low:.2f} to {high:.2f})"
