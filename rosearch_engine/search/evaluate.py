"""Genome -> Evaluation: build, distil, calibrate, attack."""

from __future__ import annotations

import hashlib
import math
import statistics
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager

import torch

from rosearch_engine.attack.protocol import Score, score, score_proofs, score_swaps
from rosearch_engine.attack.run import Result, Swaps, Target
from rosearch_engine.attack.victim import Victim
from rosearch_engine.device import device, release_memory
from rosearch_engine.distil.bag import steps_for
from rosearch_engine.distil.loop import Distillation, Training
from rosearch_engine.genome import Genome
from rosearch_engine.inference import accuracy, predict
from rosearch_engine.progress import Progress, Stage
from rosearch_engine.search.context import Context
from rosearch_engine.search.kept import Kept
from rosearch_engine.search.ladder import rungs
from rosearch_engine.search.outcome import Evaluation, Latency, Reached
from rosearch_engine.store.models import RUNG, SEARCH
from rosearch_engine.store.rows import CALM, NewMeasurement
from rosearch_engine.student.build import build
from rosearch_engine.student.modeling import RoSearchForSequenceClassification

LATENCY_TOKENS = 32


class OutOfMemory(Exception):
    """A student did not fit."""


GoesOn = Callable[[int, Score], bool]
Clock = Callable[[], float]
Climb = Generator[Reached, bool, Evaluation]


def always(rung: int, score: Score) -> bool:
    """Promote every student."""
    return True


def evaluate(
    genome: Genome,
    seed: int,
    context: Context,
    progress: Progress,
    goes_on: GoesOn = always,
    clock: Clock = time.perf_counter,
) -> Evaluation:
    """Train and attack the student of a genome; equal seeds give equal results on one machine.

    Args:
        goes_on: is told the rung and the score of each rung below the top; False stops the student there.
        clock: seconds by which the parts of the evaluation are timed: the wall's, or only this process's own.

    Raises:
        Diverged: if its training does.
        OutOfMemory: if it does not fit.
        Stopped: if the progress says so.
    """
    steps = climb(genome, seed, context, progress, clock)
    try:
        reached = next(steps)
        while True:
            reached = steps.send(goes_on(reached.rung, reached.score))
    except StopIteration as end:
        found: Evaluation = end.value
        return found


def climb(genome: Genome, seed: int, context: Context, progress: Progress, clock: Clock = time.perf_counter) -> Climb:
    """`evaluate` in steps: hands out each rung below the top, and is sent whether the student goes on from there.

    Raises:
        As `evaluate`.
    """
    release_memory()
    with _told_apart_from_bugs():
        return (yield from _climb(genome, seed, context, progress, _Stopwatch(clock)))


def _climb(genome: Genome, seed: int, context: Context, progress: Progress, timed: _Stopwatch) -> Climb:
    progress.stage(Stage.BUILDING)
    with timed("build"):
        model = student(genome, seed, context)
        training = _training(model, genome, seed, context)
    scores: list[Score] = []
    results: list[Result] = []
    for rung in rungs(context.config.search):
        with timed("distil"):
            training.run(math.ceil(rung.share * training.steps), progress)
        with timed("validate"):
            n = math.ceil(rung.share * len(context.data.validation.labels))
            logits = predict(model, context.readings[genome.code].validation.head(n))
            victim = context.victim(model, logits, genome.code)
        right = accuracy(logits, context.data.validation.labels[:n])
        if rung.top:
            with timed("attack"):
                results = attack(victim, context.targets, context, progress)
            if certifier := context.certifier(model, genome.code):
                with timed("certify"):
                    results = certifier.add_to(results)
            scores.append(score(right, n, results, victim.temperature))
            break
        with timed("screen"):
            some = context.targets[: math.ceil(rung.share * len(context.targets))]
            scores.append(screen(victim, genome, right, n, some, context, progress))
        if not (yield Reached(rung.number, scores[-1])):
            break
    with timed("validate"):
        speed = latency(model)
    return Evaluation(model, training.training, scores, results, speed, timed.seconds)


class _Stopwatch:
    """Adds up what each part of an evaluation takes, in seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        began = self._clock()
        yield
        self.seconds[part] = self.seconds.get(part, 0.0) + self._clock() - began


def student(genome: Genome, seed: int, context: Context) -> RoSearchForSequenceClassification:
    """A genome's student before its training; a bag of words is trained already."""
    teacher = context.teacher.model if context.config.distil.inherit else None
    ledger = context.bag(genome, seed) if genome.is_bag else context.ledger(genome)
    return build(
        genome,
        context.frame,
        context.data.classes,
        context.pad,
        teacher=teacher,
        seed=seed,
        pieces=context.read.pieces,
        counts=context.readings[genome.code].corpus.counts,
        ledger=ledger,
        heads=context.readings[genome.code].heads,
    )


def train(
    genome: Genome, seed: int, context: Context, progress: Progress
) -> tuple[RoSearchForSequenceClassification, Training]:
    """Build a genome's student and distil it to the end; equal seeds give equal weights on one machine.

    Raises:
        Diverged: if its training does.
        OutOfMemory: if it does not fit.
    """
    with _told_apart_from_bugs():
        model = student(genome, seed, context)
        training = _training(model, genome, seed, context)
        return model, training.run(training.steps, progress)


