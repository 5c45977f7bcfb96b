"""Several students at once, by the workers of a Ray cluster.

A worker is an actor that lives as long as the search: it imports the attack once and is given the run's material once.
The material (data, readings, teacher and its outputs) is the driver's own, put into Ray's object store, which brings it
to each node once and lends its arrays to all workers there: made anew on another machine it could differ in a digit.
What a worker has to have itself (TextAttack, WordNet) is compared by the protocol's hash.

Ray places workers where there is room; those without wait for it, so that a node may join at any time. A worker that is
refused keeps its place and does nothing: no other one is put there.
"""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from rosearch_engine import spawn
from rosearch_engine.check import answers, host_and_port, require_head
from rosearch_engine.config import ExecutorConfig
from rosearch_engine.errors import UserError
from rosearch_engine.progress import Progress, Stage
from rosearch_engine.search.context import Context, packed
from rosearch_engine.search.executors import Event, Note
from rosearch_engine.search.executors.actor import Facts, RayWorker, versions
from rosearch_engine.search.outcome import Lost, Reached
from rosearch_engine.search.turn import Turn

TICK = 1.0
"""Seconds after which a wait looks whether a stop was asked for."""
ROUND = 5.0
"""Seconds between looks at the cluster: is it there, has it room for more?"""
PATIENCE = 3
"""So many looks in a row may find no cluster; so many workers in a row may die before they are ready."""
NAMED = 6
"""Students at work that are named; of more their number."""

State = Literal["coming", "here", "compared", "prepared", "free", "busy", "waiting", "refused"]


@dataclass(eq=False)
class _Hand:
    """A worker as the driver sees it.

    Attributes:
        call: what it is asked now; None: nothing.
        turn: whom it trains or attacks.
    """

    actor: Any
    born: float
    state: State = "coming"
    call: Any = None
    turn: Turn | None = None
    node: str = ""


