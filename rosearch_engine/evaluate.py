"""Genome -> Evaluation: build, distil, calibrate, attack. One of the two places that join the stages."""

from __future__ import annotations

import hashlib
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import PreTrainedModel

from rosearch_engine.attack.calibrate import fit_temperature
from rosearch_engine.attack.candidates import Candidates
from rosearch_engine.attack.catalogue import ready_recipe
from rosearch_engine.attack.pieces import Pieces, Text
from rosearch_engine.attack.protocol import Score, candidates_key, protocol, score
from rosearch_engine.attack.run import Attacker, Result, Target
from rosearch_engine.attack.victim import Victim
from rosearch_engine.batching import Encoded, encode_split
from rosearch_engine.config import AttackConfig, RunConfig
from rosearch_engine.data import Columns, Dataset, Split, load
from rosearch_engine.device import describe, device, release_memory
from rosearch_engine.distil.loop import Training, distil
from rosearch_engine.genome import Genome, Space
from rosearch_engine.inference import accuracy, predict
from rosearch_engine.progress import Progress
from rosearch_engine.resources import home
from rosearch_engine.store.repo import weights_path
from rosearch_engine.student.build import build
from rosearch_engine.student.modeling import RoSearchForSequenceClassification
from rosearch_engine.teacher import Outputs, Teacher, obtain, outputs

LATENCY_TOKENS = 32


class OutOfMemory(Exception):
    """A student did not fit."""


@dataclass(frozen=True)
class Bench:
    """What all students of a run share: made once, never changed by a student."""

    config: RunConfig
    data: Dataset
    teacher: Teacher
    space: Space
    sentences: Encoded
    validation: Encoded
    outputs: Outputs
    targets: Sequence[Target]
    attacker: Attacker
    protocol: dict[str, Any]
    pieces: Pieces

    def victim(self, model: PreTrainedModel, logits: np.ndarray) -> Victim:
        """A model as the run's attack sees it, calibrated by its validation logits `(sentences, classes)`."""
        temperature = fit_temperature(logits, self.data.validation.labels)
        teacher, precision = self.teacher, self.config.attack.precision
        return Victim(model, teacher.tokenizer, teacher.max_length, temperature, precision, self.pieces)


@dataclass(frozen=True)
class Evaluation:
    """All that was learnt of one student."""

    model: RoSearchForSequenceClassification
    training: Training
    score: Score
    results: list[Result]
    latency_ms: float
    seconds: dict[str, float]


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
    sentences = encode_split(data.distillation, teacher.tokenizer, teacher.max_length)
    said = outputs(teacher, sentences, progress)
    progress.stage("loading the attack")
    release_memory()
    return Bench(
        config,
        data,
        teacher,
        Space.of(config.space, teacher.frame),
        sentences,
        encode_split(data.validation, teacher.tokenizer, teacher.max_length),
        said,
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


def evaluate(genome: Genome, seed: int, bench: Bench, progress: Progress) -> Evaluation:
    """Train and attack the student of a genome; equal seeds give equal results on one machine.

    Raises:
        Diverged: if its training does.
        OutOfMemory: if it does not fit.
        Stopped: if the progress says so.
    """
    release_memory()
    with _told_apart_from_bugs():
        return _evaluate(genome, seed, bench, progress)


def _evaluate(genome: Genome, seed: int, bench: Bench, progress: Progress) -> Evaluation:
    seconds: dict[str, float] = {}
    model, training = train(genome, seed, bench, progress, seconds)
    began = time.perf_counter()
    logits = predict(model, bench.validation)
    latency_ms = latency(model)
    seconds["validate"] = time.perf_counter() - began
    began = time.perf_counter()
    victim = bench.victim(model, logits)
    results = attack(victim, bench, progress)
    seconds["attack"] = time.perf_counter() - began
    return Evaluation(model, training, _score(logits, results, victim, bench), results, latency_ms, seconds)


def train(
    genome: Genome, seed: int, bench: Bench, progress: Progress, seconds: dict[str, float] | None = None
) -> tuple[RoSearchForSequenceClassification, Training]:
    """Build a genome's student and distil it; equal seeds give equal weights on one machine.

    Args:
        seconds: is told how long each took.

    Raises:
        Diverged: if its training does.
    """
    seconds = {} if seconds is None else seconds
    began = time.perf_counter()
    model = build(
        genome,
        bench.teacher.frame,
        bench.data.classes,
        bench.sentences.pad,
        teacher=bench.teacher.model if bench.config.distil.inherit else None,
        seed=seed,
    )
    seconds["build"] = time.perf_counter() - began
    labels = bench.data.distillation.labels
    training = distil(model, bench.sentences, labels, bench.outputs, bench.config.distil, seed, progress)
    seconds["distil"] = training.seconds
    return model, training


def evaluate_teacher(bench: Bench, progress: Progress) -> tuple[Score, list[Result]]:
    """The teacher under the very same attack."""
    logits = bench.teacher.validation_logits
    victim = bench.victim(bench.teacher.model, logits)
    results = attack(victim, bench, progress)
    return _score(logits, results, victim, bench), results


def attack(victim: Victim, bench: Bench, progress: Progress) -> list[Result]:
    """Attack every sentence of the run's search attack set."""
    progress.stage("attack", len(bench.targets), "sentences")
    done: list[Result] = []

    def tell(result: Result) -> None:
        done.append(result)
        progress.advance(len(done))

    results = bench.attacker.attack(victim, bench.targets, tell, watch=lambda *_: progress.check())
    store = bench.attacker.candidates
    progress.tell(shared={"hits": store.hits, "misses": store.misses})
    return results


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


def measurement(what: Score, seed: int, bench: Bench) -> dict[str, Any]:
    """A score as the store keeps it."""
    return asdict(what) | {"seed": seed, "protocol": bench.protocol}


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


def _score(logits: np.ndarray, results: list[Result], victim: Victim, bench: Bench) -> Score:
    labels = bench.data.validation.labels
    return score(accuracy(logits, labels), len(labels), results, victim.temperature)
