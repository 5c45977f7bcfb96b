"""What a job tells of itself."""

from __future__ import annotations

import json

import pytest

from rosearch_engine.progress import Progress, Stage, Stopped, spent_by_stage


def test_seconds_are_kept_by_stage_whatever_its_detail() -> None:
    progress = Progress()
    for code in ("plain", "both"):
        progress.stage(Stage.READING, detail=f"code {code}")
    facts = json.loads(json.dumps(progress.facts()))
    assert (facts["stage"], facts["detail"]) == ("reading words", "code both")
    assert set(facts["spent"]) == {"starting", "reading words"}
    assert spent_by_stage(facts["spent"])[Stage.READING] == facts["spent"]["reading words"]


def test_the_seconds_of_an_earlier_version_are_read() -> None:
    spent = {"reading words, code plain": 2.0, "reading words, code both": 3.0, "data": 1.0, "no stage of ours": 9.0}
    found = spent_by_stage(spent)
    assert (found[Stage.READING], found[Stage.DATA], found[Stage.SAVING]) == (5.0, 1.0, 0.0)
    assert sum(found.values()) == 6.0


def test_a_job_that_is_asked_to_stop_stops_at_its_next_word() -> None:
    progress = Progress()
    progress.stage(Stage.DATA)
    progress.stop()
    with pytest.raises(Stopped):
        progress.stage(Stage.DISTIL)
