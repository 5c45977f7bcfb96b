"""A search joins a cluster that runs already, from a node of it."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

JOIN = """
import os, sys
from rosearch_engine.config import ExecutorConfig
from rosearch_engine.progress import Progress
from rosearch_engine.search.executors import make_executor

with make_executor(ExecutorConfig(kind="ray", address=sys.argv[1], workers=1), Progress(), print):
    import ray

    print(*(node["Resources"]["CPU"] for node in ray.nodes()), "PYTHONPATH" in os.environ)
"""


@pytest.fixture
def short() -> Iterator[str]:
    """A folder in which Ray's sockets have names that are not too long."""
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield folder


@pytest.mark.slow
def test_a_cluster_that_runs_already_is_joined(tmp_path: Path, short: str) -> None:
    """From an environment without a PYTHONPATH, which stays so."""
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(24)}
    ray = (sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--include-dashboard", "false")
    options = ("--port", str(port), "--num-cpus", "3", "--temp-dir", short)
    with (tmp_path / "log").open("w") as log:
        head = subprocess.Popen([*ray, *options], env=environment, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 120.0
            while "will now block" not in (tmp_path / "log").read_text():
                assert head.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < deadline, "it takes too long"
                time.sleep(0.2)
            join = [sys.executable, "-c", JOIN, f"127.0.0.1:{port}"]
            joined = subprocess.run(join, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120)
        finally:
            head.terminate()
            head.wait(60)
    assert joined.returncode == 0, joined.stderr
    assert joined.stdout.split() == ["3.0", "False"]
