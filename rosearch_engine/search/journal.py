"""The run's memory: what was asked, how it fared, what comes next."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import asdict

import numpy as np

from rosearch_engine.attack.protocol import Score, example
from rosearch_engine.attack.result import refutation
from rosearch_engine.check import changed
from rosearch_engine.checkpoints.save import save_weights
from rosearch_engine.codes import keep_tokenizer
from rosearch_engine.config import fingerprint
from rosearch_engine.errors import UserError
from rosearch_engine.front import Front
from rosearch_engine.genome import Genome, cost
from rosearch_engine.objectives import FAILED, Worth, vector
from rosearch_engine.progress import Progress, Stage
from rosearch_engine.runs.process import log_path
from rosearch_engine.search.context import Context
from rosearch_engine.search.evaluate import Evaluation, GoesOn, candidate_seed, evaluate_teacher, measurement
from rosearch_engine.search.kept import Kept
from rosearch_engine.search.ladder import Ladder
from rosearch_engine.search.strategies import Proposal, make_strategy
from rosearch_engine.store.models import BAG, BASELINES, CHAIN, RUNG, SEARCH, TEACHER
from rosearch_engine.store.repo import Store
from rosearch_engine.store.rows import CandidateRow, is_measured, label


class Turn:
    """An architecture whose turn it is."""

    def __init__(self, row: CandidateRow, run_seed: int) -> None:
        self.id: int = row["id"]
        self.number: int = row["number"]
        self.origin: str = row["origin"]
        self.is_baseline = self.origin in BASELINES
        self.genome = Genome.from_dict(row["genome"])
        self.seed = candidate_seed(run_seed, self.genome)


class Journal:
    """Hands out architectures one by one and keeps what is learnt of them."""

    def __init__(self, store: Store, run_id: int, context: Context, progress: Progress) -> None:
        self._store, self._run_id, self._context, self._progress = store, run_id, context, progress
        self._config = context.config
        self._front = Front()
        self._ladder = Ladder(self._config.search, self._config.objectives)
        self._tells = 0
        self._name = self._refuse_other_material()
        self._describe_run()
        rows, chains = store.candidates(run_id), self._chains()
        self._bags = self._plan_bags(rows)
        known = {event["text"] for event in store.events(run_id)}
        for note in context.notes:
            if note not in known:
                store.log(run_id, "note", note)
        seen = {bag.genome.digest for bag in self._bags}
        self._strategy = make_strategy(self._config.search, self._config.objectives, context.space, chains, seen)
        self._replay(rows)
        self._queue = deque(row for row in rows if row["status"] == "queued")
        self._asked, self._all = len(rows), len(self._bags) + len(chains) + self._config.search.candidates
        self._done = len(rows) - len(self._queue)
        self._spent = sum(sum(row["seconds"].values()) for row in rows if row["seconds"])
        self._report()

    def next(self) -> Turn | None:
        """The architecture to evaluate now: first what was asked before, then what the strategy proposes."""
        self._measure_teacher_once()
        if not self._queue:
            if self._asked >= self._all or self._is_time_up():
                return None
            number = self._asked + 1
            proposal = self._propose(number)
            if proposal is None:
                self._store.log(self._run_id, "exhausted", "every architecture in the search space has been tried")
                return None
            row = self._add(number, proposal)
            self._asked = number
            self._queue.append(row)
        turn = Turn(self._queue.popleft(), self._config.search.seed)
        self._progress.tell(student=label(turn.number))
        return turn

    def judge(self, turn: Turn) -> GoesOn:
        """Who decides on each rung whether a candidate goes on. Baselines always do.

        A bag of words is nobody's rival: it was not trained by steps.
        """

        def goes_on(rung: int, score: Score) -> bool:
            if turn.genome.is_bag:
                return True
            is_among_the_best = self._ladder.goes_on(rung, self._worth(turn, score))
            return turn.is_baseline or is_among_the_best

        return goes_on

    def finish(self, turn: Turn, evaluation: Evaluation) -> None:
        """Keep a student's weights and results, and tell the strategy. One stopped on the ladder is worth nothing to
        it: what a lower rung measures is not on the scale of the full attack."""
        self._progress.stage(Stage.SAVING)
        self._store.finish_candidate(
            turn.id,
            self._tells + 1,
            pruned=evaluation.pruned,
            weights_file=None if evaluation.pruned else save_weights(evaluation.model),
            latency_ms=evaluation.latency.ms,
            training=asdict(evaluation.training) | {"latency_spread": round(evaluation.latency.spread, 2)},
            seconds=evaluation.seconds,
            measurements=[
                measurement(score, turn.seed, self._context, rung) for rung, score in enumerate(evaluation.scores)
            ],
            examples=[example(result) for result in evaluation.results],
        )
        for result in evaluation.results:
            if result.refutes:
                self._store.log(self._run_id, "refuted", refutation(label(turn.number), result))
        self._spent += sum(evaluation.seconds.values())
        objectives = FAILED
        if not evaluation.pruned:
            objectives = self._worth(turn, evaluation.scores[-1])
            self._front.add(turn.number, objectives)
        self._tell(turn, objectives)

    def fail(self, turn: Turn, error: BaseException) -> None:
        """Mark a candidate that could not be evaluated; the strategy learns that it is worth nothing."""
        self._store.fail_candidate(turn.id, self._tells + 1, str(error))
        self._tell(turn, FAILED)

    def _is_time_up(self) -> bool:
        minutes = self._config.search.minutes
        return minutes is not None and self._spent >= 60 * minutes

    def _tell(self, turn: Turn, objectives: np.ndarray) -> None:
        self._tells += 1
        if turn.origin != BAG:
            self._strategy.tell(turn.number, objectives)
        self._done += 1
        self._report()

    def _worth(self, turn: Turn, score: Score) -> np.ndarray:
        return vector(
            {
                "accuracy": score.accuracy,
                "robustness": score.robustness,
                "compression": cost(turn.genome, self._context.frame).compression,
                "floor": self._context.floor,
            }
        )

    def _measure_teacher_once(self) -> None:
        """Attack the teacher too, once there is a student to see beside it."""
        if self._done and self._store.teacher_measurement(self._run_id) is None:
            self._progress.tell(student=TEACHER)
            kept = self._kept_of_teacher()
            what, results = evaluate_teacher(self._context, self._progress, kept)
            row = measurement(what, self._config.teacher.seed, self._context)
            self._store.measure(self._run_id, None, row, [example(result) for result in results])
            kept.drop()
            words = f"teacher: accuracy {what.accuracy:.1%}, after attack {what.robustness:.1%}"
            self._store.log(self._run_id, "teacher", words)

    def _kept_of_teacher(self) -> Kept:
        """Sentences of the teacher's attack from before a stop or a kill: of a large one it takes an hour."""
        of = (self._context.protocol["hash"], self._context.teacher.key, self._config.search.seed)
        path = log_path(self._name).with_name("teacher.jsonl")
        return Kept(path, fingerprint(*of), self._context.targets)

    def _chains(self) -> list[Proposal]:
        """Plain chains of 1, 2 … layers by each input code and context: baselines, and the search's first parents."""
        space, layers = self._context.space, range(1, self._config.search.chains + 1)
        kinds = itertools.product(layers, space.codes, space.contexts or (None,))
        genomes = dict.fromkeys(space.chain(*kind) for kind in kinds)
        return [Proposal(genome, CHAIN, change=_chain_in_words(genome)) for genome in genomes]

    def _plan_bags(self, rows: list[CandidateRow]) -> list[Proposal]:
        """A bag of words of each input code, plain ones first: they come before all that the strategy proposes.

        A run that began without them goes on without them.
        """
        codes = sorted(self._context.space.codes, key=lambda code: code != "plain")
        if not self._config.search.bag or (rows and rows[0]["origin"] != BAG):
            return []
        if all(self._context.readings[code].bags for code in codes):
            kappa = self._config.distil.kappa if self._context.space.kappas else None
            genomes = [Genome.bag(code, kappa) for code in codes]
            return [Proposal(genome, BAG, change=_bag_in_words(genome)) for genome in genomes]
        lexicons = ", ".join(self._config.distil.lexicons)
        if rows:
            raise UserError("distil.lexicons", f"{lexicons} is no longer on this machine.", "Run `doctor`.")
        self._store.log(self._run_id, "no bag", f"no bag of words: its lexicon ({lexicons}) is not on this machine")
        return []

    def _propose(self, number: int) -> Proposal | None:
        """The architecture of that number: a bag of words, or what the strategy asks for."""
        return self._bags[number - 1] if number <= len(self._bags) else self._strategy.ask(number)

    def _add(self, number: int, proposal: Proposal) -> CandidateRow:
        return self._store.add_candidate(
            self._run_id,
            number,
            proposal.genome,
            cost(proposal.genome, self._context.frame),
            origin=proposal.origin,
            parents=proposal.parents,
            change=proposal.change,
            asked_after=self._tells,
        )

    def _replay(self, rows: list[CandidateRow]) -> None:
        """Ask and tell the strategy all that it was asked and told before."""
        students = {student["number"]: student for student in self._store.students(self._run_id)}
        for student in students.values():
            if is_measured(student):
                self._front.add(student["number"], vector(student))
        told = sorted((row for row in rows if row["told"]), key=lambda row: row["told"] or 0)
        self._climb_again(rows)

        def retell_until(count: int) -> None:
            while self._tells < count:
                student = students[told[self._tells]["number"]]
                worth = vector(student) if is_measured(student) else FAILED
                if student["origin"] != BAG:
                    self._strategy.tell(student["number"], worth)
                self._tells += 1

        for row in rows:
            retell_until(row["asked_after"])
            proposal = self._propose(row["number"])
            if proposal is None or proposal.genome.digest != row["digest"]:
                raise UserError(
                    "run",
                    f"student {label(row['number'])} cannot be reproduced.",
                    "The run was made by another version of this program; start a new run.",
                )
        retell_until(len(told))

    def _climb_again(self, rows: list[CandidateRow]) -> None:
        """Show the ladder what it has seen below the top."""
        compressions = {row["number"]: row["compression"] for row in rows}
        bags = {row["number"] for row in rows if not row["genome"]["nodes"]}
        for seen in self._store.measurements(self._run_id, RUNG):
            if seen["number"] is None or seen["number"] in bags:
                continue
            worth: Worth = {
                "accuracy": seen["accuracy"],
                "robustness": seen["robustness"],
                "compression": compressions[seen["number"]],
                "floor": seen["floor"],
            }
            self._ladder.add(seen["rung"], vector(worth))

    def _refuse_other_material(self) -> str:
        """A run goes on with the sentences and the teacher it began with, or its students would not compare; returns
        its name."""
        before = next(run for run in self._store.runs() if run["id"] == self._run_id)
        for field, value, now in (
            ("data", before["dataset"] and before["dataset"]["fingerprint"], self._context.data.fingerprint),
            ("teacher", before["teacher"] and before["teacher"]["key"], self._context.teacher.key),
        ):
            if value not in (None, now):
                raise changed(field)
        for student in self._store.measurements(self._run_id, SEARCH)[:1]:
            if student["protocol"]["hash"] != self._context.protocol["hash"]:
                raise UserError(
                    "attack",
                    "its resources or this program have changed since the run started.",
                    "New students would not be comparable; start a new run.",
                )
        return before["name"]

    def _describe_run(self) -> None:
        data, teacher = self._context.data, self._context.teacher
        self._store.update_run(
            self._run_id,
            dataset={
                "name": data.name,
                "classes": list(data.classes),
                "pair": data.distillation.pairs is not None,
                "columns": [data.columns.text, data.columns.pair or ""],
                "sizes": data.counts,
                "dropped": data.dropped,
                "fingerprint": data.fingerprint,
                "untried": self._context.tries.untried if self._context.tries else 0,
            },
            teacher={
                "name": teacher.name,
                "key": teacher.key,
                "folder": str(teacher.folder),
                "accuracy": teacher.accuracy,
                "weights": teacher.frame.weights,
                "encoder_weights": teacher.frame.encoder_weights,
                "pad": self._context.pad,
                "tokenizer": keep_tokenizer(self._context.tokenizer),
                "codes": {name: reading.code.digest for name, reading in self._context.readings.items()},
                "max_length": teacher.max_length,
            },
            frame=asdict(self._context.frame),
        )

    def _report(self) -> None:
        self._progress.tell(
            students=self._done,
            candidates=self._all,
            hypervolume=self._front.hypervolume(),
        )


def _bag_in_words(genome: Genome) -> str:
    return _with_genes("worst-case bag of words", genome)


def _chain_in_words(genome: Genome) -> str:
    words = f"plain chain of {len(genome.nodes)} transformer layer{'s' if len(genome.nodes) > 1 else ''}"
    return _with_genes(f"{words}, {genome.context} context" if genome.context else words, genome)


def _with_genes(words: str, genome: Genome) -> str:
    coded = words if genome.code == "plain" else f"{words}, code {genome.code}"
    return coded if genome.kappa is None else f"{coded}, kappa {genome.kappa:g}"
