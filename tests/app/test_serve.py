"""The command a person types, from a folder of their own."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

MAIN = Path(__file__).resolve().parents[2] / "app" / "main.py"


@pytest.fixture
def address(home: Path, tmp_path: Path) -> Iterator[str]:
    """The app, started by the real command from another folder with no PYTHONPATH."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [str(Path(sys.executable).with_name("streamlit")), "run", str(MAIN), "--server.headless", "true"]
    with (tmp_path / "served.txt").open("wb") as log:
        server = psutil.Popen(
            [*command, "--server.port", str(port)], cwd=tmp_path, env=environment, stdout=log, stderr=log
        )
        try:
            yield _wait(f"http://127.0.0.1:{port}", server)
        finally:
            server.kill()
            server.wait(10)


def _wait(address: str, server: psutil.Popen) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if _get(f"{address}/_stcore/health")[1] == b"ok":
                return address
        except (urllib.error.URLError, ConnectionError):
            with contextlib.suppress(psutil.TimeoutExpired):
                server.wait(0.2)
    raise AssertionError(f"the app did not come up (exit code {server.poll()})")


def _get(address: str) -> tuple[int, bytes]:
    with urllib.request.urlopen(address, timeout=10) as answer:
        return answer.status, answer.read()


def test_the_real_command_serves_every_page(address: str) -> None:
    for page in ("", "search", "front", "study", "architecture", "attack", "export"):
        status, body = _get(f"{address}/{page}")
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
