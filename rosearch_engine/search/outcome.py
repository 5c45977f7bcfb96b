"""What comes of a student on its way, and at its end. All but an `Evaluation` can pass between processes."""

from __future__ import annotations

from dataclasses import dataclass

from rosearch_engine.attack.protocol import Score
from rosearch_engine.attack.run import Result
from rosearch_engine.checkpoints.save import content_of
from rosearch_engine.distil.loop import Training
from rosearch_engine.student.modeling import RoSearchForSequenceClassification


@dataclass(frozen=True)
class Latency:
    """How long one sentence takes.

    Attributes:
        ms: the median, in milliseconds.
        spread: the slow tenth over the fast tenth: beyond `CALM`, other work disturbed the measurement.
    """

    ms: float
    spread: float


@dataclass(frozen=True)
class Evaluation:
    """All that was learnt of one student.

    Attributes:
        scores: one of each rung that it was measured on, the lowest first.
        results: every sentence of the full attack; empty if the student was stopped below the top.
    """

    model: RoSearchForSequenceClassification
    training: Training
    scores: list[Score]
    results: list[Result]
    latency: Latency
    seconds: dict[str, float]

    @property
    def pruned(self) -> bool:
        """Whether it was stopped below the top."""
        return not self.results


@dataclass(frozen=True)
class Reached:
    """A student has reached a rung below the top, and waits to be told whether it goes on."""

    rung: int
    score: Score


@dataclass(frozen=True)
class Outcome:
    """What is kept of an `Evaluation`.

    Attributes:
        weights: content of a safetensors file; None of a student that was stopped below the top.
    """

    weights: bytes | None
    training: Training
    scores: list[Score]
    results: list[Result]
    latency: Latency
    seconds: dict[str, float]

    @classmethod
    def of(cls, found: Evaluation) -> Outcome:
        weights = None if found.pruned else content_of(found.model)
        return cls(weights, found.training, found.scores, found.results, found.latency, found.seconds)

    @property
    def pruned(self) -> bool:
        """Whether it was stopped below the top."""
        return not self.results


@dataclass(frozen=True)
class OfTeacher:
    """The teacher under the run's attack."""

    score: Score
    results: list[Result]


@dataclass(frozen=True)
class Failed:
    """A student that cannot be trained or attacked, and why."""

    error: str


@dataclass(frozen=True)
class Lost:
    """A student whose worker is gone before its end: it is to be given out again."""

    why: str


Step = Reached | Outcome | OfTeacher | Failed
"""What a worker answers."""
