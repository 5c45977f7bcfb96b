"""A worker of a Ray cluster: what runs in the actor's own process."""

from __future__ import annotations

import os
import platform
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import psutil
import torch

from rosearch_engine import __version__
from rosearch_engine.attack.protocol import protocol
from rosearch_engine.config import AttackConfig
from rosearch_engine.errors import UserError
from rosearch_engine.progress import Progress
from rosearch_engine.search.context import Context, unpacked
from rosearch_engine.search.executors.worker import Worker
from rosearch_engine.search.outcome import Step
from rosearch_engine.search.turn import Turn

_COMPARED = ("torch", "transformers", "numpy", "textattack")


@dataclass(frozen=True)
class Facts:
    """Who a worker is.

    Attributes:
        versions: of the program and what its results depend on, by name.
    """

    node: str
    pid: int
    versions: dict[str, str]


class RayWorker:
    """A `Worker` that is given its material. What the user can mend comes back as a value: errors lose their type.

    Args:
        threads: of its arithmetic.
        driver: process id of the search, where that is on this machine for certain: this process ends with it. Ray
            takes more than a minute to notice that it was killed.
    """

    def __init__(self, threads: int, driver: int | None) -> None:
        torch.set_num_threads(threads)
        self._worker: Worker | None = None
        if driver is not None:
            threading.Thread(target=_end_with, args=(psutil.Process(driver),), daemon=True).start()

    def look(self) -> Facts:
        """Who this is."""
        return Facts(socket.gethostname(), os.getpid(), versions())

    def protocol(self, attack: AttackConfig, data: str) -> str | UserError:
        """Hash of the protocol by which this process would measure."""
        try:
            return protocol(attack, data)["hash"]
        except UserError as error:
            return error

    def prepare(self, material: Context, run: str) -> UserError | None:
        """Take the run's material."""
        try:
            self._worker = Worker(unpacked(material), run, Progress())
        except UserError as error:
            return error
        return None

    def begin(self, turn: Turn) -> Step | UserError:
        """As `Worker.begin`."""
        assert self._worker is not None
        try:
            return self._worker.begin(turn)
        except UserError as error:
            return error

    def go_on(self, goes_on: bool) -> Step | UserError:
        """As `Worker.go_on`."""
        assert self._worker is not None
        try:
            return self._worker.go_on(goes_on)
        except UserError as error:
            return error


def _end_with(process: psutil.Process) -> None:
    with suppress(psutil.Error):  # it may end while it is looked at
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(1.0)
    os._exit(1)


def versions() -> dict[str, str]:
    """What results depend on, by name."""
    found = {"rosearch": __version__, "Python": ".".join(platform.python_version_tuple()[:2])}
    for name in _COMPARED:
        try:
            found[name] = version(name).partition("+")[0]  # a build for CPUs or CUDA is the same version
        except PackageNotFoundError:
            found[name] = "missing"
    return found
