"""The published results of the worst-case benchmark: its tables say what its trials say."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from benchmarks.worst_case import FIGURES, HEADLINE, RESULTS, summed_up, table
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return found


def test_the_rows_are_the_trials_summed_up(found: dict[str, Any]) -> None:
    assert json.loads(json.dumps(summed_up(found["trials"]))) == found["rows"]
    assert {row["task"] for row in found["rows"] if row["headline"]} == set(HEADLINE)
    for trial in found["trials"]:
        # What the sum of words proves, no attack over the same swaps can flip.
        for attack in set(trial["certified"]) & set(trial["held"]):
            assert trial["certified"][attack] <= trial["held"][attack]
        assert trial["union"] is None or trial["union"] <= min(trial["held"][FIGURES["pwws"]], trial["attacked"])


def test_the_pages_quote_the_rows(found: dict[str, Any]) -> None:
    assert table(found["rows"]) in (ROOT / "benchmarks" / "worst_case.md").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for row in found["rows"]:
        if row["headline"]:
            shown = [f"{100 * row[figure]:.1f}" for figure in ("clean", "pwws", "border_first", "union", "certified")]
            assert re.search(r"\| " + r" \| ".join(map(re.escape, shown)) + r" \|", readme), row["task"]
