"""The command a person types, from a folder of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import MAIN, get, serving


@pytest.fixture
def address(home: Path, tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path) as (address, _):
        yield address


def test_the_real_command_serves_every_page(address: str) -> None:
    for page in ("", "search", "front", "statistics", "architecture", "compare", "attack", "export"):
        status, body = get(f"{address}/{page}")
        assert status == 200
        assert b"<title>" in body


def test_a_page_renders_from_another_folder(home: Path, tmp_path: Path) -> None:
    code = f"""
from streamlit.testing.v1 import AppTest
app = AppTest.from_file({str(MAIN)!r}, default_timeout=60).run()
assert not app.exception, app.exception
print(app.title[0].value)
"""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ended = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == "RoSearch Explorer"
