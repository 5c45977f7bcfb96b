"""The teacher's attacked sentences outlive a stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rosearch_engine.attack.protocol import example, restored
from rosearch_engine.attack.result import Result
from rosearch_engine.progress import Progress, Stopped
from rosearch_engine.search.evaluate import evaluate_teacher
from rosearch_engine.search.kept import Kept


class StopsAfter(Progress):
    """Is stopped once so many sentences are attacked."""

    def __init__(self, sentences: int) -> None:
        super().__init__()
        self._sentences = sentences

    def advance(self, done: int, /, **facts: Any) -> None:
        if done >= self._sentences:
            self.stop()
        super().advance(done, **facts)


class Counts(Kept):
    """Counts what is attacked."""

    attacked = 0

    def add(self, result: Result) -> None:
        self.attacked += 1
        super().add(result)


def test_a_stopped_attack_goes_on_with_the_rest_and_ends_as_an_undisturbed_one(
    bench: Any, workshop: Any, tmp_path: Path
) -> None:
    calm, results = evaluate_teacher(bench, Progress())
    file = tmp_path / "teacher.jsonl"
    with pytest.raises(Stopped):
        evaluate_teacher(bench, StopsAfter(5), Kept(file, "key", bench.targets))
    kept = Counts(file, "key", bench.targets)
    before = len(kept.results)
    assert 5 <= before < len(bench.targets)
    again, further = evaluate_teacher(bench, Progress(), kept)
    assert kept.attacked == len(bench.targets) - before
    assert again == calm
    for mine, theirs in zip(map(example, further), map(example, results), strict=True):
        # Other sentences in a batch change a probability's last digits, and nothing else.
        for side in ("before", "after"):
            assert mine[side]["probabilities"] == pytest.approx(theirs[side]["probabilities"], abs=1e-5)
            assert mine[side]["text"] == theirs[side]["text"]
        for key in ("sentence", "outcome", "queries", "raw_outcome", "raw_queries", "swaps", "flips"):
            assert mine[key] == theirs[key]
    kept.drop()
    assert not file.exists()


def test_what_was_kept_of_another_attack_or_was_cut_off_is_not_used(bench: Any, workshop: Any, tmp_path: Path) -> None:
    file = tmp_path / "teacher.jsonl"
    kept = Kept(file, "key", bench.targets)
    _, results = evaluate_teacher(bench, Progress(), kept)
    assert set(Kept(file, "key", bench.targets).results) == {result.target.sentence for result in results}
    file.write_text(file.read_text()[:-40])
    cut = Kept(file, "key", bench.targets)
    assert len(cut.results) == len(results) - 1
    (missing,) = [result for result in results if result.target.sentence not in cut.results]
    cut.add(missing)
    assert len(Kept(file, "key", bench.targets).results) == len(results), "a line of its own after the one cut off"
    assert Kept(file, "another", bench.targets).results == {}


def test_a_row_gives_back_its_result(bench: Any, workshop: Any) -> None:
    _, results = evaluate_teacher(bench, Progress())
    for result in results:
        row = example(result)
        assert example(restored(row, result.target)) == row
