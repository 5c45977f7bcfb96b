"""Genome -> Evaluation: build, distil, calibrate, attack. One of the two places that join the stages."""

from __future__ import annotations

import hashlib
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import torch

from rosearch_engine.attack.protocol import Score, score, score_swaps
from rosearch_engine.attack.run import Result, Swaps, Target
from rosearch_engine.attack.victim import Victim
from rosearch_engine.device import release_memory
from rosearch_engine.distil.loop import Distillation, Training
from rosearch_engine.genome import Genome
from rosearch_engine.inference import accuracy, predict
from rosearch_engine.progress import Progress
from rosearch_engine.search.context import Bench
from rosearch_engine.search.ladder import rungs
from rosearch_engine.store.models import RUNG, SEARCH
from rosearch_engine.student.build import build
from rosearch_engine.student.modeling import RoSearchForSequenceClassification

LATENCY_TOKENS = 32
# What the bill counts: seconds on the wall. A benchmark that runs several searches side by side counts otherwise.
CLOCK: Callable[[], float] = time.perf_counter


class OutOfMemory(Exception):
    """A student did not fit."""


@dataclass(frozen=True)
class Evaluation:
    """All that was learnt of one student.

    Attributes:
        scores: one of each rung that it was measured on, the lowest first.
        results: every sentence of the full attack; empty if the student was stopped below the top.
    """

    model: RoSearchForSequenceClassification
    training: Training
    scores: list[Score]
    results: list[Result]
    latency_ms: float
    seconds: dict[str, float]

    @property
    def pruned(self) -> bool:
        """Whether it was stopped below the top."""
        return not self.results


GoesOn = Callable[[int, Score], bool]


def always(rung: int, score: Score) -> bool:
    """Let every student climb to the top of the ladder."""
    return True


def evaluate(genome: Genome, seed: int, bench: Bench, progress: Progress, goes_on: GoesOn = always) -> Evaluation:
    """Train and attack the student of a genome; equal seeds give equal results on one machine.

    Args:
        goes_on: is told the rung and the score of each rung below the top; False stops the student there.

    Raises:
        Diverged: if its training does.
        OutOfMemory: if it does not fit.
        Stopped: if the progress says so.
    """
    release_memory()
    with _told_apart_from_bugs():
        return _climb(genome, seed, bench, progress, goes_on)


def _climb(genome: Genome, seed: int, bench: Bench, progress: Progress, goes_on: GoesOn) -> Evaluation:
    clock = _Clock()
    with clock("build"):
        model = student(genome, seed, bench)
        training = Distillation(model, bench.readings[genome.code].corpus, bench.config.distil, seed)
    scores: list[Score] = []
    results: list[Result] = []
    for rung in rungs(bench.config.search):
        with clock("distil"):
            training.run(math.ceil(rung.share * training.steps), progress)
        with clock("validate"):
            n = math.ceil(rung.share * len(bench.data.validation.labels))
            logits = predict(model, bench.readings[genome.code].validation.head(n))
            victim = bench.victim(model, logits, genome.code)
        right = accuracy(logits, bench.data.validation.labels[:n])
        if rung.top:
            with clock("attack"):
                results = attack(victim, bench.targets, bench, progress)
            scores.append(score(right, n, results, victim.temperature))
            break
        with clock("screen"):
            some = bench.targets[: math.ceil(rung.share * len(bench.targets))]
            scores.append(screen(victim, right, n, some, bench, progress))
        if not goes_on(rung.number, scores[-1]):
            break
    with clock("validate"):
        latency_ms = latency(model)
    return Evaluation(model, training.training, scores, results, latency_ms, clock.seconds)


class _Clock:
    """Adds up what each part of an evaluation takes, in seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        began = CLOCK()
        yield
        self.seconds[part] = self.seconds.get(part, 0.0) + CLOCK() - began


def student(genome: Genome, seed: int, bench: Bench) -> RoSearchForSequenceClassification:
    """A genome's student before its training."""
    teacher = bench.teacher.model if bench.config.distil.inherit else None
    return build(
        genome,
        bench.frame,
        bench.data.classes,
        bench.pad,
        teacher=teacher,
        seed=seed,
        pieces=bench.kept,
        counts=bench.readings[genome.code].corpus.counts,
    )


