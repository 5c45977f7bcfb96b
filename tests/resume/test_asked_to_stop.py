"""Ctrl-C and `kill` of the real command: it stops, says so by its exit code, and can go on."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys

import pytest

from rosearch_engine.runs import process
from rosearch_engine.store import Store
from tests.conftest import ROOT, Workshop

WITHIN = 600.0  # against a hang only


def restored() -> None:
    """A job in a shell's background ignores Ctrl-C, and so do its children."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def state_of(name: str) -> str | None:
    """None before the run is made."""
    return next((process.state(run) for run in Store.read().runs() if run["name"] == name), None)


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_a_search_that_is_asked_to_stop_says_so(workshop: Workshop, asked: signal.Signals) -> None:
    name = f"asked-by-{asked.name}"
    settings = [part for setting in workshop.settings for part in ("--set", setting)]
    with subprocess.Popen(
        [sys.executable, "-m", "rosearch_engine", "search", "--run", name, "--json", *settings],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=restored,
    ) as child:
        while state_of(name) != "running":
            assert child.poll() is None, child.communicate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(0.05)
        child.send_signal(asked)
        out, err = child.communicate(timeout=WITHIN)
    assert child.returncode == 130, err
    assert json.loads(out)["state"] == state_of(name) == "stopped"
    assert "Traceback" not in err
    process.check_resumable(Store.read().run(name))
    process.remove(name)
