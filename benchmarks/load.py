"""A run of thousands of students for `benchmarks/app.py`, that for all the app can tell is searched right now."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, get_args

import numpy as np
import psutil

from rosearch_engine.config import build
from rosearch_engine.genome import Frame, Space, cost
from rosearch_engine.genome.operators import mutate, sample
from rosearch_engine.recorded.unpack import bring_shipped
from rosearch_engine.store import Store
from rosearch_engine.store.rows import MeasuredStudent, NewMeasurement, measured

LOAD = "load"
Share = Literal["held", "calibrated_held", "raw_held", "one_swap_held"]
SHARES: tuple[Share, ...] = get_args(Share)


class Load:
    """The run, beside the recorded one that it is modelled on, in ROSEARCH_HOME's store.

    Attributes:
        model: the recorded run's name.

    Args:
        students: how many it has measured to begin with.
    """

    def __init__(self, students: int) -> None:
        name = bring_shipped()
        assert name is not None, "the store has had a recorded run before"
        self._store = Store.write()
        model = self._store.run(name)
        rows = measured(self._store.students(model["id"]))
        self.model, self._models, self._rng = name, rows, np.random.default_rng(0)
        assert model["frame"] is not None
        self._frame = Frame(**model["frame"])
        config = build("demo")  # the recorded run may be of an earlier version
        self._space = Space.of(config.space, self._frame)
        self._run = self._store.create_run(LOAD, config)
        known = {key: model[key] for key in ("frame", "teacher", "dataset", "progress")}
        finished = {"reason": "finished", "message": "", "time": time.time()}
        self._store.update_run(self._run, **known, exit=finished, active_seconds=60.0 * students)
        self._genomes = [sample(self._space, self._rng)]
        for _ in range(students):
            self._add()

    def _add(self) -> None:
        """One more student: a random architecture or another's mutant, with figures like those of a real one."""
        number, fresh = len(self._genomes), self._rng.random() < 0.2
        parent = int(self._rng.integers(max(1, number - 40), number)) if number > 1 else 0
        genome, change = mutate(self._genomes[parent], self._space, self._rng)
        if fresh or not parent:
            genome, change = sample(self._space, self._rng), ""
        self._genomes.append(genome)
        row = self._store.add_candidate(
            self._run, number, genome, cost(genome, self._frame), change=change, asked_after=number - 1,
            origin="mutation" if change else "sample", parents=[parent] if change else [],
        )  # fmt: skip
        model = self._models[int(self._rng.integers(len(self._models)))]
        self._store.finish_candidate(
            row["id"], number, weights_file=(model["weights_sha256"] or f"{number:064x}", 1),
            latency_ms=model["latency_ms"], training=model["training"],
            seconds=model["seconds"], measurements=[self._figures(model)], examples=[],
        )  # fmt: skip

    def _figures(self, model: MeasuredStudent) -> NewMeasurement:
        right = self._rng.binomial(model["accuracy_n"], model["accuracy"])
        attacked = model["attacked"]
        drawn = [int(self._rng.binomial(attacked, (model[name] or 0) / attacked)) for name in SHARES]
        held, (_, calibrated, raw, one_swap) = min(drawn), drawn
        return {
            "seed": 0,
            "protocol": model["protocol"],
            "floor": model["floor"],
            "measure": model["measure"],
            "accuracy": right / model["accuracy_n"],
            "accuracy_n": model["accuracy_n"],
            "robustness": held / attacked,
            "held": held,
            "attacked": attacked,
            "calibrated_held": calibrated,
            "raw_held": raw,
            "one_swap_held": one_swap,
            "certified": None,
            "success_rate": model["success_rate"],
            "mean_queries": model["mean_queries"],
            "temperature": model["temperature"],
        }

    @contextmanager
    def searching(self, pace: float = 2.0) -> Iterator[None]:
        """While the block lasts the run is alive: this process beats for it and adds a student every `pace` seconds."""
        me, done = psutil.Process(), threading.Event()
        alive = {"pid": me.pid, "process_created": me.create_time(), "host": socket.gethostname(), "exit": None}
        self._store.update_run(self._run, **alive, heartbeat=time.time())

        def work() -> None:
            while not done.wait(pace):
                self._store.update_run(self._run, heartbeat=time.time())
                self._add()

        worker = threading.Thread(target=work)
        worker.start()
        try:
            yield
        finally:
            done.set()
            worker.join()
            self._store.update_run(self._run, exit={"reason": "finished", "message": "", "time": time.time()})
