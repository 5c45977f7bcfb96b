"""Genome -> Evaluation: build, distil, calibrate, attack. One of the two places that join the stages."""

from __future__ import annotations

import hashlib
import math
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rosearch_engine.attack.calibrate import fit_temperature
from rosearch_engine.attack.candidates import Candidates
from rosearch_engine.attack.pieces import Pieces, Text
from rosearch_engine.attack.protocol import Score, candidates_key, protocol, score, score_swaps
from rosearch_engine.attack.recipes.catalogue import ready_recipe
from rosearch_engine.attack.run import Attacker, Result, Swaps, Target
from rosearch_engine.attack.victim import Victim
from rosearch_engine.config import AttackConfig, RunConfig
from rosearch_engine.data import Columns, Dataset, Split, load
from rosearch_engine.device import describe, device, release_memory
from rosearch_engine.distil.loop import Distillation, Training
from rosearch_engine.genome import Frame, Genome, Space
from rosearch_engine.inference import accuracy, predict
from rosearch_engine.objectives import floor
from rosearch_engine.paths import weights_path
from rosearch_engine.progress import Progress
from rosearch_engine.resources import home
from rosearch_engine.search.ladder import rungs
from rosearch_engine.search.readings import Reading, read
from rosearch_engine.store.models import RUNG, SEARCH
from rosearch_engine.student.build import build
from rosearch_engine.student.modeling import RoSearchForSequenceClassification
from rosearch_engine.teacher import Teacher, obtain

LATENCY_TOKENS = 32
# What the bill counts: seconds on the wall. A benchmark that runs several searches side by side counts otherwise.
CLOCK: Callable[[], float] = time.perf_counter


class OutOfMemory(Exception):
    """A student did not fit."""


@dataclass(frozen=True)
class Bench:
    """What all students of a run share: made once, never changed by a student.

    Attributes:
        tokenizer: the students', before their input code.
        kept: `(vocabulary,)` which of the teacher's word pieces are theirs.
        readings: by the name of their input code; "plain" is always there.
    """

    config: RunConfig
    data: Dataset
    teacher: Teacher
    tokenizer: PreTrainedTokenizerBase
    kept: np.ndarray
    space: Space
    readings: Mapping[str, Reading]
    targets: Sequence[Target]
    attacker: Attacker
    protocol: dict[str, Any]
    teacher_pieces: Pieces

    @property
    def pad(self) -> int:
        """The students' padding number."""
        return self.readings["plain"].validation.pad

    @cached_property
    def floor(self) -> float:
        """Clean accuracy that a student must exceed to count."""
        return floor(self.data.validation.labels, self.teacher.accuracy, self.config.objectives.edge)

    @property
    def frame(self) -> Frame:
        """The facts that all students share: the teacher's, but for their vocabulary."""
        return self.space.frame

    def victim(self, model: PreTrainedModel, logits: np.ndarray, code: str | None = None) -> Victim:
        """A model as the run's attack sees it, calibrated by its logits for the first validation sentences.

        Args:
            logits: `(sentences, classes)`.
            code: the student's input code; None for the teacher.
        """
        temperature = fit_temperature(logits, self.data.validation.labels[: len(logits)])
        tokenizer = self.teacher.tokenizer if code is None else self.tokenizer
        pieces = self.teacher_pieces if code is None else self.readings[code].pieces
        precision = self.config.attack.precision
        return Victim(model, tokenizer, self.teacher.max_length, temperature, precision, pieces)


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


def prepare(config: RunConfig, progress: Progress) -> Bench:
    """Load the data, obtain the teacher and its outputs, make ready the attack.

    Raises:
        UserError: if anything that the settings name cannot be had.
    """
    progress.tell(device=describe(device()))
    progress.stage("data")
    ready_recipe(config.attack.recipe, config.attack.level)
    data = load(config.data)
    teacher = obtain(config.teacher, data, progress)
    tokenizer, kept, readings = read(config, data, teacher, progress)
    progress.stage("loading the attack")
    release_memory()
    return Bench(
        config,
        data,
        teacher,
        tokenizer,
        kept,
        Space.of(config.space, replace(teacher.frame, vocabulary=len(kept))),
        readings,
        targets(data.search_attack.head(config.attack.sentences), data.columns),
        attacker(config.attack, config.search.seed),
        protocol(config.attack, data.fingerprint),
        Pieces(teacher.tokenizer, teacher.max_length),
    )


def attacker(config: AttackConfig, seed: int) -> Attacker:
    """The attack of these settings, with the store of candidates that all runs share."""
    return Attacker(
        config.recipe,
        config.query_budget,
        seed,
        config.level,
        faces=("calibrated", "raw"),
        one_swap=config.one_swap,
        seconds=config.seconds,
        candidates=Candidates(candidates_key(config), home() / "candidates.db"),
    )


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


def targets(split: Split, columns: Columns) -> list[Target]:
    """The rows of a split as sentences to attack."""
    texts: Sequence[Text] = split.texts
    names = (columns.text, columns.pair or "")
    if split.pairs is not None:
        texts = list(zip(split.texts, split.pairs, strict=True))
    rows = zip(split.ids, texts, split.labels, strict=True)
    return [Target(int(row), text, int(label), names) for row, text, label in rows]


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


def save_weights(model: RoSearchForSequenceClassification) -> tuple[str, int]:
    """Write the weights under the SHA-256 of their content; returns it and the size in bytes."""
    folder = weights_path("").parent
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=folder, suffix=".draft")
    os.close(descriptor)
    try:
        save_file({name: value.contiguous().cpu() for name, value in model.state_dict().items()}, draft)
        with open(draft, "rb+") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        size = os.path.getsize(draft)
        os.replace(draft, weights_path(sha256))
    except BaseException:
        os.unlink(draft)
        raise
    return sha256, size


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
