"""The layout's import rules, which pyproject.toml states, hold; and they would notice a breach."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from grimp import build_graph

ROOT = Path(__file__).resolve().parents[2]
LINT = Path(sys.executable).with_name("lint-imports")


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    # Another checkout on the path would lend its pages: a folder without __init__.py is read from all places at once.
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [str(LINT), "--no-cache"]
    return subprocess.run(command, cwd=root, env=alone, capture_output=True, text=True, encoding="utf-8", check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project's code, to be broken."""
    for package in ("app", "pages", "rosearch_engine"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "*.zip"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_import_rules_hold() -> None:
    ended = lint(ROOT)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("file", "line", "rule"),
    [
        ("rosearch_engine/front.py", "import streamlit", "The engine knows no front end"),
        ("rosearch_engine/genome/dag.py", "from rosearch_engine import teacher", "The engine's later stages"),
        ("rosearch_engine/store/repo.py", "import torch", "Nothing the app imports leads to torch"),
        ("rosearch_engine/store/repo.py", "import app.words", "Screens stand on the app"),
        ("rosearch_engine/search/evaluate.py", "import textattack", "TextAttack has one door"),
        ("rosearch_engine/new.py", "", "The engine's later stages"),
        ("app/words.py", "from pages import front", "Screens stand on the app"),
        ("pages/front.py", "import datasets", "The app reads data sets through the engine"),
        (
            "rosearch_engine/search/evaluate.py",
            "from rosearch_engine.data import held_out",
            "No search reads the held-out",
        ),
        ("rosearch_engine/rescore/transfer.py", "import rosearch_engine.data.held_out", "No search reads the held-out"),
        ("rosearch_engine/data/__init__.py", "from .held_out import load_held_out", "No search reads the held-out"),
        (
            "rosearch_engine/search/journal.py",
            "from rosearch_engine.data.rows import read",
            "Undivided rows stay inside",
        ),
        ("rosearch_engine/search/loop.py", "from rosearch_engine import rescore", "The engine's later stages"),
    ],
)
def test_a_breach_is_noticed(copy: Path, file: str, line: str, rule: str) -> None:
    with (copy / file).open("a", encoding="utf-8") as module:
        module.write(f"\n{line}\n")
    ended = lint(copy)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert any(rule in told and "BROKEN" in told for told in ended.stdout.splitlines()), ended.stdout


def test_the_exported_model_imports_torch_and_transformers_only() -> None:
    graph = build_graph("rosearch_engine", include_external_packages=True)
    imported = graph.find_modules_directly_imported_by("rosearch_engine.student.modeling")
    assert {name for name in imported if name not in sys.stdlib_module_names} == {"torch", "transformers"}


@pytest.mark.parametrize(
    "searching", ["rosearch_engine.search.loop", "rosearch_engine.runs.process", "app.main", "pages.front"]
)
def test_nothing_that_searches_leads_to_the_held_out_sentences(searching: str) -> None:
    graph = build_graph("rosearch_engine", "app", "pages")
    assert graph.find_shortest_chain("rosearch_engine.rescore.run", "rosearch_engine.data.held_out")
    assert graph.find_shortest_chain(searching, "rosearch_engine.data.held_out") is None
