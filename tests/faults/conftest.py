"""What the tests of faults share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Workshop, copy_home


@pytest.fixture
def copied(calm: str, workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The calm run in a home folder that may be damaged."""
    home = tmp_path / "home"
    copy_home(workshop.home, home)
    monkeypatch.setenv("ROSEARCH_HOME", str(home))
    return calm