def _training(
    model: RoSearchForSequenceClassification, genome: Genome, seed: int, context: Context
) -> Distillation | _TrainedBag:
    corpus = context.readings[genome.code].corpus
    if genome.is_bag:
        return _TrainedBag(model, steps_for(len(corpus.labels)))
    return Distillation(model, corpus, context.config.distil.model_copy(update={"kappa": context.kappa(genome)}), seed)


class _TrainedBag:
    """Stands in the place of a distillation for a bag of words, which comes trained."""

    steps = 0

    def __init__(self, model: RoSearchForSequenceClassification, steps: int) -> None:
        self.training = Training(steps=steps, tokens=0, seconds=0.0, curve=[])
        model.to(device()).eval()  # type: ignore[arg-type]

    def run(self, until: int, progress: Progress) -> Training:
        return self.training


def evaluate_teacher(context: Context, progress: Progress, kept: Kept | None = None) -> tuple[Score, list[Result]]:
    """The teacher under the very same attack.

    Args:
        kept: sentences that were attacked before, and where each further one is kept.
    """
    logits, labels = context.teacher.validation_logits, context.data.validation.labels
    victim = context.victim(context.teacher.model, logits)
    results = attack(victim, context.targets, context, progress, kept)
    return score(accuracy(logits, labels), len(labels), results, victim.temperature), results


def attack(
    victim: Victim, sentences: Sequence[Target], context: Context, progress: Progress, kept: Kept | None = None
) -> list[Result]:
    """Attack sentences of the run's search attack set; those that are kept already are not attacked again."""
    known = dict(kept.results) if kept else {}
    progress.stage(Stage.ATTACK, len(sentences), "sentences")
    progress.advance(len(known))

    def tell(result: Result) -> None:
        known[result.target.sentence] = result
        if kept:
            kept.add(result)
        progress.advance(len(known))

    left = [target for target in sentences if target.sentence not in known]
    context.attacker.attack(victim, left, tell, watch=lambda *_: progress.check())
    store = context.attacker.swap_store
    progress.tell(shared={"hits": store.hits, "misses": store.misses})
    return [known[target.sentence] for target in sentences]


def screen(
    victim: Victim,
    genome: Genome,
    right: float,
    n: int,
    sentences: Sequence[Target],
    context: Context,
    progress: Progress,
) -> Score:
    """What a lower rung asks instead of the attack.

    Where graphs read only what no swap can change, or the search looks for proof: the exact worst case over all
    combinations of swaps (`attack.certificate`). Else exact one-swap robustness (`attack.one_swap`); a recipe whose
    candidates are drawn at random has no such set: then the sentences are attacked.
    """
    proves = context.frame.of(genome).invariant or context.config.objectives.measure == "certified"
    certifier = context.certifier(victim.model, genome.code) if proves else None
    if certifier:
        proofs = certifier.certify([one.text for one in sentences], [one.label for one in sentences])
        return score_proofs(right, n, proofs, victim.temperature)
    if not context.attacker.has_swaps:
        return score(right, n, attack(victim, sentences, context, progress), victim.temperature)
    progress.stage(Stage.SINGLE_SWAPS, len(sentences), "sentences")
    done: list[Swaps | None] = []

    def tell(_: Target, swaps: Swaps | None) -> None:
        done.append(swaps)
        progress.advance(len(done))

    return score_swaps(right, n, context.attacker.swaps(victim, sentences, tell), victim.temperature)


def latency(model: RoSearchForSequenceClassification, repeats: int = 15, rounds: int = 8) -> Latency:
    """Milliseconds for one sentence of 32 tokens on this machine.

    Other work on the machine only ever adds to it: the calmest of some rounds counts, and asking ends with a calm one.
    """
    where = next(model.parameters()).device
    ids = torch.zeros((1, LATENCY_TOKENS), dtype=torch.long, device=where)
    best = Latency(float("inf"), float("inf"))
    with torch.inference_mode():
        model(ids)  # the first one pays for what the others find ready
        for _ in range(rounds):
            times = []
            for _ in range(repeats):
                began = time.perf_counter()
                model(ids).logits.cpu()
                times.append(1e3 * (time.perf_counter() - began))
            times.sort()
            here = Latency(statistics.median(times), times[repeats * 9 // 10] / times[repeats // 10])
            best = min(best, here, key=lambda one: one.ms)
            if best.spread <= CALM:
                break
    return best


def candidate_seed(run_seed: int, genome: Genome) -> int:
    """Seed of a student's training: the same architecture trains the same way whenever its turn comes."""
    if genome.is_bag:
        return run_seed  # that of the bags in the run's readings
    return int.from_bytes(hashlib.sha256(f"{run_seed}:{genome.digest}".encode()).digest()[:4], "big")


def measurement(what: Score, seed: int, context: Context, rung: int | None = None) -> NewMeasurement:
    """A score as the store keeps it: that of the full attack, or of a rung below."""
    top = context.config.search.rungs - 1
    rung = top if rung is None else rung
    return {
        **what.row(),
        "purpose": SEARCH if rung == top else RUNG,
        "rung": rung,
        "seed": seed,
        "protocol": context.protocol,
        "floor": context.floor,
        "measure": context.config.objectives.measure,
    }


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
