"""Clusters that are not what the search needs: refused by name, before a student is trained. The nodes are Ray's own
processes on this machine, each with an environment of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rosearch_engine.config import ExecutorConfig
from rosearch_engine.errors import UserError
from rosearch_engine.progress import Progress
from rosearch_engine.search.executors import make_executor
from tests.conftest import ROOT, Workshop

pytest.importorskip("ray", reason="the extra `ray` is not installed")


@pytest.fixture
def cluster() -> Iterator[Callable[..., str]]:
    """Starts a cluster of one node with an environment; gives its address."""
    from ray.cluster_utils import Cluster

    with contextlib.ExitStack() as ends:

        def start(**environment: str) -> str:
            paths = os.pathsep.join(filter(None, [environment.pop("PYTHONPATH", ""), str(ROOT)]))
            node = {"num_cpus": 1, "num_gpus": 0, "env_vars": environment | {"PYTHONPATH": paths}}
            one = Cluster(initialize_head=True, head_node_args=node | {"include_dashboard": False})
            ends.callback(one.shutdown)
            return str(one.address)

        yield start


def refusal(address: str, bench: Any) -> tuple[UserError, list[str]]:
    """What a search on that cluster is told, and its notes."""
    notes: list[str] = []
    with pytest.raises(UserError) as found:  # noqa: SIM117
        with make_executor(ExecutorConfig(kind="ray", address=address, workers=1), Progress(), notes.append) as one:
            one.prepare(bench, "refused")
    return found.value, notes


def test_workers_without_wordnet_are_refused(cluster: Callable[..., str], bench: Any, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    nowhere = {"ROSEARCH_HOME": str(tmp_path / "home"), "NLTK_DATA": str(tmp_path), "HOME": str(tmp_path)}
    error, notes = refusal(cluster(**nowhere), bench)
    assert "wordnet" in str(error), error
    assert any("a worker is refused" in note for note in notes)


def test_workers_with_another_wordnet_are_refused(
    cluster: Callable[..., str], bench: Any, workshop: Workshop, tmp_path: Path
) -> None:
    shutil.copytree(workshop.home / "resources", tmp_path / "home" / "resources")
    (wordnet,) = (tmp_path / "home" / "resources").glob("nltk_data/corpora/wordnet")
    (wordnet / ".manifest.json").unlink(missing_ok=True)
    with (wordnet / "data.noun").open("a", encoding="utf-8") as file:
        file.write("\n")
    error, notes = refusal(cluster(ROSEARCH_HOME=str(tmp_path / "home")), bench)
    assert error.field == "executor"
    assert f"here {bench.protocol['hash']}" in error.problem
    assert "WordNet" in error.problem
    assert any("a worker is refused" in note for note in notes)


def test_workers_with_another_textattack_are_refused(
    cluster: Callable[..., str], bench: Any, workshop: Workshop, tmp_path: Path
) -> None:
    info = tmp_path / "textattack-0.3.10.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: textattack\nVersion: 0.3.10\n", encoding="utf-8")
    error, _ = refusal(cluster(PYTHONPATH=str(tmp_path)), bench)
    assert error.field == "executor"
    assert f"the worker on {socket.gethostname()} has textattack 0.3.10; this process has" in error.problem
    assert error.remedy == "Install the same versions there."
