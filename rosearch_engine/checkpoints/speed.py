"""How long models take for a batch, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedModel

from rosearch_engine.inference import inputs_for

TOKENS = 32


@dataclass(frozen=True)
class Speed:
    """Milliseconds for a batch: the median, and what nineteen of twenty stay below."""

    p50: float
    p95: float


def speeds(calls: Mapping[str, Callable[[], object]], rounds: int = 60) -> dict[str, Speed]:
    """The speed of each call. They take turns: what else the machine does hinders none more than another."""
    for call in calls.values():
        call()  # the first one pays for what the others find ready
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            taken[name].append(1e3 * (time.perf_counter() - began))
    return {name: Speed(*map(float, np.percentile(values, (50, 95)))) for name, values in taken.items()}


def batch_call(model: PreTrainedModel, size: int, tokens: int = TOKENS) -> Callable[[], object]:
    """A call that asks a model of `size` sentences of so many tokens."""
    where = next(model.parameters()).device
    ids = torch.randint(0, model.config.vocab_size, (size, tokens), generator=torch.Generator().manual_seed(0))
    given = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "token_type_ids": torch.zeros_like(ids)}
    batch = inputs_for(model, {name: value.to(where) for name, value in given.items()})

    def call() -> object:
        with torch.inference_mode():
            return model(**batch).logits.cpu()

    return call


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch with a single thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
