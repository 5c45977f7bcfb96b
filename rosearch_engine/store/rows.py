"""The rows that the store gives and takes: dictionaries that are printed as JSON as they are, with the type of each
value said here.

What an attack said of a model are its figures, `FIGURES`. A student has them once it was measured: `is_measured` tells,
and a comparison of its `status` with "done" does too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, Literal, Never, NotRequired, TypedDict, TypeGuard, TypeVar, get_args

from rosearch_engine.config import Measure
from rosearch_engine.genome import GenomeRow
from rosearch_engine.progress import Facts

# What stands in a row where nothing was measured: None; in the row of what was measured nothing does: Never.
Absent = TypeVar("Absent")

Purpose = Literal["search", "rung", "held_out"]
Reason = Literal["finished", "stopped", "crashed"]
Outcome = Literal["fooled", "held", "already wrong", "budget used", "failed"]

# Counts of `attacked` sentences that not every attack asks about.
Count = Literal["calibrated_held", "raw_held", "one_swap_held", "certified"]
Figure = Literal[
    "accuracy",
    "accuracy_n",
    "accuracy_interval",
    "floor",
    "measure",
    "robustness",
    "robustness_interval",
    "held",
    "attacked",
    "calibrated_held",
    "raw_held",
    "one_swap_held",
    "certified",
    "success_rate",
    "mean_queries",
    "temperature",
]
COUNTS: tuple[Count, ...] = get_args(Count)
FIGURES: tuple[Figure, ...] = get_args(Figure)

Interval = tuple[float, float]
# Of a latency, the slow tenth of the times over the fast tenth, where nothing else runs on the machine.
CALM = 1.5
# By stage and field. Those of an earlier version may lack some and have others.
Settings = dict[str, dict[str, Any]]


class Scored(TypedDict, Generic[Absent]):
    """The figures that an attack gives; `attack.protocol.Score` says what each is."""

    accuracy: float | Absent
    accuracy_n: int | Absent
    robustness: float | Absent
    held: int | Absent
    attacked: int | Absent
    calibrated_held: int | None
    raw_held: int | None
    one_swap_held: int | None
    certified: int | None
    success_rate: float | None
    mean_queries: float | Absent
    temperature: float | Absent


class Figures(Scored[Absent], Generic[Absent]):
    """All of `FIGURES`: with Wilson's 95% intervals, the clean accuracy that must be exceeded to count, and what counts
    as robustness in the search."""

    accuracy_interval: Interval | Absent
    robustness_interval: Interval | Absent
    floor: float | None
    measure: Measure | None


class Materials(TypedDict):
    """What a recipe's candidates depend on: its parts, and the content of its resources by a digest of each."""

    textattack: str
    revision: int
    settings: dict[str, Any]
    resources: dict[str, str]


class Conditions(Materials):
    """What a measurement is made with. `data` is the data set's fingerprint."""

    recipe: str
    level: str
    query_budget: int
    seconds: float
    one_swap: bool
    faces: list[str]
    precision: str
    data: str


class ProtocolRow(Conditions):
    """The conditions, and one hash over them all: measurements of one hash compare."""

    hash: str


class NewMeasurement(Scored[Never]):
    """A measurement to keep."""

    purpose: NotRequired[Purpose]
    rung: NotRequired[int]
    seed: int
    protocol: ProtocolRow
    floor: NotRequired[float | None]
    measure: NotRequired[Measure | None]


class MeasurementRow(Figures[Never]):
    """What one attack said of one model."""

    measurement_id: int
    protocol: ProtocolRow


class OwnedMeasurementRow(MeasurementRow):
    """A measurement and whose it is: a student's, or the teacher's, whose `number` and `candidate_id` are None."""

    name: str
    number: int | None
    candidate_id: int | None
    seed: int
    rung: int
    created: float


# What a model said of a text, which is two for a pair: `class` is a word of Python's own.
SaidRow = TypedDict("SaidRow", {"text": str | list[str], "class": int, "probabilities": list[float]})


class Example(TypedDict):
    """The outcome for one attacked sentence."""

    sentence: int
    outcome: Outcome
    label: int
    before: SaidRow
    after: SaidRow
    queries: int
    reason: str
    raw_outcome: Outcome | None
    raw_queries: int | None
    swaps: int | None
    flips: int | None
    worst_swap: SaidRow | None
    certified: bool | None


class ExampleRow(Example):
    """The outcome for one sentence of a measurement."""

    id: int
    measurement_id: int


class Architecture(TypedDict, Generic[Absent]):
    """What is known of an architecture, but for its figures."""

    digest: str
    genome: GenomeRow
    origin: str
    parents: list[int]
    change: str
    error: str | None
    weights: int
    encoder_weights: int
    flops: int
    compression: float
    encoder_compression: float
    latency_ms: float | Absent
    seconds: dict[str, float] | Absent


class Entry(TypedDict, Generic[Absent]):
    """When an architecture's turn came in its run, and what became of it."""

    id: int
    run_id: int
    number: int
    asked_after: int
    told: int | Absent
    training: dict[str, Any] | Absent
    artifact_id: int | None
    created: float
    finished: float | Absent


