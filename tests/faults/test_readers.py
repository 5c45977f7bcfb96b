"""Those who only read: they make nothing, and one damaged run hides no other."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from app.formats import csv
from rosearch_engine.store import Store
from tests.app.conftest import fill
from tests.app.conftest import home as app_home
from tests.conftest import rosearch

home = app_home


@pytest.mark.parametrize("command", [("status",), ("report", "x"), ("status", "x")])
def test_a_command_that_reads_makes_no_folder(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROSEARCH_HOME", str(tmp_path / "not" / "there"))
    answer = rosearch(*command, "--json")
    assert answer.code == (0 if command == ("status",) else 2)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("ROSEARCH_STORE", f"sqlite:///{tmp_path / 'nor' / 'this.db'}")
    assert rosearch(*command, "--json").code == answer.code
    assert list(tmp_path.iterdir()) == []


def test_a_store_is_found_once_it_is_there(home: Path) -> None:
    before = Store.read()
    assert before.runs() == []
    fill("demo", students=2)
    assert [run["name"] for run in Store.read().runs()] == ["demo"]


def spoil(home: Path, change: str, *values: object) -> None:
    with closing(sqlite3.connect(home / "rosearch.db")) as database:
        database.execute(change, values)
        database.commit()


@pytest.mark.parametrize(
    ("column", "value"),
    [("config", "{"), ("config", "[1]"), ("dataset", '{"name": 1}'), ("teacher", "null and void"), ("created", "x")],
)
def test_a_damaged_run_is_told_hides_no_other_and_can_be_deleted(home: Path, column: str, value: str) -> None:
    fill("good", students=3)
    fill("bad", students=3)
    spoil(home, f"UPDATE run SET {column} = ? WHERE name = 'bad'", value)
    states = {row["run"]: row for row in rosearch("status", "--json").json}
    assert states["good"]["state"] == "finished"
    assert states["bad"]["state"] == "crashed"
    assert "damaged" in states["bad"]["exit"]["message"]
    assert rosearch("report", "good", "--json").code == 0
    refused = rosearch("report", "bad", "--json")
    assert (refused.code, refused.json["error"]["field"]) == (2, "database")
    assert column in refused.json["error"]["problem"]
    assert rosearch("delete", "bad", "--yes", "--json").code == 0
    assert {row["run"] for row in rosearch("status", "--json").json} == {"good"}


def test_a_damaged_student_is_told(home: Path) -> None:
    fill("demo", students=3)
    spoil(home, "UPDATE candidate SET genome = '{\"width\": 0}' WHERE number = 1")
    refused = rosearch("report", "demo", "--json")
    assert refused.code == 2
    assert "candidate s0001" in refused.json["error"]["problem"]
    assert rosearch("status", "--json").code == 0


def test_a_report_is_strict_json(home: Path) -> None:
    fill("demo", students=2)
    spoil(home, "UPDATE candidate SET encoder_compression = 9e999")
    answer = rosearch("report", "demo", "--json")
    assert "Infinity" not in answer.out
    assert answer.json["students"][0]["encoder_compression"] is None


def test_a_table_for_a_spreadsheet_holds_no_formula() -> None:
    import pandas as pd

    cells = ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "a = b", "", "–"]
    lines = csv(pd.DataFrame({"text": cells, "number": range(-4, 4)})).splitlines()
    assert lines[1:5] == ["'=1+1,-4", "'+1,-3", "'-1,-2", "'@SUM(1),-1"]
    assert lines[6:] == ["a = b,1", ",2", "–,3"]