def train(
    genome: Genome, seed: int, bench: Bench, progress: Progress
) -> tuple[RoSearchForSequenceClassification, Training]:
    """Build a genome's student and distil it to the end; equal seeds give equal weights on one machine.

    Raises:
        Diverged: if its training does.
        OutOfMemory: if it does not fit.
    """
    with _told_apart_from_bugs():
        model = student(genome, seed, bench)
        training = Distillation(model, bench.readings[genome.code].corpus, bench.config.distil, seed)
        return model, training.run(training.steps, progress)


def evaluate_teacher(bench: Bench, progress: Progress) -> tuple[Score, list[Result]]:
    """The teacher under the very same attack."""
    logits, labels = bench.teacher.validation_logits, bench.data.validation.labels
    victim = bench.victim(bench.teacher.model, logits)
    results = attack(victim, bench.targets, bench, progress)
    return score(accuracy(logits, labels), len(labels), results, victim.temperature), results


def attack(victim: Victim, sentences: Sequence[Target], bench: Bench, progress: Progress) -> list[Result]:
    """Attack sentences of the run's search attack set."""
    progress.stage("attack", len(sentences), "sentences")
    done: list[Result] = []

    def tell(result: Result) -> None:
        done.append(result)
        progress.advance(len(done))

    results = bench.attacker.attack(victim, sentences, tell, watch=lambda *_: progress.check())
    store = bench.attacker.candidates
    progress.tell(shared={"hits": store.hits, "misses": store.misses})
    return results


def screen(
    victim: Victim, right: float, n: int, sentences: Sequence[Target], bench: Bench, progress: Progress
) -> Score:
    """What a lower rung asks instead of the attack: exact one-swap robustness, see `attack.one_swap`.

    A recipe whose candidates are drawn at random has no such set: then the sentences are attacked.
    """
    if not bench.attacker.has_swaps:
        return score(right, n, attack(victim, sentences, bench, progress), victim.temperature)
    progress.stage("single swaps", len(sentences), "sentences")
    done: list[Swaps | None] = []

    def tell(_: Target, swaps: Swaps | None) -> None:
        done.append(swaps)
        progress.advance(len(done))

    return score_swaps(right, n, bench.attacker.swaps(victim, sentences, tell), victim.temperature)


def latency(model: RoSearchForSequenceClassification, repeats: int = 15) -> float:
    """Median milliseconds for one sentence of 32 tokens on this machine; a noisy figure."""
    where = next(model.parameters()).device
    ids = torch.zeros((1, LATENCY_TOKENS), dtype=torch.long, device=where)
    times = []
    with torch.inference_mode():
        for _ in range(repeats):
            began = time.perf_counter()
            model(ids).logits.cpu()
            times.append(1e3 * (time.perf_counter() - began))
    return statistics.median(times)


def candidate_seed(run_seed: int, genome: Genome) -> int:
    """Seed of a student's training: the same architecture trains the same way whenever its turn comes."""
    return int.from_bytes(hashlib.sha256(f"{run_seed}:{genome.digest}".encode()).digest()[:4], "big")


def measurement(what: Score, seed: int, bench: Bench, rung: int | None = None) -> dict[str, Any]:
    """A score as the store keeps it: that of the full attack, or of a rung below."""
    top = bench.config.search.rungs - 1
    place = {"purpose": SEARCH, "rung": top} if rung in (None, top) else {"purpose": RUNG, "rung": rung}
    return asdict(what) | place | {"seed": seed, "protocol": bench.protocol, "floor": bench.floor}


@contextmanager
def _told_apart_from_bugs() -> Iterator[None]:
    """Give running out of memory a name: torch says it in three ways."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        refused = ("not enough memory", "can't allocate memory")
        if isinstance(error, MemoryError | torch.OutOfMemoryError) or any(words in str(error) for words in refused):
            raise OutOfMemory("it ran out of memory") from error
        raise