class CandidateRow(Architecture[None], Entry[None]):
    """One architecture of a run, as it stands in its table."""

    status: Literal["queued", "done", "failed", "pruned"]


class Place(TypedDict):
    """A student's name, its weights' file, and whether it is on the front and is the front's knee."""

    name: str
    weights_sha256: str | None
    front: bool
    knee: bool


class _Student(Architecture[Absent], Entry[Absent], Figures[Absent], Place, Generic[Absent]):
    """An architecture and its figures."""

    measurement_id: int | Absent
    protocol: ProtocolRow | Absent


class MeasuredStudent(_Student[Never]):
    """A student that was trained and attacked in full."""

    status: Literal["done"]


class UnmeasuredStudent(_Student[None]):
    """One that was not, or not yet. A pruned one has the figures of the highest rung that it reached."""

    status: Literal["queued", "failed", "pruned"]


StudentRow = MeasuredStudent | UnmeasuredStudent


class DatasetRow(TypedDict):
    """The data of a run. `sizes` counts each part's sentences, `dropped` the rows left out by reason, `untried` the
    attacked sentences without a word that the attack can swap; `columns` are the texts', the second may be empty."""

    name: str
    classes: list[str]
    pair: bool
    columns: NotRequired[list[str]]
    sizes: dict[str, int]
    dropped: NotRequired[dict[str, int]]
    untried: NotRequired[int]
    fingerprint: str


class TeacherRow(TypedDict):
    """The teacher of a run. `tokenizer` and `codes` are digests of what its students read by; early runs have no
    tokenizer of their own."""

    name: str
    key: str
    folder: str
    accuracy: float
    weights: int
    encoder_weights: int
    pad: int
    tokenizer: NotRequired[str]
    codes: dict[str, str]
    max_length: int


class Ending(TypedDict):
    """How a search ended. `error` is a `UserError`'s, `trace` a bug's."""

    reason: Reason
    message: str
    time: NotRequired[float]
    error: NotRequired[dict[str, str]]
    trace: NotRequired[str]


class SourceRow(TypedDict):
    """Something that a recorded run was made of."""

    name: str
    what: str


class ProvenanceRow(TypedDict):
    """How a recorded run was made: `recorded.layout.Provenance`, and the SHA-256 of its `file`."""

    program: str
    commit: str | None
    preset: str | None
    began: float
    seconds: float
    device: str
    machine: str | None
    sources: list[SourceRow]
    students: list[str]
    file: str


class RunRow(TypedDict):
    """A run, and how many `students` it has measured. What its search learns first is None until then."""

    id: int
    name: str
    config: Settings
    version: str
    created: float
    recorded: bool
    provenance: ProvenanceRow | None
    dataset: DatasetRow | None
    teacher: TeacherRow | None
    frame: dict[str, Any] | None  # the fields of a `genome.Frame`
    host: str | None
    pid: int | None
    process_created: float | None
    process_mark: str | None
    claim: str | None
    queued: float | None
    heartbeat: float | None
    progress: Facts | None
    stop_requested: float | None
    exit: Ending | None
    active_seconds: float
    students: int


class EventRow(TypedDict):
    """Something worth a line in a run's history."""

    id: int
    run_id: int
    time: float
    kind: str
    text: str


class MarkRow(TypedDict):
    """What a person said of an adversarial sentence: whether it still means what the original meant."""

    id: int
    run_id: int
    student: str
    recipe: str
    original: str
    perturbed: str
    kept: bool
    created: float


class AnnotationRow(TypedDict):
    """What a person noted of a student, or of the run itself, whose `student` is empty."""

    id: int
    run_id: int
    student: str
    note: str
    tags: list[str]
    pinned: bool
    updated: float


def is_measured(student: StudentRow) -> TypeGuard[MeasuredStudent]:
    """Whether a student was trained and attacked in full."""
    return student["status"] == "done"


def measured(students: Iterable[StudentRow]) -> list[MeasuredStudent]:
    """The students that were trained and attacked in full."""
    return [student for student in students if is_measured(student)]


def share(row: Scored[Never], count: Count) -> float | None:
    """A count as a share of all attacked sentences; None where it was not asked."""
    held = row[count]
    return None if held is None else held / row["attacked"]


def copies_loss(student: StudentRow) -> tuple[float, float] | None:
    """A student's loss on adversarial copies of one gradient step, and on refined ones (`distil.overfitting`).

    None of one that learnt without an adversary, or was trained before this was measured.
    """
    losses = (student["training"] or {}).get("adversarial")
    return None if losses is None else (losses[0], losses[1])


def is_latency_disturbed(student: StudentRow) -> bool:
    """Whether other work on the machine disturbed the measurement of a student's latency; early ones did not ask."""
    return ((student["training"] or {}).get("latency_spread") or 1.0) > CALM


def label(number: int) -> str:
    """A student's name."""
    return f"s{number:04d}"
