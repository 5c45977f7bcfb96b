"""Whose turn it is to be trained and attacked."""

from __future__ import annotations

from dataclasses import dataclass

from rosearch_engine.genome import Genome
from rosearch_engine.search.evaluate import candidate_seed
from rosearch_engine.store.models import BASELINES, TEACHER
from rosearch_engine.store.rows import CandidateRow, label


@dataclass(frozen=True)
class Turn:
    """An architecture whose turn it is; without one, the teacher, which is attacked as it is.

    Attributes:
        id: of its row.
        origin: as its row has it.
    """

    id: int
    number: int
    seed: int
    genome: Genome | None
    origin: str = ""

    @classmethod
    def of(cls, row: CandidateRow, run_seed: int, genome: Genome | None = None) -> Turn:
        """The turn of a candidate's row, whose genome need not be read again where it is at hand."""
        genome = genome or Genome.from_dict(row["genome"])
        return cls(row["id"], row["number"], candidate_seed(run_seed, genome), genome, row["origin"])

    @classmethod
    def of_teacher(cls, seed: int) -> Turn:
        return cls(0, 0, seed, None)

    @property
    def is_baseline(self) -> bool:
        return self.origin in BASELINES

    @property
    def is_teacher(self) -> bool:
        return self.genome is None

    @property
    def name(self) -> str:
        """As people know it."""
        return TEACHER if self.is_teacher else label(self.number)
