"""The app's words for what a search process does."""

from __future__ import annotations

import pytest

from app import words
from rosearch_engine.progress import Progress, Stage


@pytest.mark.parametrize("stage", Stage)
def test_every_stage_has_its_words(stage: Stage) -> None:
    progress = Progress()
    progress.stage(stage, 10, "steps", detail="this one")
    assert words.step(progress.facts()) == f"{words.STAGES[stage]}, this one: 0 / 10 steps"
    assert words.STAGES[stage][0].isupper()


def test_a_stage_of_another_version_is_shown_as_it_is() -> None:
    assert words.step({"stage": "reading words, code both", "total": 0}) == "Reading words, code both"
    assert words.step({}) == ""
