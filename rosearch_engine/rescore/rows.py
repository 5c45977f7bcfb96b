"""The rows of a re-scoring: dictionaries that are printed as JSON as they are."""

from __future__ import annotations

from typing import Literal, TypedDict

from rosearch_engine.store.rows import Interval, ProtocolRow

Curve = list[tuple[int, float]]  # queries, share of all sentences lost by then
Role = Literal["elite", "baseline", "teacher"]


class HeldOutFigures(TypedDict):
    """A model under one recipe; `figures.held_out_figures` says what each is."""

    robustness: float
    by_seed: list[float]
    seed_spread: float | None
    interval: Interval
    held: int
    attacked: int
    accuracy: float
    calibrated: float | None
    raw: float | None
    gap: float | None
    one_swap: float | None
    certified: float | None
    success_rate: float | None
    mean_queries: float
    search: float | None
    search_attacked: int | None
    difference: float | None
    curve: Curve
    measurement_id: int
    protocol: ProtocolRow


class UnionRow(TypedDict):
    """What survives every one of the recipes."""

    recipes: list[str]
    held: int
    attacked: int
    robustness: float
    interval: Interval


class GapRow(TypedDict):
    """What plain PWWS and the border-first attack leave of the same sentences."""

    pwws: int
    border_first: int
    attacked: int
    gap: float


class Model(TypedDict):
    """Who was attacked. `weights` is None of the teacher."""

    role: Role
    origin: str
    weights: int | None
    compression: float
    code: str


class HeldOutRow(Model):
    """A model attacked again: under each recipe, under all together, and PWWS beside the border-first attack."""

    recipes: dict[str, HeldOutFigures]
    union: UnionRow | None
    gap_to_pwws: GapRow | None


class ComparisonRow(TypedDict):
    """McNemar's test of a student against a baseline, on the same `n` sentences."""

    student: str
    baseline: str
    recipe: str
    n: int
    only_student: int
    only_baseline: int
    p: float


class AgreementRow(TypedDict):
    """A `statistics.paired.RankCorrelation`: whether two recipes put the students in the same order."""

    recipe_a: str
    recipe_b: str
    n: int
    rho: float | None
    interval: Interval | None
    note: str


class Summary(TypedDict):
    """What one re-scoring says."""

    students: dict[str, HeldOutRow]
    comparisons: list[ComparisonRow]
    rank_correlations: list[AgreementRow]


class Rescoring(Summary):
    """The same, and how it was made. `available` are the held-out sentences that there are."""

    run: str
    n: int
    available: int
    seeds: int
    recipes: list[str]
    notes: list[str]


class Line(TypedDict):
    """A model's success curve."""

    role: Role
    origin: str
    curve: Curve


class CurvesRow(TypedDict):
    """How soon one attack gets through to some models, by their names; all were asked the same `n` sentences."""

    recipe: str
    held_out: bool
    n: int
    lines: dict[str, Line]


class Cell(TypedDict):
    """Of `n` sentences that fooled one model, the share that fools another; None of none."""

    share: float | None
    n: int


class Transfer(TypedDict):
    """Whom one model's adversarial sentences fool: `rows` has the author's name, then who was asked."""

    run: str
    recipe: str
    label: str
    models: list[str]
    rows: dict[str, dict[str, Cell]]
