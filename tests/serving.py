"""The app as a person starts it: the real command, from a folder of their own, with no PYTHONPATH."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

MAIN = Path(__file__).resolve().parents[1] / "app" / "main.py"


@contextlib.contextmanager
def serving(folder: Path, **settings: str) -> Iterator[tuple[str, psutil.Popen]]:
    """The app's address and its process, which ends with the block.

    Args:
        folder: where the command is typed, and where `served.txt` takes what the server writes.
        settings: environment variables beside those in force; `STREAMLIT_SERVER_PORT` is any free one unless set.
    """
    with serving_script(MAIN, folder, settings) as served:
        yield served


@contextlib.contextmanager
def serving_script(script: Path, folder: Path, settings: Mapping[str, str]) -> Iterator[tuple[str, psutil.Popen]]:
    """The same of another script than the app's."""
    port = settings.get("STREAMLIT_SERVER_PORT") or str(free_port())
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | dict(settings)
    command = [str(Path(sys.executable).with_name("streamlit")), "run", str(script), "--server.headless", "true"]
    with (folder / "served.txt").open("ab") as log:
        server = psutil.Popen([*command, "--server.port", port], cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            yield _wait(f"http://127.0.0.1:{port}", server), server
        finally:
            server.kill()
            server.wait(10)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
        return number


def get(address: str) -> tuple[int, bytes]:
    with urllib.request.urlopen(address, timeout=10) as answer:
        return answer.status, answer.read()


def _wait(address: str, server: psutil.Popen) -> str:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if get(f"{address}/_stcore/health")[1] == b"ok":
                return address
        except OSError:  # also a busy machine's late answer
            with contextlib.suppress(psutil.TimeoutExpired):
                server.wait(0.2)
    raise AssertionError(f"the app did not come up (exit code {server.poll()})")
