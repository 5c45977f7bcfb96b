"""Settings of runs that an earlier version made."""

from __future__ import annotations

from typing import Any

import pytest

from rosearch_engine.config import RunConfig, opened, stored, validate
from rosearch_engine.errors import UserError

IDLE = {"swaps": "off", "swap_labels": "original", "worst_of": 1, "consistency_weight": 0.0, "perturbation": 0.0}


def of_before(**changes: Any) -> dict[str, Any]:
    values = RunConfig().model_dump(mode="json")
    values["distil"] |= IDLE | {"copies": 4} | changes
    return values


def test_settings_that_did_nothing_are_dropped() -> None:
    found = stored(of_before(epochs=2.0))
    assert found.distil.epochs == 2.0
    assert found.distil.copies == 0, "there were copies of swapped words only"


def test_settings_of_today_are_kept() -> None:
    values = RunConfig().model_dump(mode="json")
    values["distil"]["copies"] = 3
    assert stored(values) == opened(values) == validate(values)


@pytest.mark.parametrize(
    "change", [{"swaps": "synonyms"}, {"worst_of": 2}, {"consistency_weight": 1.0}, {"perturbation": 0.1}]
)
def test_a_run_that_used_what_is_gone_opens_and_does_not_go_on(change: dict[str, Any]) -> None:
    (field,) = change
    with pytest.raises(UserError, match=field):
        stored(of_before(**change))
    assert opened(of_before(**change)).distil.epochs == RunConfig().distil.epochs


def test_what_never_was_a_setting_is_refused() -> None:
    for read in (stored, opened):
        with pytest.raises(UserError, match="no such setting"):
            read(of_before(nonsense=1))
