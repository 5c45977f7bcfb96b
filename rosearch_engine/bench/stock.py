"""Distillation as people write it first: Hugging Face's `Trainer` with the teacher in its loop.

What `distil` is measured against, in time to an equal validation accuracy.
"""

from __future__ import annotations

import copy
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from torch import nn
from torch.nn import functional as F
from transformers import (
    DataCollatorWithPadding,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from rosearch_engine.batching import encode
from rosearch_engine.device import device, has_fast_bfloat16
from rosearch_engine.distil.losses import soft_targets
from rosearch_engine.inference import accuracy, inputs_for, predict
from rosearch_engine.student.modeling import RoSearchForSequenceClassification

_PRECISION = "ACCELERATE_MIXED_PRECISION"


@dataclass(frozen=True)
class Point:
    """Where a training stood.

    Attributes:
        seconds: of training alone, without the validations.
        steps: optimiser steps taken.
        tokens: padded tokens the student read.
        accuracy: share of the validation sentences that it gets right, in float32.
    """

    seconds: float
    steps: int
    tokens: int
    accuracy: float


@dataclass(frozen=True)
class StockRun:
    """How a training by `Trainer` went.

    Attributes:
        curve: one point a validation; the last one is the end.
        encode_seconds: for tokenising, which the curve leaves out.
        bfloat16: whether it multiplied in bfloat16.
    """

    curve: list[Point]
    encode_seconds: float
    bfloat16: bool


def distil_with_trainer(
    student: RoSearchForSequenceClassification,
    teacher: PreTrainedModel,
    texts: Sequence[str],
    labels: np.ndarray,
    validation_texts: Sequence[str],
    validation_labels: np.ndarray,
    tokenizer: PreTrainedTokenizerBase,
    *,
    epochs: float,
    batch: int,
    learning_rate: float,
    temperature: float,
    hard_weight: float,
    max_length: int,
    modern: bool,
    stop_at: float | None,
    seed: int,
    validate_every: int = 100,
    group_by_length: bool = False,
) -> StockRun:
    """Train a student, in place, with `Trainer` at its default settings but for those given.

    Args:
        modern: pad to a batch's longest sentence, and switch `Trainer`'s bfloat16 on where the machine is fast at it;
            else pad to `max_length`, in float32.
        stop_at: validation accuracy at which to stop; None trains to the end.
        validate_every: steps from one validation to the next; one more comes at the end.
        group_by_length: `Trainer`'s own switch, which few know of: batches of sentences of like length.
    """
    where, half = device(), modern and has_fast_bfloat16(device())
    began = time.perf_counter()
    coded = tokenizer(list(texts), truncation=True, max_length=max_length, padding=False if modern else "max_length")
    rows = Dataset.from_dict({**coded, "labels": labels.tolist()})
    encode_seconds = time.perf_counter() - began
    validation = encode(validation_texts, None, tokenizer, max_length)
    # A copy: `Trainer` wraps the student's forward, and a validation must neither count that nor change a mode.
    judged = copy.deepcopy(student).to(where)  # type: ignore[arg-type]

    def validate() -> float:
        judged.load_state_dict(student.state_dict())
        return accuracy(predict(judged, validation), validation_labels)

    with tempfile.TemporaryDirectory() as folder, _globals_kept():
        trainer = _Distiller(
            teacher=teacher.to(where).eval(),  # type: ignore[arg-type]
            temperature=temperature,
            hard_weight=hard_weight,
            model=student,
            args=TrainingArguments(
                output_dir=folder,
                num_train_epochs=epochs,
                per_device_train_batch_size=batch,
                learning_rate=learning_rate,
                warmup_ratio=0.1,
                bf16=half,
                use_cpu=where.type == "cpu",
                group_by_length=group_by_length,
                seed=seed,
                logging_strategy="no",
                save_strategy="no",
                report_to=[],
                disable_tqdm=True,
            ),
            train_dataset=rows,
            data_collator=DataCollatorWithPadding(tokenizer),
        )
        watch = _Watch(trainer, validate, validate_every, stop_at)
        trainer.add_callback(watch)
        trainer.remove_callback(PrinterCallback)
        trainer.train()
        # Gives the student its own forward back, without autocast.
        trainer.accelerator.unwrap_model(student, keep_fp32_wrapper=False)
    student.eval()
    return StockRun(watch.curve, encode_seconds, half)


class _Distiller(Trainer):
    """The override of every tutorial: the teacher is asked in the loop."""

    def __init__(self, *, teacher: PreTrainedModel, temperature: float, hard_weight: float, **settings: Any) -> None:
        super().__init__(**settings)
        self.teacher, self.temperature, self.hard_weight = teacher, temperature, hard_weight
        self.tokens = 0

    def compute_loss(
        self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        labels = inputs.pop("labels")
        # On a GPU, `Trainer` itself wraps only the student in autocast.
        with torch.no_grad(), self.accelerator.autocast():
            targets = self.teacher(**inputs_for(self.teacher, inputs)).logits.float()
        said = model(**inputs)
        logits = said.logits.float()
        loss = soft_targets(logits, targets, self.temperature) + self.hard_weight * F.cross_entropy(logits, labels)
        self.tokens += inputs["input_ids"].numel()
        return (loss, said) if return_outputs else loss


class _Watch(TrainerCallback):
    """Validates now and then, off the clock."""

    def __init__(self, trainer: _Distiller, validate: Callable[[], float], every: int, stop_at: float | None) -> None:
        self.trainer, self.validate, self.every, self.stop_at = trainer, validate, every, stop_at
        self.curve: list[Point] = []
        self.began = 0.0

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.began = time.perf_counter()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if state.global_step % self.every == 0 or state.global_step == state.max_steps:
            point = self._measured(state.global_step)
            if self.stop_at is not None and point.accuracy >= self.stop_at:
                control.should_training_stop = True

    def _measured(self, step: int) -> Point:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        paused = time.perf_counter()
        point = Point(paused - self.began, step, self.trainer.tokens, self.validate())
        self.curve.append(point)
        self.began += time.perf_counter() - paused
        return point


@contextmanager
def _globals_kept() -> Iterator[None]:
    """`Trainer` seeds everybody's dice, and leaves its precision behind for the next `Trainer` of the process."""
    precision, dice = os.environ.pop(_PRECISION, None), (random.getstate(), np.random.get_state())
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(dice[0])
        np.random.set_state(dice[1])
        os.environ.pop(_PRECISION, None)
        if precision is not None:
            os.environ[_PRECISION] = precision
