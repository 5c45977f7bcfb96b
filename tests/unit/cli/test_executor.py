"""What is said of workers that cannot be had, before a run is made."""

from __future__ import annotations

import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rosearch_engine.config import ExecutorConfig
from rosearch_engine.errors import UserError
from rosearch_engine.progress import Progress
from rosearch_engine.search.executors import make_executor
from rosearch_engine.store import Store
from tests.conftest import rosearch

RAY = ("--executor", "ray")


def refused(*options: str) -> dict[str, str]:
    answer = rosearch("search", "--preset", "demo", "--run", "refused", *options, "--json")
    assert answer.code == 2, answer.out
    assert not Store.read().runs()
    error: dict[str, str] = answer.json["error"]
    return error


def test_ray_that_is_not_installed_is_named_with_its_extra(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    error = refused(*RAY)
    assert error["field"] == "executor.kind"
    assert ".[ray]" in error["remedy"]


def test_options_of_ray_without_ray(home: Path) -> None:
    assert "--workers, --gpus can only be used with Ray" in refused("--workers", "2", "--gpus", "0.5")["problem"]
    assert "can only be used with Ray" in refused("--executor", "inline", "--threads", "2")["problem"]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (("--workers", "0"), "executor.workers"),
        (("--threads", "0"), "executor.threads"),
        (("--gpus", "2"), "executor.gpus"),
        (("--gpus", "nan"), "executor.gpus"),
        (("--address", ""), "executor.address"),
    ],
)
def test_what_is_out_of_range(home: Path, options: tuple[str, ...], field: str) -> None:
    assert refused(*RAY, *options)["field"] == field


def test_there_is_no_such_executor(home: Path) -> None:
    assert refused("--executor", "dask")["field"] == "executor.kind"


@pytest.mark.parametrize("address", ["nonsense", "http://here:6379", "here:", "here:0", "here:99999", ":6379"])
def test_an_address_that_is_none(home: Path, address: str) -> None:
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    error = refused(*RAY, "--address", address)
    assert error["field"] == "executor.address"
    assert "HOST:PORT" in error["remedy"]


def test_an_address_at_which_nothing_answers(home: Path) -> None:
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"  # bound, and nobody listens
        assert refused(*RAY, "--address", address)["problem"] == f"nothing answers at {address}."
        # The same when the cluster went away after the run was made.
        with pytest.raises(UserError, match="nothing answers at"):
            make_executor(ExecutorConfig(kind="ray", address=address), Progress(), print)


def test_an_address_at_which_something_else_answers(home: Path) -> None:
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server,
        socket.create_server(("127.0.0.1", 0)) as silent,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for port in (server.server_port, silent.getsockname()[1]):
            problem = refused(*RAY, "--address", f"127.0.0.1:{port}")["problem"]
            assert problem == f"no Ray head answers at 127.0.0.1:{port}."
        server.shutdown()
