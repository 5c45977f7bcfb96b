"""The scripts of `examples/` and the README's Python run as they stand, and print what they promise."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest

from rosearch_engine import operations
from rosearch_engine.store import Store
from rosearch_engine.store.rows import measured
from tests.conftest import ROOT, Workshop


@pytest.fixture
def recorded(workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new home, as a newcomer has it: the recorded run comes with the program."""
    monkeypatch.setenv("ROSEARCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ROSEARCH_RECORDED", raising=False)


def run(script: str, *arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [script, *arguments])
    runpy.run_path(str(ROOT / "examples" / script), run_name="__main__")


def test_search_from_python(
    workshop: Workshop, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROSEARCH_STORE", f"sqlite:///{tmp_path / 'store.db'}")
    settings = [*workshop.settings, "search.candidates=1", "attack.sentences=5"]
    run("search_from_python.py", *settings, monkeypatch=monkeypatch)
    (searched,) = Store.read().runs()
    found = Store.read().students(searched["id"])
    assert {student["status"] for student in found} == {"done"}
    printed = re.findall(r"^(s\d{4}): robustness", capsys.readouterr().out, re.MULTILINE)
    assert printed == [student["name"] for student in found if student["front"]]


def test_attack_a_student(recorded: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    run("attack_a_student.py", monkeypatch=monkeypatch)
    out = capsys.readouterr().out
    assert out.count("pwws: ") == out.count("deepwordbug: ") == 3
    assert re.search(r"\d+ of \d+ single swaps change the prediction", out)


def test_attack_a_student_of_your_own(
    calm: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("attack_a_student.py", calm, "s0001", monkeypatch=monkeypatch)
    assert capsys.readouterr().out.count("pwws: ") == 3


def test_read_a_store(calm: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    run("read_a_store.py", calm, monkeypatch=monkeypatch)
    out = capsys.readouterr().out
    store = Store.read()
    students = measured(store.students(store.run(calm)["id"]))
    best = max(students, key=lambda student: student["robustness"])
    assert all(f"{student['name']} " in out for student in students)
    fooled = [row for row in store.examples(best["measurement_id"]) if row["outcome"] == "fooled"]
    assert fooled
    assert out.count("-> ") == min(5, len(fooled))


def test_add_an_operation(
    recorded: None, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    built_in = operations.names()
    try:
        run("add_an_operation.py", str(tmp_path / "checkpoint"), monkeypatch=monkeypatch)
        assert operations.names() == (*built_in, "average")
    finally:
        operations.unregister("average")
    out = capsys.readouterr().out
    assert re.search(r"'average'.*\]: [\d,]+ parameters, [\d,]+ FLOPs per sentence", out)
    first, last = map(float, re.findall(r"loss ([\d.]+)", out))
    assert last < first / 2
    # Contract tests load such checkpoints where the project is not.
    assert "class Average" in (tmp_path / "checkpoint" / "add_an_operation.py").read_text(encoding="utf-8")


def test_the_readme(recorded: None, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})
    *front, attacked = capsys.readouterr().out.strip().splitlines()
    assert all(re.match(r"s\d{4} ", line) for line in front)
    assert attacked.split(":")[0] in ("fooled", "held", "budget used", "already wrong")
