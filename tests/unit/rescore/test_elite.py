"""Who is worth a second look, and how held-out measurements are read back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from rosearch_engine.rescore.elite import baselines, elite
from rosearch_engine.rescore.rows import AgreementRow
from rosearch_engine.rescore.run import training_seed
from rosearch_engine.rescore.tables import agreement
from rosearch_engine.store.rows import StudentRow


def student(number: int, robustness: float, origin: str = "mutation", **facts: Any) -> StudentRow:
    known = {"status": "done", "front": True, "knee": False}
    row = {"name": f"s{number:04d}", "number": number, "robustness": robustness, "origin": origin} | known | facts
    return cast(StudentRow, row)


STUDENTS = [
    student(1, 0.30, origin="chain", front=False),
    student(2, 0.05, origin="chain"),
    student(3, 0.20),
    student(4, 0.40),
    student(5, 0.40),
    student(6, 0.10, knee=True),
    student(7, 0.90, front=False),
    student(8, 0.0, front=False, status="failed"),
    student(9, 0.0, origin="chain", front=False, status="failed"),
]


def names(rows: Sequence[StudentRow]) -> list[str]:
    return [row["name"] for row in rows]


def test_the_elite_is_the_best_of_the_front_the_knee_and_every_chain() -> None:
    assert names(elite(STUDENTS, top=2)) == ["s0004", "s0005", "s0006", "s0001", "s0002"]
    assert names(elite(STUDENTS, top=9)) == ["s0004", "s0005", "s0003", "s0006", "s0002", "s0001"]
    assert names(baselines(STUDENTS)) == ["s0001", "s0002"]
    assert elite([], top=3) == []


def test_training_seeds_are_the_students_own_and_then_others() -> None:
    seeds = [training_seed(1234, k) for k in range(5)]
    assert seeds[0] == 1234
    assert len(set(seeds)) == 5
    assert seeds == [training_seed(1234, k) for k in range(5)]
    assert not {training_seed(1235, k) for k in range(1, 5)} & set(seeds)
    assert all(0 <= seed < 2**32 for seed in seeds)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"rho": None, "interval": None, "n": 3, "note": "too few students"}, "no rank correlation over 3 students"),
        ({"rho": 0.5, "interval": (-0.25, 1.0), "n": 6, "note": ""}, "0.50 (95% interval -0.25 to 1.00)"),
    ],
)
def test_agreement_in_words(facts: dict[str, Any], words: str) -> None:
    row = cast(AgreementRow, {"recipe_a": "pwws", "recipe_b": "deepwordbug"} | facts)
    (line,) = agreement({"students": {}, "comparisons": [], "rank_correlations": [row]})
    assert line.startswith("pwws and deepwordbug: ")
    assert words in line