class OnRay:
    """Workers of a Ray cluster, or of a Ray of this search's own.

    Raises:
        UserError: if the cluster cannot be had, or has no node on which a worker fits.
    """

    def __init__(self, config: ExecutorConfig, progress: Progress, note: Note) -> None:
        self._config, self._progress, self._note = config, progress, note
        self._hands: list[_Hand] = []
        self._material: Any = None
        self._context: Context | None = None
        self._run = ""
        self._refusals: dict[str, UserError] = {}
        self._early_deaths = self._missed = 0
        self._looked, self._told = 0.0, ""
        dashboard = _connect(config)
        if dashboard:
            note(f"Ray's dashboard: http://{dashboard}")
        try:
            self._head: str = ray.get_runtime_context().gcs_address
            self._gpus = gpu_share(config)
            check_room(config, self._gpus)
            self._class = ray.remote(num_cpus=config.threads, num_gpus=self._gpus)(RayWorker)
            self._hire()
        except BaseException:
            _disconnect()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _disconnect()

    def prepare(self, context: Context, run: str) -> None:
        self._context, self._run = context, run
        self._material = ray.put(packed(context))
        for hand in self._hands:
            if hand.state == "here":
                self._compare(hand)
        while not self.has_room():
            self.wait()

    def has_room(self) -> bool:
        return any(hand.state == "free" for hand in self._hands)

    def start(self, turn: Turn) -> None:
        hand = next(hand for hand in self._hands if hand.state == "free")
        hand.state, hand.turn, hand.call = "busy", turn, hand.actor.begin.remote(turn)

    def go_on(self, turn: Turn, goes_on: bool) -> None:
        hand = next(hand for hand in self._hands if hand.turn == turn)
        hand.state, hand.call = "busy", hand.actor.go_on.remote(goes_on)

    def wait(self) -> Event | None:
        self._show()
        asked = {hand.call: hand for hand in self._hands if hand.call is not None}
        ready = ray.wait(list(asked), num_returns=1, timeout=TICK)[0] if asked else []
        if not asked:
            time.sleep(TICK)
        event = self._answered(asked[ready[0]]) if ready else None
        if time.monotonic() - self._looked > ROUND:
            self._look_after()
        return event

    # What workers answer

    def _answered(self, hand: _Hand) -> Event | None:
        call, hand.call = hand.call, None
        try:
            answer = ray.get(call)
        except RayTaskError as error:
            raise RuntimeError(f"a worker on {hand.node or 'a node'} failed") from error
        except RayError as error:
            return self._gone(hand, _in_words(error))
        if isinstance(answer, UserError):
            if hand.state == "busy":
                raise answer
            self._refuse(hand, answer)
            return None
        match hand.state:
            case "coming":
                self._arrived(hand, answer)
            case "compared":
                self._prepare(hand, answer)
            case "prepared":
                hand.state, self._early_deaths = "free", 0
            case _:
                turn = hand.turn
                assert turn is not None
                hand.state = "waiting" if isinstance(answer, Reached) else "free"
                hand.turn = turn if isinstance(answer, Reached) else None
                return Event(turn, answer)
        return None

    def _arrived(self, hand: _Hand, facts: Facts) -> None:
        hand.state, hand.node = "here", facts.node
        own = versions()
        other = [
            f"{name} {facts.versions.get(name, 'missing')}" for name in own if facts.versions.get(name) != own[name]
        ]
        if other:
            ours = ", ".join(f"{name} {own[name]}" for name in own if facts.versions.get(name) != own[name])
            problem = f"the worker on {facts.node} has {', '.join(other)}; this process has {ours}."
            self._refuse(hand, UserError("executor", problem, "Install the same versions there."))
        elif self._material is not None:
            self._compare(hand)

    def _compare(self, hand: _Hand) -> None:
        assert self._context is not None
        attack, data = self._context.config.attack, self._context.data.fingerprint
        hand.state, hand.call = "compared", hand.actor.protocol.remote(attack, data)

    def _prepare(self, hand: _Hand, protocol: str) -> None:
        assert self._context is not None
        own = self._context.protocol["hash"]
        if protocol != own:
            problem = (
                f"the worker on {hand.node} would attack otherwise (protocol {protocol}, here {own}): its TextAttack, "
                "WordNet or word lists are others."
            )
            self._refuse(hand, UserError("executor", problem, "Install the same there; compare `doctor --json`."))
            return
        hand.state, hand.call = "prepared", hand.actor.prepare.remote(self._material, self._run)

    def _refuse(self, hand: _Hand, error: UserError) -> None:
        hand.state = "refused"
        if hand.node not in self._refusals:
            self._note(f"a worker is refused: {error}")
        self._refusals[hand.node] = error

    def _gone(self, hand: _Hand, why: str) -> Event | None:
        """A worker is no more, or cannot be reached: it is not asked again, and another one takes its place."""
        turn, was_early = hand.turn, hand.state in ("coming", "here", "compared", "prepared")
        self._hands.remove(hand)
        with suppress(Exception):
            ray.kill(hand.actor)  # it may only be out of reach
        self._early_deaths += was_early
        words = f"a worker on {hand.node or 'a node'} is gone ({why})"
        self._note(words + (f"; {turn.name} starts over" if turn else ""))
        if self._early_deaths < PATIENCE + len(self._hands):
            self._hands.append(self._new())
        elif not self._working():
            problem = f"workers die before they are ready: {why}."
            raise UserError("executor", problem, "See the logs of Ray on that node, then `resume`: no result is lost.")
        return None if turn is None else Event(turn, Lost(why))

    def _working(self) -> list[_Hand]:
        return [hand for hand in self._hands if hand.state in ("free", "busy", "waiting")]

    # The cluster

    def _look_after(self) -> None:
        self._looked = time.monotonic()
        self._missed = 0 if answers(*host_and_port(self._head)) else self._missed + 1
        if self._missed >= PATIENCE:
            problem = f"the Ray cluster at {self._head} no longer answers."
            raise UserError("executor", problem, "No result is lost: bring it back, then `resume`.")
        if self._missed:
            return
        if self._early_deaths < PATIENCE + len(self._hands):
            self._hire()
        working = self._working()
        coming = [hand for hand in self._hands if hand.state == "coming" and self._looked - hand.born > 2 * ROUND]
        if self._refusals and len(coming) + sum(hand.state == "refused" for hand in self._hands) == len(self._hands):
            raise next(iter(self._refusals.values()))
        places = {hand.node for hand in working}
        words = f"{len(working)} ready" + (f" on {len(places)} nodes" if len(places) > 1 else "")
        if coming and ray.available_resources().get("CPU", 0.0) < self._config.threads:
            words += f", {len(coming)} not there yet: they start, or wait for room on a full cluster"
        if words != self._told and (working or coming):
            self._note(words)
            self._told = words

    def _hire(self) -> None:
        wanted = self._config.workers or _capacity(self._config.threads, self._gpus)
        while len(self._hands) < wanted:
            self._hands.append(self._new())

    def _new(self) -> _Hand:
        actor = self._class.remote(self._config.threads, os.getpid() if self._config.address == "local" else None)
        return _Hand(actor, time.monotonic(), call=actor.look.remote())

    def _show(self) -> None:
        names = [hand.turn.name for hand in self._hands if hand.turn is not None]
        detail = ", ".join(names) if len(names) <= NAMED else f"{len(names)} students"
        self._progress.stage(Stage.WORKERS, len(self._working()), "workers", detail=detail)
        self._progress.advance(len(names), student=None)


