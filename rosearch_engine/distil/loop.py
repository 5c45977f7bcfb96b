"""The distillation loop."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from transformers import get_linear_schedule_with_warmup

from rosearch_engine.batching import Encoded
from rosearch_engine.config import DistilConfig
from rosearch_engine.device import device, training_precision
from rosearch_engine.distil.losses import hidden_states, soft_targets
from rosearch_engine.progress import Progress
from rosearch_engine.student.modeling import RoSearchForSequenceClassification
from rosearch_engine.teacher import Outputs, endless

CURVE_POINTS = 60


class Diverged(Exception):
    """The loss is no longer a number."""


@dataclass(frozen=True)
class Training:
    """How a distillation went.

    Attributes:
        steps: optimiser steps taken.
        tokens: padded tokens read.
        seconds: wall time.
        curve: pairs (step, mean loss since the pair before).
    """

    steps: int
    tokens: int
    seconds: float
    curve: list[tuple[int, float]]


def distil(
    model: RoSearchForSequenceClassification,
    sentences: Encoded,
    labels: np.ndarray,
    teacher: Outputs,
    config: DistilConfig,
    seed: int,
    progress: Progress,
) -> Training:
    """Train a student on the teacher's cached outputs; equal seeds give equal students on one machine.

    Args:
        model: trained in place.
        sentences: the distillation sentences, in the order of `labels` `(sentences,)` and of the outputs.

    Raises:
        Diverged: if the loss stops being a number.
        Stopped: if the progress says so.
    """
    where = device()
    model.to(where).train()  # type: ignore[arg-type]
    supervised = supervised_nodes(model)
    steps = max(1, round(config.epochs * len(labels) / config.batch))
    report_every = max(1, steps // CURVE_POINTS)
    curve: list[tuple[int, float]] = []
    began, tokens, losses = time.perf_counter(), 0, torch.zeros((), device=where)
    progress.stage("distil", steps, "steps")
    with torch.random.fork_rng(devices=[where] if where.type == "cuda" else []):
        torch.manual_seed(seed)
        # Learned maps from the student's width to the teacher's; they are thrown away with the loop.
        projections = nn.ModuleList(
            nn.Linear(model.config.hidden_size, teacher.hidden.shape[2], bias=False) for _ in supervised
        ).to(where)
        optimiser = torch.optim.AdamW(
            [*model.parameters(), *projections.parameters()], lr=config.learning_rate, weight_decay=0.01, fused=True
        )
        schedule = get_linear_schedule_with_warmup(optimiser, round(0.1 * steps), steps)
        for step, rows in enumerate(endless(sentences.lengths, config.batch, seed), start=1):
            batch = sentences.batch(rows, where)
            targets = torch.from_numpy(np.array(teacher.logits[rows])).to(where)
            with training_precision(where):
                said = model(**batch, output_hidden_states=bool(supervised))
                loss = soft_targets(said.logits.float(), targets, config.temperature)
                if config.hard_weight:
                    truth = torch.from_numpy(labels[rows]).to(where)
                    loss = loss + config.hard_weight * F.cross_entropy(said.logits.float(), truth)
                if config.hidden_weight and supervised:
                    states = torch.from_numpy(teacher.hidden[rows].astype(np.float32)).to(where)
                    shares = batch["attention_mask"].float()
                    shares = (shares / shares.sum(dim=1, keepdim=True))[:, None]  # (batch, 1, length)
                    distances = [
                        hidden_states(project(shares @ said.hidden_states[node])[:, 0].float(), states[:, layer])
                        for project, (node, layer) in zip(projections, supervised, strict=True)
                    ]
                    loss = loss + config.hidden_weight * torch.stack(distances).mean()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            optimiser.zero_grad(set_to_none=True)
            tokens += batch["input_ids"].numel()
            losses += loss.detach()
            if step % report_every == 0 or step == steps:
                mean = losses.item() / (step - (curve[-1][0] if curve else 0))
                if not np.isfinite(mean):
                    raise Diverged(f"its training diverged: the loss is {mean} at step {step} of {steps}")
                curve.append((step, mean))
                losses.zero_()
                progress.advance(step, loss=mean)
            if step == steps:
                break
    model.eval()
    return Training(steps, tokens, time.perf_counter() - began, curve)


def supervised_nodes(model: RoSearchForSequenceClassification) -> list[tuple[int, int]]:
    """Pairs (node, teacher layer) of the nodes that imitate a layer's hidden states."""
    return [
        (number, node["teacher_layer"])
        for number, node in enumerate(model.config.nodes, start=1)
        if node["teacher_layer"]
    ]
