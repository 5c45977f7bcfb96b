"""What is printed for people is what they wrote, fits their terminal, and is plain text in a pipe."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rosearch_engine.cli.console import explain, say, table
from rosearch_engine.store import Store
from tests.app.conftest import fill
from tests.conftest import ROOT

WRITTEN = "loved it :red_heart: [bold]really[/bold]"


def test_a_text_is_printed_as_given(capsys: pytest.CaptureFixture[str]) -> None:
    say(WRITTEN)
    say(WRITTEN, error=True)
    table(WRITTEN, [":smile: name"], [[WRITTEN]])
    said = capsys.readouterr()
    assert said.out.count(WRITTEN) == 3
    assert ":smile: name" in said.out
    assert said.err.count(WRITTEN) == 1


@pytest.fixture
def home_with_runs(home: Path) -> Path:
    """A home folder with two runs, one of a long name and with data of a long path."""
    fill("demo", students=8)
    long = fill("a-run-with-a-rather-long-name-2026-11", students=4)
    store = Store.write()
    config = store.run("a-run-with-a-rather-long-name-2026-11")["config"]
    store.update_run(long, config=config | {"data": config["data"] | {"name": "/data/" + "deep/" * 12 + "mine.csv"}})
    store.close()
    return home


def on_a_terminal(columns: int, *arguments: str) -> list[str]:
    """The lines that a command writes to a terminal of that width, without their colours."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "rosearch_engine", *arguments],
        stdout=theirs,
        env=os.environ | {"COLUMNS": str(columns), "TERM": "xterm"},
        cwd=ROOT,
    )
    os.close(theirs)
    content = b""
    with contextlib.suppress(OSError):  # Linux says so when the other side is closed
        while piece := os.read(ours, 65536):
            content += piece
    os.close(ours)
    assert child.wait() == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", content.decode()).replace("\r", "").split("\n")


COMMANDS = {"report": ("report", "demo"), "doctor": ("doctor",), "status": ("status",)}


@pytest.mark.parametrize("columns", [80, 160])
@pytest.mark.parametrize("command", COMMANDS)
def test_tables_fit_the_terminal_and_break_no_name(home_with_runs: Path, command: str, columns: int) -> None:
    lines = on_a_terminal(columns, *COMMANDS[command])
    text = "\n".join(lines)
    tables = [line for line in lines if not line.startswith(("RoSearch", "mpnet", "counter", "ppdb", "glove"))]
    if command != "doctor":  # what it says of a missing resource is a sentence of its own, for the terminal to break
        assert max(map(len, tables)) <= columns
    names = {
        "report": [f"s{number:04d}" for number in range(8)],
        "doctor": ["movie-reviews", "counter-fitted-vectors", "pwws-counter-fitted"],
        "status": ["demo", "a-run-with-a-rather-long-name-2026-11"],
    }[command]
    for name in names:
        assert re.search(rf"(^|\s){re.escape(name)}(\s|$)", text, re.MULTILINE), name
    widest = max(map(len, tables))
    if command != "status":
        assert (widest > 110) == (columns == 160), "the width that is there is used"
    if command == "report":
        assert ("Not shown at this width" in text) == (columns == 80)
        assert "held" in text


def test_at_80_columns_a_resource_is_a_few_lines(home_with_runs: Path) -> None:
    lines = on_a_terminal(80, "doctor")
    begin = lines.index("wordnet")
    assert "" in lines[begin : begin + 7], "a resource's sentences are not spread over fifteen lines"
    assert max(len(line) for line in lines[begin : begin + 6]) <= 80


def test_in_a_pipe_a_table_is_plain_text_with_every_column(home_with_runs: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "rosearch_engine", "report", "demo"],
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "80"},
        cwd=ROOT,
    )
    assert answer.returncode == 0, answer.stderr
    assert not set("\x1b│─┃━┏") & set(answer.stdout)
    lines = answer.stdout.splitlines()
    header = next(line for line in lines if line.startswith("student "))
    assert {"student", "from", "queries", "compression"} <= set(header.split())
    (row,) = [line for line in lines if line.startswith("s0003 ")]
    assert re.search(r" \d+\.\dx", row), "a student is one line"


def test_texts_of_others_do_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "a\x1b]0;owned\x07\x1b[2Jb\x9b31m\u202etxt\r\x08c\td\n"
    say(hostile)
    say(hostile, error=True)
    explain(hostile)
    table(hostile, [hostile, "x"], [[hostile, "1"]])
    said = "".join(capsys.readouterr())
    assert not set("\x1b\x07\x9b\u202e\r\x08") & set(said)
    assert "a␛]0;owned␇␛[2Jb" in said
    assert "\\x9b31m\\u202etxt" in said
