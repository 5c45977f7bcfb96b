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
from rosearch_engine.errors import UserError
from rosearch_engine.front import Front
from rosearch_engine.genome import Frame, Genome, cost
from rosearch_engine.objectives import FAILED, Worth, vector
from rosearch_engine.progress import Progress, Stage
from rosearch_engine.search.context import Context
from rosearch_engine.search.evaluate import measurement
from rosearch_engine.search.kept import kept_of_teacher
from rosearch_engine.search.ladder import Ladder
from rosearch_engine.search.outcome import OfTeacher, Outcome, Reached
from rosearch_engine.search.strategies import Proposal, make_strategy
from rosearch_engine.search.turn import Turn
from rosearch_engine.store.models import BAG, CHAIN, RUNG, SEARCH, TEACHER
from rosearch_engine.store.repo import Store
from rosearch_engine.store.rows import CandidateRow, is_measured, label


class Journal:
    """Hands out architectures one by one and keeps what is learnt of them."""

    def __init__(self, store: Store, run_id: int, context: Context, progress: Progress) -> None:
        self._store, self._run_id, self._context, self._progress = store, run_id, context, progress
        self._config = context.config
        self._front = Front()
        self._ladder = Ladder(self._config.search, self._config.objectives)
        self._tells = 0
        self._verdicts: dict[tuple[int, int], bool] = {}
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
        self._queue = deque(Turn.of(row, self._config.search.seed) for row in rows if row["status"] == "queued")
        self._asked, self._all = len(rows), len(self._bags) + len(chains) + self._config.search.candidates
        self._done = len(rows) - len(self._queue)
        self._spent = sum(sum(row["seconds"].values()) for row in rows if row["seconds"])
        self._is_teacher_due = store.teacher_measurement(run_id) is None
        self._is_at_end = False
        self._report()

    def next(self) -> Turn | None:
        """The architecture to evaluate now: first what was asked before, then what the strategy proposes. The teacher,
        once there is a student to see beside it. None: there will be no more."""
        if self._is_teacher_due and self._done:
            self._is_teacher_due = False
            self._progress.tell(student=TEACHER)
            return Turn.of_teacher(self._config.teacher.seed)
        if not self._queue:
            if self._is_at_end or self._asked >= self._all or self._is_time_up():
                return None
            number = self._asked + 1
            proposal = self._propose(number)
            if proposal is None:
                self._is_at_end = True
                self._store.log(self._run_id, "exhausted", "every architecture in the search space has been tried")
                return None
            row = self._add(number, proposal)
            self._asked = number
            self._queue.append(Turn.of(row, self._config.search.seed, proposal.genome))
        turn = self._queue.popleft()
        self._progress.tell(student=turn.name)
        return turn

    def give_back(self, turn: Turn) -> None:
        """Take back what was handed out and will not be told of: it is the next to be handed out again."""
        if turn.is_teacher:
            self._is_teacher_due = True
        else:
            self._queue.appendleft(turn)

    def goes_on(self, turn: Turn, reached: Reached) -> bool:
        """Whether a candidate goes on from a rung. Baselines always do. Asked again of one, the answer is the same.

        A bag of words is nobody's rival: it was not trained by steps.
        """
        assert turn.genome is not None
        if turn.genome.is_bag:
            return True
        asked = (turn.number, reached.rung)
        if asked not in self._verdicts:
            is_among_the_best = self._ladder.goes_on(reached.rung, self._worth(turn.genome, reached.score))
            self._verdicts[asked] = turn.is_baseline or is_among_the_best
        return self._verdicts[asked]

    def finish(self, turn: Turn, found: Outcome) -> None:
        """Keep a student's weights and results, and tell the strategy. One stopped on the ladder is worth nothing to
        it: what a lower rung measures is not on the scale of the full attack."""
        assert turn.genome is not None
        self._progress.stage(Stage.SAVING)
        self._store.finish_candidate(
            turn.id,
            self._tells + 1,
            pruned=found.pruned,
            weights_file=None if found.weights is None else save_weights(found.weights),
            latency_ms=found.latency.ms,
            training={**vars(found.training), "latency_spread": round(found.latency.spread, 2)},
            seconds=found.seconds,
            measurements=[
                measurement(score, turn.seed, self._context, rung) for rung, score in enumerate(found.scores)
            ],
            examples=[example(result) for result in found.results],
        )
        for result in found.results:
            if result.refutes:
                self._store.log(self._run_id, "refuted", refutation(turn.name, result))
        self._spent += sum(found.seconds.values())
        objectives = FAILED
        if not found.pruned:
            objectives = self._worth(turn.genome, found.scores[-1])
            self._front.add(turn.number, objectives)
        self._tell(turn, objectives)

    def finish_teacher(self, found: OfTeacher) -> None:
        """Keep how the teacher fared under the run's attack."""
        row = measurement(found.score, self._config.teacher.seed, self._context)
        self._store.measure(self._run_id, None, row, [example(result) for result in found.results])
        kept_of_teacher(self._name, self._context).drop()
        words = f"teacher: accuracy {found.score.accuracy:.1%}, after attack {found.score.robustness:.1%}"
        self._store.log(self._run_id, "teacher", words)

    def fail(self, turn: Turn, error: str) -> None:
        """Mark a candidate that could not be evaluated; the strategy learns that it is worth nothing."""
        self._store.fail_candidate(turn.id, self._tells + 1, error)
        self._tell(turn, FAILED)

    def _is_time_up(self) -> bool:
        minutes = self._config.search.minutes
        return minutes is not None and self._spent >= 60 * minutes

    def _tell(self, turn: Turn, objectives: np.ndarray) -> None:
        self._tells += 1
        for rung in range(self._config.search.rungs):
            self._verdicts.pop((turn.number, rung), None)
        if turn.origin != BAG:
            self._strategy.tell(turn.number, objectives)
        self._done += 1
        self._report()

    def _worth(self, genome: Genome, score: Score) -> np.ndarray:
        return vector(
            {
                "accuracy": score.accuracy,
                "robustness": score.robustness,
                "certified": score.certified,
                "attacked": score.attacked,
                "compression": cost(genome, self._context.frame).compression,
                "floor": self._context.floor,
                "measure": self._config.objectives.measure,
            }
        )

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
                "certified": seen["certified"],
                "attacked": seen["attacked"],
                "compression": compressions[seen["number"]],
                "floor": seen["floor"],
                "measure": seen["measure"],
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
        frame = before["frame"]
        if frame and Frame(**frame) != self._context.frame and self._store.candidates(self._run_id):
            problem = "this version builds other students than those that the run has."
            raise UserError("run", problem, "Start a new run; this one can still be viewed and exported.")
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
    return _with_genes("worst-case bag of words and bigrams" if genome.bigrams else "worst-case bag of words", genome)


def _chain_in_words(genome: Genome) -> str:
    words = f"plain chain of {len(genome.nodes)} transformer layer{'s' if len(genome.nodes) > 1 else ''}"
    return _with_genes(f"{words}, {genome.context} context" if genome.context else words, genome)


def _with_genes(words: str, genome: Genome) -> str:
    coded = words if genome.code == "plain" else f"{words}, code {genome.code}"
    return coded if genome.kappa is None else f"{coded}, kappa {genome.kappa:g}"
