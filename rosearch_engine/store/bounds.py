"""What rows may say: every figure finite and possible, every part there that a reader takes for granted.

A run that comes from elsewhere is checked whole before it is kept. Rows of the store itself are checked as they are
read, so that a damaged one is told as such, wherever it would first have been stumbled over.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_type_hints

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic_core import PydanticCustomError

from rosearch_engine.config import Measure
from rosearch_engine.errors import UserError
from rosearch_engine.store.models import Annotation, AttackExample, Base, Candidate, Event, Mark, Measurement, Run
from rosearch_engine.store.rows import COUNTS, Outcome, Purpose, Reason, label

GREATEST = 2**63 - 1  # a database's
_DEEPEST = 20

Share = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0, le=GREATEST)]
Positive = Annotated[int, Field(gt=0, le=GREATEST)]
Extra = Literal["forbid", "ignore"]
Status = Literal["queued", "done", "failed", "pruned"]

_LOOSE = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class _Said(BaseModel):
    model_config = _LOOSE
    text: str | Annotated[list[str], Field(min_length=2, max_length=2)]
    number: Annotated[int, Field(alias="class", ge=-1, le=1000)]
    probabilities: list[Share]


class _OwnProtocol(BaseModel):
    model_config = _LOOSE
    recipe: str


class _Protocol(_OwnProtocol):
    level: str
    query_budget: Positive
    hash: str


class _Dataset(BaseModel):
    model_config = _LOOSE
    name: str
    classes: Annotated[list[str], Field(min_length=2, max_length=1000)]
    pair: bool
    columns: Annotated[list[str], Field(min_length=2, max_length=2)] = ["text", ""]
    sizes: dict[str, Count]
    dropped: dict[str, Count] = {}
    untried: Count = 0


class _OwnTeacher(BaseModel):
    model_config = _LOOSE
    name: str
    folder: str
    accuracy: Share
    weights: Positive
    encoder_weights: Positive
    pad: Count
    max_length: Positive
    codes: dict[str, str]


class _Teacher(_OwnTeacher):
    key: str


class _Named(BaseModel):
    model_config = _LOOSE
    name: str


class _Attack(BaseModel):
    model_config = _LOOSE
    recipe: str


class _Search(BaseModel):
    model_config = _LOOSE
    strategy: str


class _Distil(BaseModel):
    model_config = _LOOSE
    inherit: bool


class _Settings(BaseModel):
    """What is read of the settings of a run that may be of any version."""

    model_config = _LOOSE
    data: _Named
    teacher: _Named
    attack: _Attack
    search: _Search
    distil: _Distil
    space: dict[str, Any]
    objectives: dict[str, Any]


class _Node(BaseModel):
    model_config = _LOOSE
    operation: str
    heads: Count
    feed_forward: Count
    activation: str
    teacher_layer: Count


class _Genome(BaseModel):
    model_config = _LOOSE
    # Of a bag of words both are 0.
    width: Count
    rank: Count
    pooling: str
    merge: str
    code: str = "plain"
    nodes: Annotated[list[_Node], Field(max_length=12)]
    edges: list[Annotated[list[Count], Field(min_length=2, max_length=2)]]


class _Progress(BaseModel):
    model_config = _LOOSE
    stage: str = ""
    done: Count = 0
    total: Count = 0
    student: str | None = None
    spent: dict[str, Amount] = {}
    shared: dict[str, Count] = {}
    device: str = ""


class _Ending(BaseModel):
    model_config = _LOOSE
    reason: Reason
    message: str


class _Finished(_Ending):
    reason: Literal["finished"]
    time: Amount


class _Training(BaseModel):
    model_config = _LOOSE
    adversarial: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None


class _Frame(BaseModel):
    model_config = _LOOSE
    vocabulary: Positive
    positions: Positive
    token_types: Count
    classes: Annotated[int, Field(ge=2, le=1000)]
    head_size: Positive
    width: Positive
    layers: Positive
    heads: Positive
    feed_forward: Positive
    weights: Positive
    encoder_weights: Positive
    ledger_bound: Annotated[float, Field(gt=0)] | None = None
    ties_in_graph: bool = False
    invariant: bool = False
    coefficients: Count = 0
    groups: dict[str, Positive] = {}


def _like(kind: type[BaseModel]) -> AfterValidator:
    """A check that a value has a shape; the value stays as it is."""

    def check(value: dict[str, Any]) -> dict[str, Any]:
        try:
            kind.model_validate(plain(value))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise PydanticCustomError("shape", "{place}: {what}", {"place": place, "what": first["msg"]}) from None
        return value

    return AfterValidator(check)


def plain(value: Any, depth: int = 0) -> Any:
    """The value, if all in it is finite and fits a database.

    Raises:
        ValueError: if it is not, or is nested too deeply.
    """
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    if isinstance(value, Mapping):
        for name, one in value.items():
            plain(name, depth + 1)
            plain(one, depth + 1)
    elif isinstance(value, list | tuple):
        for one in value:
            plain(one, depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number that is not finite")
    elif isinstance(value, int) and abs(value) > GREATEST:
        raise ValueError("a number that is too large")
    elif isinstance(value, str) and any("\ud800" <= sign <= "\udfff" for sign in value):
        raise ValueError("half a character")
    return value


Json = Annotated[dict[str, Any], AfterValidator(plain)]
SaidJson = Annotated[dict[str, Any], _like(_Said)]

RUN: dict[str, Any] = {
    "config": (Json, ...),
    "created": (Amount, ...),
    "dataset": (Annotated[dict[str, Any], _like(_Dataset)], ...),
    "teacher": (Annotated[dict[str, Any], _like(_Teacher)], ...),
    "frame": (Annotated[dict[str, Any], _like(_Frame)], ...),
    "progress": (Annotated[dict[str, Any], _like(_Progress)] | None, None),
    "exit": (Annotated[dict[str, Any], _like(_Finished)], ...),
    "active_seconds": (Amount, ...),
}
CANDIDATE: dict[str, Any] = {
    "number": (Annotated[int, Field(ge=0, le=10**9)], ...),
    "genome": (Annotated[dict[str, Any], _like(_Genome)], ...),
    "parents": (list[Count], ...),
    "asked_after": (Annotated[int, Field(ge=-1, le=GREATEST)], ...),
    "told": (Annotated[int, Field(ge=0, le=GREATEST)] | None, None),
    "status": (Status, ...),
    "weights": (Positive, ...),
    "encoder_weights": (Count, ...),
    "flops": (Count, ...),
    "compression": (Annotated[float, Field(gt=0)], ...),
    # A bag of words has no encoder.
    "encoder_compression": (Annotated[float, Field(gt=0, allow_inf_nan=True)], ...),
    "latency_ms": (Amount | None, None),
    "training": (Annotated[dict[str, Any], _like(_Training)] | None, None),
    "seconds": (dict[str, Amount] | None, None),
    "created": (Amount, ...),
    "finished": (Amount | None, None),
}
MEASUREMENT: dict[str, Any] = {
    "purpose": (Purpose, "search"),
    "rung": (Annotated[int, Field(ge=0, le=100)], 0),
    "seed": (Count, ...),
    "protocol": (Annotated[dict[str, Any], _like(_Protocol)], ...),
    "accuracy": (Share, ...),
    "accuracy_n": (Positive, ...),
    "floor": (Share | None, None),
    "measure": (Measure | None, None),
    "robustness": (Share, ...),
    "held": (Count, ...),
    "attacked": (Positive, ...),
    **dict.fromkeys(COUNTS, (Count | None, None)),
    "success_rate": (Share | None, None),
    "mean_queries": (Amount, ...),
    "temperature": (Annotated[float, Field(gt=0)], ...),
    "created": (Amount, ...),
}
EXAMPLE: dict[str, Any] = {
    "sentence": (Count, ...),
    "outcome": (Outcome, ...),
    "label": (Annotated[int, Field(ge=0, le=1000)], ...),
    "before": (SaidJson, ...),
    "after": (SaidJson, ...),
    "queries": (Count, ...),
    "raw_outcome": (Outcome | None, None),
    "raw_queries": (Count | None, None),
    "swaps": (Count | None, None),
    "flips": (Count | None, None),
    "worst_swap": (SaidJson | None, None),
}


_OWN_RUN: dict[str, Any] = {
    "config": (Annotated[dict[str, Any], _like(_Settings)], ...),
    "dataset": (Annotated[dict[str, Any], _like(_Dataset)] | None, ...),
    "teacher": (Annotated[dict[str, Any], _like(_OwnTeacher)] | None, ...),
    "frame": (Annotated[dict[str, Any], _like(_Frame)] | None, ...),
    "progress": (Annotated[dict[str, Any], _like(_Progress)] | None, ...),
    "exit": (Annotated[dict[str, Any], _like(_Ending)] | None, ...),
}
_OWN: dict[type[Base], dict[str, Any]] = {
    Run: _OWN_RUN,
    Candidate: CANDIDATE,
    Measurement: {**MEASUREMENT, "protocol": (Annotated[dict[str, Any], _like(_OwnProtocol)], ...)},
    AttackExample: EXAMPLE,
    Event: {},
    Mark: {},
    Annotation: {},
}


def schema(table: type[Base], own: Mapping[str, Any], *, without: Collection[str] = (), extra: Extra) -> Any:
    """A model with the fields and types of a table's columns.

    Args:
        own: closer bounds of some fields, and fields beside the columns.
        without: columns that are no fields.
        extra: what is done with other fields.
    """
    kinds = get_type_hints(table)
    fields: dict[str, Any] = {}
    for column in table.__table__.columns:
        if column.name not in without:
            default = getattr(column.default, "arg", None)
            needed = not column.nullable and (default is None or callable(default))
            fields[column.name] = (get_args(kinds[column.name])[0], ... if needed else default)
    config = ConfigDict(strict=True, allow_inf_nan=False, extra=extra)
    return create_model(table.__name__, __config__=config, **{**fields, **own})


@cache
def _of_store(table: type[Base]) -> Any:
    return schema(table, _OWN[table], extra="ignore").__pydantic_validator__


def check_row(table: type[Base], values: Mapping[str, Any]) -> None:
    """Check a row of the store, given as plain values by column.

    Raises:
        UserError: naming the row and the column that is damaged.
    """
    try:
        _of_store(table).validate_python(values)
        if table is Measurement and values["held"] > values["attacked"]:
            raise damaged_row(table, values, "held", "more than were attacked")
    except ValidationError as error:
        first = error.errors()[0]
        raise damaged_row(table, values, str(first["loc"][0]), first["msg"]) from None


def damaged_row(table: type[Base], values: Mapping[str, Any], column: str, what: str) -> UserError:
    """What is said of a row that cannot be read."""
    name = repr(values.get("name")) if table is Run else f"number {values.get('id')}"
    if table is Candidate and isinstance(values.get("number"), int):
        name = label(values["number"])
    problem = f"the row of {table.__tablename__.replace('_', ' ')} {name} is damaged ({column}: {what})."
    return UserError("database", problem, "Delete the run it belongs to, or bring back a copy of the database.")


def check_together(candidates: Sequence[Any], measurements: Sequence[Any]) -> None:
    """What rows must be to each other.

    Raises:
        ValueError: naming the student.
    """
    students = {one.number: one for one in candidates}
    told = [one.told for one in students.values() if one.told is not None]
    if len(students) < len(candidates) or len(set(told)) < len(told):
        raise ValueError("two students have one number")
    seen: set[int | None] = set()
    for row in measurements:
        if row.number is not None and row.number not in students:
            raise ValueError(f"a measurement of a student {row.number} that is not there")
        most = max(row.held, *(getattr(row, count) or 0 for count in COUNTS))
        if most > row.attacked or abs(row.robustness - row.held / row.attacked) > 1e-6:
            raise ValueError(f"{row.held} of {row.attacked} attacked sentences held, as a share {row.robustness}")
        if row.purpose != "held_out":
            seen.add(row.number)
    for number, one in students.items():
        if (one.told is None) != (one.status == "queued"):
            raise ValueError(f"student {number} is {one.status}, but told as {one.told}")
        if one.status in ("done", "pruned") and (number not in seen or one.latency_ms is None or one.seconds is None):
            raise ValueError(f"student {number} is {one.status}, but was not measured")
        if any(parent >= number or parent not in students for parent in one.parents):
            raise ValueError(f"student {number} descends from one that is not there before it")
