"""What a user can mend never ends in a traceback, writes where it should not, or starts anything."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from rosearch_engine.errors import UserError
from tests.fuzz.cases import KINDS, packed, whole_run
from tests.fuzz.watch import Watch

# At least 2,000 in all; `benchmarks/fuzz.py` draws many more.
EXAMPLES = {
    "settings": 500,
    "config files": 350,
    "data files": 350,
    "names": 300,
    "recorded runs": 200,
    "rows": 150,
    "addresses": 250,
}


def check_sentence(error: UserError) -> None:
    """It has all parts, can be printed, and is not as long as what it speaks of."""
    assert error.field
    assert error.problem
    assert error.remedy
    assert len(str(error).encode()) < 8000


@pytest.fixture(scope="module")
def watch() -> Watch:
    return Watch()


@pytest.mark.parametrize("kind", KINDS)
def test_a_hostile_input_ends_in_a_sentence(kind: str, home: Path, tmp_path: Path, watch: Watch) -> None:
    refused = 0

    @settings(
        max_examples=EXAMPLES[kind],
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def each(data: st.DataObject) -> None:
        nonlocal refused
        case = data.draw(KINDS[kind].inputs)
        with watch.over(tmp_path):
            try:
                KINDS[kind].use(case, tmp_path)
            except UserError as error:
                refused += 1
                check_sentence(error)
        assert not watch.writes
        assert not watch.starts

    each()
    assert refused or kind == "names", "nothing hostile was drawn"


def test_what_is_not_hostile_is_taken(home: Path, tmp_path: Path) -> None:
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w") as archive:
        for name, part in packed(whole_run()).items():
            archive.writestr(name, part)
    KINDS["recorded runs"].use(plain.getvalue(), tmp_path)
    KINDS["settings"].use(["search.seed=3", "space.ranks=[8]"], tmp_path)
    KINDS["rows"].use([], tmp_path)
    KINDS["data files"].use(
        (".csv", b"text,label\n" + b"".join(b"the film number %d,%d\n" % (i, i % 2) for i in range(60))), tmp_path
    )


def test_there_are_enough_cases() -> None:
    assert sum(EXAMPLES.values()) >= 2000
    assert set(EXAMPLES) == set(KINDS)
