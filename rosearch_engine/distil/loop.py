"""The distillation loop."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from transformers import get_linear_schedule_with_warmup

from rosearch_engine.config import DistilConfig
from rosearch_engine.device import device, training_precision
from rosearch_engine.distil.adversary import Adversary
from rosearch_engine.distil.bag import BATCH, L2, LEARNING_RATE, WorstCase, worst_case_loss
from rosearch_engine.distil.corpus import Corpus
from rosearch_engine.distil.losses import divergences, hidden_states, relations, soft_targets
from rosearch_engine.distil.overfitting import under_attack
from rosearch_engine.progress import Progress, Stage
from rosearch_engine.student.modeling import RoSearchForSequenceClassification, StudentOutput

CURVE_POINTS = 60


class Diverged(Exception):
    """The loss is no longer a number."""


@dataclass(frozen=True)
class Training:
    """How a distillation went.

    Attributes:
        steps: optimiser steps taken.
        tokens: padded tokens learnt from.
        seconds: wall time.
        curve: pairs (step, mean loss since the pair before).
        adversarial: mean loss on copies made in one gradient step, and on the worst of these and their refinements
            (`distil.overfitting`); None without an adversary, or before the end.
    """

    steps: int
    tokens: int
    seconds: float
    curve: list[tuple[int, float]]
    adversarial: tuple[float, float] | None = None


class Distillation:
    """One student's training on its teacher's cached outputs, in as many stretches as one likes.

    Equal seeds give equal students on one machine, however the training is cut into stretches.

    Args:
        model: trained in place.

    Attributes:
        steps: optimiser steps of the whole training.
    """

    def __init__(self, model: RoSearchForSequenceClassification, corpus: Corpus, config: DistilConfig, seed: int):
        self._where = device()
        self._model, self._corpus, self._config = model.to(self._where), corpus, config  # type: ignore[arg-type]
        self._supervised = supervised_nodes(model) if config.hidden_weight or config.relation_weight else []
        self._plan = corpus.plan(config.tokens, config.epochs, seed)
        self.steps = len(self._plan)
        width = 0 if corpus.teacher.hidden is None else corpus.teacher.hidden.shape[2]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            # Learned maps from the student's width to the teacher's; they are thrown away with the loop.
            self._projections = nn.ModuleList(
                nn.Linear(model.config.hidden_size, width, bias=False) for _ in self._supervised if config.hidden_weight
            ).to(self._where)
        swaps = corpus.swaps if corpus.swaps and not corpus.swaps.is_empty else None
        self._worst = WorstCase(swaps, self._where) if swaps and model.config.invariant else None
        words: list[nn.Parameter] = []
        if model.ledger is not None and model.config.coefficients:
            words = list(model.ledger.parameters())
        elif model.ledger is not None:
            # It was trained before, on its exact worst case (`distil.bag`), and for longer than a student is.
            model.ledger.requires_grad_(False)
        apart = set(words)
        self._parameters = [one for one in model.parameters() if one.requires_grad and one not in apart]
        groups: list[dict[str, Any]] = [{"params": [*self._parameters, *self._projections.parameters()]}]
        if words:
            groups.append({"params": words, "lr": LEARNING_RATE, "weight_decay": 0.0})
        self._optimiser = torch.optim.AdamW(groups, lr=config.learning_rate, weight_decay=0.01, fused=True)
        self._schedule = get_linear_schedule_with_warmup(self._optimiser, round(0.1 * self.steps), self.steps)
        self._adversary = None
        if config.adversary != "off" and config.kappa and swaps and not model.config.invariant:
            self._adversary = Adversary(model, corpus.sentences, swaps, corpus.special, config, seed)
        self._done, self._tokens, self._seconds = 0, 0, 0.0
        self._curve: list[tuple[int, float]] = []
        self._losses = torch.zeros((), device=self._where)
        self._adversarial: tuple[float, float] | None = None

    @property
    def training(self) -> Training:
        """How it went so far."""
        return Training(self._done, self._tokens, self._seconds, list(self._curve), self._adversarial)

    def run(self, until: int, progress: Progress) -> Training:
        """Train up to step `until`, at most to the end; the model is left ready to be asked.

        Raises:
            Diverged: if the loss stops being a number.
            Stopped: if the progress says so.
        """
        began, until = time.perf_counter(), min(until, self.steps)
        report_every = max(1, self.steps // CURVE_POINTS)
        self._model.train()
        progress.stage(Stage.DISTIL, self.steps, "steps")
        while self._done < until:
            self._losses += self._step(self._plan[self._done])
            self._done += 1
            if self._done % report_every == 0 or self._done == until:
                self._report(progress)
        self._seconds += time.perf_counter() - began
        if self._adversary and self._done == self.steps and self._adversarial is None:
            tokens = self._config.tokens
            self._adversarial = under_attack(self._corpus, self._adversary, self._each, tokens, self._where)
        self._model.eval()
        return self.training

    def _step(self, rows: np.ndarray) -> torch.Tensor:
        """One step on a batch: the sentences and their exact worst case, or the sentences and then adversarial copies.

        Returns the loss.
        """
        batch = self._corpus.sentences.batch(rows, self._where)
        weight = self._kappa() if self._adversary or self._worst else 0.0
        loss = self._learn(batch, rows, 1 - weight, worst=weight if self._worst else 0.0)
        if self._adversary and weight:
            loss = loss + self._learn(self._adversary.copies(rows, batch), rows, weight)
        nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimiser.step()
        self._schedule.step()
        self._optimiser.zero_grad(set_to_none=True)
        return loss

    def _learn(
        self, batch: dict[str, torch.Tensor], rows: np.ndarray, weight: float, worst: float = 0.0
    ) -> torch.Tensor:
        """Add the gradient of what the teacher says of the sentences, and of its states; returns the weighed loss.

        Args:
            worst: weight of the exact worst case.
        """
        with training_precision(self._where):
            said = self._model(**batch, output_hidden_states=bool(self._supervised))
            targets, labels = self._tensor(self._corpus.targets(rows)), self._tensor(self._corpus.labels[rows])
            loss = self._task_loss(said.logits.float(), targets, labels)
            if self._supervised:
                states = self._tensor(self._corpus.states(rows, [layer for _, layer in self._supervised]))
                loss = loss + self._state_loss(said.hidden_states, batch["attention_mask"], states)
            loss = weight * loss
        if worst:
            loss = loss + worst * self._worst_case_loss(said, rows, labels)
        loss.backward()
        self._tokens += batch["input_ids"].numel()
        return loss.detach()

    def _worst_case_loss(self, said: StudentOutput, rows: np.ndarray, labels: torch.Tensor) -> torch.Tensor:
        """Of the exact worst case of sentences whose graph no swap can move; a table in training is kept small."""
        assert self._worst is not None
        assert self._model.ledger is not None
        assert said.logits is not None
        evidence = self._model.ledger.evidence
        lost = self._worst.weighed_losses(evidence, said.coefficients, rows, self._corpus.sentences, labels)
        loss = worst_case_loss(said.logits.float(), lost, labels)
        size: torch.Tensor = L2 / BATCH * evidence.square().sum()
        return loss + size if evidence.requires_grad else loss

    def _kappa(self) -> float:
        """The weight of the adversary's copies, or of the exact worst case, in this step."""
        ramp = self._config.kappa_ramp * self.steps
        return self._config.kappa * (min(1.0, self._done / ramp) if ramp else 1.0)

    def _task_loss(self, logits: torch.Tensor, targets: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        loss = soft_targets(logits, targets, self._config.temperature)
        if self._config.hard_weight:
            loss = loss + self._config.hard_weight * F.cross_entropy(logits, labels)
        return loss

    def _each(self, batch: dict[str, torch.Tensor], rows: np.ndarray) -> torch.Tensor:
        """What `_task_loss` averages: the loss of each sentence `(batch,)`."""
        with training_precision(self._where):
            logits = self._model(**batch).logits.float()
        targets, labels = self._tensor(self._corpus.targets(rows)), self._tensor(self._corpus.labels[rows])
        loss = self._config.temperature**2 * divergences(logits, targets, self._config.temperature)
        return loss + self._config.hard_weight * F.cross_entropy(logits, labels, reduction="none")

    def _state_loss(self, hidden: tuple[torch.Tensor, ...], mask: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        """Distance of the supervised nodes' mean states from those of their teacher layers, `(batch, nodes, width)`."""
        shares = mask.float()
        shares = (shares / shares.sum(dim=1, keepdim=True))[:, None]  # (batch, 1, length)
        means = [(shares @ hidden[node])[:, 0] for node, _ in self._supervised]
        loss = torch.zeros((), device=self._where)
        if self._config.hidden_weight:
            guesses = [project(mean).float() for project, mean in zip(self._projections, means, strict=True)]
            distances = [hidden_states(guess, states[:, i]) for i, guess in enumerate(guesses)]
            loss = loss + self._config.hidden_weight * torch.stack(distances).mean()
        if self._config.relation_weight:
            distances = [relations(mean.float(), states[:, i]) for i, mean in enumerate(means)]
            loss = loss + self._config.relation_weight * torch.stack(distances).mean()
        return loss

    def _tensor(self, values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.array(values)).to(self._where)

    def _report(self, progress: Progress) -> None:
        mean = self._losses.item() / (self._done - (self._curve[-1][0] if self._curve else 0))
        if not np.isfinite(mean):
            raise Diverged(f"its training diverged: the loss is {mean} at step {self._done} of {self.steps}")
        self._curve.append((self._done, mean))
        self._losses.zero_()
        progress.advance(self._done, loss=mean)


def supervised_nodes(model: RoSearchForSequenceClassification) -> list[tuple[int, int]]:
    """Pairs (node, teacher layer) of the nodes that imitate a layer's hidden states."""
    return [
        (number, node["teacher_layer"])
        for number, node in enumerate(model.config.nodes, start=1)
        if node["teacher_layer"]
    ]