def _connect(config: ExecutorConfig) -> str:
    """Start a Ray, or become a client of one; returns the address of its dashboard, if it has one.

    Raises:
        UserError: if it cannot be had.
    """
    is_own = config.address == "local"
    if not is_own:
        require_head(config.address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGTERM) if main else None
    before = os.environ.get("PYTHONPATH")
    os.environ |= spawn.environment() if is_own else {}  # its workers find the program wherever this one was started
    try:
        options = {"include_dashboard": False} if is_own else {}
        found = ray.init(address=config.address, log_to_driver=False, logging_level="error", **options)
        return found.dashboard_url or ""
    except (RayError, RuntimeError, OSError, ValueError) as error:  # a ConnectionError is an OSError
        why = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        remedy = "See that /tmp has room." if is_own else "Run `ray start --address=HOST:PORT` on this machine first."
        if "ersion mismatch" in why:
            remedy = "Install the same version of Ray, and use the same Python, on all machines."
        raise UserError("executor.address", f"Ray cannot be used: {why}.", remedy) from None
    finally:
        os.environ.pop("PYTHONPATH", None) if before is None else os.environ.update(PYTHONPATH=before)
        if main:
            signal.signal(signal.SIGTERM, handler)  # Ray puts its own there


def _disconnect() -> None:
    """Let all workers go. Where the cluster is gone, that is not waited for."""
    leaving = threading.Thread(target=ray.shutdown, daemon=True)
    leaving.start()
    leaving.join(timeout=20.0)


def gpu_share(config: ExecutorConfig) -> float:
    """GPUs of a worker.

    Raises:
        UserError: if there is none.
    """
    there = ray.cluster_resources().get("GPU", 0.0)
    if config.gpus and not there:
        where = "this machine" if config.address == "local" else f"the cluster at {config.address}"
        raise UserError("executor.gpus", f"{where} has no GPU.", "Leave it empty.")
    if config.gpus is None:
        return 1.0 if there else 0.0
    return config.gpus


def check_room(config: ExecutorConfig, gpus: float) -> None:
    """Refuse workers that could never come.

    Raises:
        UserError: if none fits on any node or, on this machine alone, not all fit.
    """
    capacity = _capacity(config.threads, gpus)
    most = max((node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]), default=0.0)
    if not capacity:
        each = f"{config.threads} CPU cores" + (f" and {gpus:g} GPU" if gpus else "")
        problem = f"a worker of {each} fits on no node (the largest has {most:g} cores)."
        raise UserError("executor.threads", problem, "Give each worker less.")
    if config.address == "local" and config.workers and config.workers > capacity:
        problem = f"{config.workers} workers do not fit on this machine: {capacity} of this size do."
        raise UserError("executor.workers", problem, "Take fewer, or give each fewer threads.")


def _capacity(threads: int, gpus: float) -> int:
    """Workers that fit on the nodes that are there, were these empty."""
    fit = 0
    for node in ray.nodes():
        if node["Alive"]:
            own = node["Resources"]
            by_gpu = own.get("GPU", 0.0) / gpus + 1e-6 if gpus else math.inf
            fit += int(min(own.get("CPU", 0.0) // threads, by_gpu))
    return fit


def _in_words(error: RayError) -> str:
    """Why a worker is gone, in a line."""
    said = [line.strip() for line in str(error).splitlines() if line.strip()]
    if isinstance(error, RayActorError):
        # Its first lines say who it was, a last one why.
        said = [line for line in said if not line.startswith(("class_name", "actor_id", "pid", "namespace", "ip"))]
    text = " ".join(said[1:] or said) or type(error).__name__
    return (text if len(text) <= 300 else f"{text[:150]} … {text[-140:]}").rstrip(".")
