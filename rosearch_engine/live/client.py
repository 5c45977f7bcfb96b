"""Attacks on a sentence, or on a few, in a warm process of their own.

The app's process never imports torch or TextAttack (13 s, 700 MB): it talks to a worker, one JSON object a
line. This module is the client's side; `worker` is the other.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import threading
from collections.abc import Sequence
from typing import Any, Literal

from rosearch_engine import spawn
from rosearch_engine.data.own import Sentence
from rosearch_engine.errors import UserError

WorkerState = Literal["idle", "starting", "ready", "dead"]
JobState = Literal["waiting", "attacking", "done", "stopped", "failed"]


# Seconds that a job may take before it is stopped, with what it has found.
SECONDS = 60
BATCH_SECONDS = 600
# Attacks that may wait or be at work at once: of all who attack, and of one of them.
MOST = 60
MOST_EACH = 6
# Texts that an attack on a sentence asked about which are told one by one; later ones only count.
TOLD = 1_000


class Job:
    """One attack, as far as it has come. A reader thread keeps it up to date.

    Attributes:
        visitor: whose it is.
        about: of one sentence, what is known before the attack: a `live.words.About`.
        trying: of one sentence, the words that the text asked about last has other: (place, new word).
        lowest: of one sentence, how the label's probability fell: (queries, probability).
        answers: of a question, what the model says of each text: class, name and probabilities.
        rows: of a batch, what came of each sentence so far, each with its place in the batch as `sentence`.
        summary: of a batch, the numbers over these rows, once it has ended.
        late: whether it was stopped because its seconds were over.
    """

    def __init__(self, worker: AttackWorker, identity: int, visitor: str) -> None:
        self._worker = worker
        self._identity = identity
        self._stopped = False
        self.visitor = visitor
        self.state: JobState = "waiting"
        self.queries = 0
        self.note = ""
        self.about: dict[str, Any] | None = None
        self.trying: list[tuple[int, str]] = []
        self.lowest: list[tuple[int, float]] = []
        self.answers: list[dict[str, Any]] = []
        self.error: dict[str, str] | None = None
        self.result: dict[str, Any] | None = None
        self.rows: list[dict[str, Any]] = []
        self.summary: dict[str, Any] | None = None
        self.late = False
        self.finished = threading.Event()

    def stop(self) -> None:
        """Ask for an end; what was found so far becomes the result."""
        self._stopped = True
        self._worker.send({"stop": self._identity})

    @property
    def counts(self) -> bool:
        """Whether it waits or is at work, and nobody has given it up."""
        return not self._stopped and not self.finished.is_set()

    @property
    def ahead(self) -> int:
        """How many attacks go before this one, or are at work now."""
        return self._worker.before(self._identity)

    def hear(self, message: dict[str, Any]) -> None:
        """Take in what the worker says of this job."""
        self.queries = message.get("queries", self.queries)
        self.note = message.get("note", self.note)
        self.about = message.get("about", self.about)
        self.trying = message.get("trying", self.trying)
        self.lowest = message.get("lowest", self.lowest)
        self.answers = message.get("answers", self.answers)
        self.error = message.get("error", self.error)
        self.result = message.get("result", self.result)
        self.rows += [message["row"]] if "row" in message else []
        self.summary = message.get("summary", self.summary)
        self.late = message.get("late", self.late)
        self.state = message.get("state", self.state)
        if self.state in ("done", "stopped", "failed"):
            self.finished.set()


class AttackWorker:
    """The client of one worker process, shared by all who attack. It starts itself again after a death."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._jobs: dict[int, Job] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._door = threading.Lock()
        self._ready = False
        self.note = ""

    @property
    def state(self) -> WorkerState:
        if self._process is None:
            return "idle"
        if self._process.poll() is not None:
            return "dead"
        return "ready" if self._ready else "starting"

    def start(self) -> None:
        """Begin warming, without waiting."""
        with self._lock:
            if self.state in ("starting", "ready"):
                return
            self._bury()  # what a dead one left
            self._ready = False
            self._process = subprocess.Popen(
                spawn.command("attack-worker"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
                bufsize=1,
                env=spawn.environment(PYTHONIOENCODING="utf-8"),
            )
            threading.Thread(target=self._read, args=(self._process,), daemon=True).start()

    def submit(
        self,
        run: str,
        student: str,
        recipe: str,
        text: str,
        pair: str | None = None,
        query_budget: int = 500,
        seconds: float = SECONDS,
        label: str | None = None,
        visitor: str = "",
    ) -> Job:
        """Attack a sentence (or a pair) with a run's student, or its teacher; returns at once.

        Args:
            label: the right class, by name or number; None: the model's own answer is taken as right.
            visitor: who asks, for the bound on each.

        Raises:
            UserError: if this visitor, or all together, have as many attacks waiting as may.
        """
        request = {"run": run, "student": student, "recipe": recipe, "query_budget": query_budget, "seconds": seconds}
        return self._hand_over(visitor, request | {"text": text, "pair": pair, "label": label})

    def ask(self, run: str, student: str, texts: Sequence[str | tuple[str, ...]], visitor: str = "") -> Job:
        """What a run's student, or its teacher, says of some texts, without an attack; returns at once.

        Raises:
            UserError: as `submit`.
        """
        return self._hand_over(visitor, {"run": run, "student": student, "texts": list(texts)})

    def submit_batch(
        self,
        run: str,
        student: str,
        recipe: str,
        sentences: Sequence[Sentence],
        query_budget: int = 500,
        seconds: float = BATCH_SECONDS,
        visitor: str = "",
    ) -> Job:
        """Attack some sentences, a few at a time, single ones of others going first; returns at once.

        Raises:
            UserError: as `submit`.
        """
        request = {"run": run, "student": student, "recipe": recipe, "query_budget": query_budget, "seconds": seconds}
        return self._hand_over(visitor, request | {"batch": [vars(sentence) for sentence in sentences]})

    def _require_room(self, visitor: str) -> None:
        waiting = [job for job in list(self._jobs.values()) if job.counts]
        own = sum(job.visitor == visitor for job in waiting)
        if own >= MOST_EACH:
            problem = f"{own} of your attacks are not done yet, and at most {MOST_EACH} may be."
            raise UserError("attack", problem, "Wait for them, or stop one.")
        if len(waiting) >= MOST:
            raise UserError("attack", f"{len(waiting)} attacks are waiting already.", "Try again in a few minutes.")

    def before(self, identity: int) -> int:
        """How many attacks that somebody still wants were handed over before this one and are not done."""
        return sum(job.counts for number, job in list(self._jobs.items()) if number < identity)

    def _hand_over(self, visitor: str, request: dict[str, Any]) -> Job:
        with self._door:  # each visitor's page has a thread of its own
            self._require_room(visitor)
            self.start()
            number = next(self._numbers)
            job = self._jobs[number] = Job(self, number, visitor)
        self.send({"attack": number, **request})
        return job

    def send(self, message: dict[str, Any]) -> None:
        """Hand a line to the worker; if it is dead, its jobs fail."""
        process = self._process
        try:
            assert process is not None
            assert process.stdin is not None
            with self._lock:
                process.stdin.write(json.dumps(message) + "\n")
                process.stdin.flush()
        except (BrokenPipeError, OSError, ValueError):
            self._bury()

    def close(self) -> None:
        """End the worker."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(10)

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            message = json.loads(line)
            if "worker" in message:
                self._ready, self.note = message["worker"] == "ready", message.get("note", "")
            elif message["job"] in self._jobs:
                job = self._jobs[message["job"]]
                job.hear(message)
                if job.finished.is_set():
                    del self._jobs[message["job"]]
        process.wait()
        if process is self._process:
            self._bury()

    def _bury(self) -> None:
        lost, self._jobs = self._jobs, {}  # at once: a job that is handed over meanwhile is none of them
        for job in list(lost.values()):
            error = {
                "field": "attack",
                "problem": "the attack process ended unexpectedly.",
                "remedy": "Press Attack again to restart it.",
            }
            job.hear({"state": "failed", "error": error})
