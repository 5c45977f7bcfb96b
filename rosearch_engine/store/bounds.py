"""What a run that comes from elsewhere may say: every figure finite and possible, every part there that a reader takes
for granted. What is true of rows that this program measured is checked of those that it did not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from rosearch_engine.store.rows import COUNTS, Outcome, Purpose

GREATEST = 2**63 - 1  # a database's
_DEEPEST = 20

Share = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0, le=GREATEST)]
Positive = Annotated[int, Field(gt=0, le=GREATEST)]
Status = Literal["queued", "done", "failed", "pruned"]

_LOOSE = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class _Said(BaseModel):
    model_config = _LOOSE
    text: str | Annotated[list[str], Field(min_length=2, max_length=2)]
    number: Annotated[int, Field(alias="class", ge=-1, le=1000)]
    probabilities: list[Share]


class _Protocol(BaseModel):
    model_config = _LOOSE
    recipe: str
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


class _Teacher(BaseModel):
    model_config = _LOOSE
    name: str
    key: str
    accuracy: Share
    weights: Positive
    encoder_weights: Positive
    pad: Count
    max_length: Positive
    codes: dict[str, str]


class _Progress(BaseModel):
    model_config = _LOOSE
    spent: dict[str, Amount] = {}
    shared: dict[str, Count] = {}
    device: str = ""


class _Exit(BaseModel):
    model_config = _LOOSE
    reason: Literal["finished"]
    message: str
    time: Amount


class _Training(BaseModel):
    model_config = _LOOSE
    adversarial: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None


class _Frame(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
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
    "exit": (Annotated[dict[str, Any], _like(_Exit)], ...),
    "active_seconds": (Amount, ...),
}
CANDIDATE: dict[str, Any] = {
    "number": (Annotated[int, Field(ge=0, le=10**9)], ...),
    "genome": (Json, ...),
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
