"""The machine that a figure was taken on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from rosearch_engine.device import cpu_name, describe, device


def machine() -> dict[str, Any]:
    """CPU, its number of cores and load, the device and torch's version."""
    return {
        "cpu": f"{cpu_name()}, {len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()} "
        f"cores, load {os.getloadavg()[0]:.1f}",
        "device": describe(device()),
        "torch": torch.__version__,
    }


def matmul_rate(shapes: list[tuple[int, int, int]], dtype: torch.dtype, repeats: int = 30) -> float:
    """GFLOP/s of the matrix products that training linear layers consists of: what this machine can reach at most.

    The products' operations over the sum of their shortest times, so that each weighs by its operations. They take
    turns, so that what else the machine does in between hinders none more than another.

    Args:
        shapes: of each layer (tokens, in, out); a shape that occurs several times counts as often.
    """
    layers = {shape: _linear_layer(*shape, dtype) for shape in shapes}
    turns = [{shape: [_seconds(one) for one in layer] for shape, layer in layers.items()} for _ in range(repeats)]
    shortest = {shape: float(np.min([turn[shape] for turn in turns], axis=0).sum()) for shape in layers}
    operations = sum(3 * 2 * tokens * read * written for tokens, read, written in shapes)
    return operations / sum(shortest[shape] for shape in shapes) / 1e9


def _linear_layer(tokens: int, read: int, written: int, dtype: torch.dtype) -> list[Callable[[], torch.Tensor]]:
    """Forward, gradient of what it reads, gradient of its weights."""
    where = device()
    states = torch.randn(tokens, read, dtype=dtype, device=where)
    weights = torch.randn(written, read, dtype=dtype, device=where)
    gradient = torch.randn(tokens, written, dtype=dtype, device=where)
    return [lambda: F.linear(states, weights), lambda: gradient @ weights, lambda: gradient.T @ states]


def _seconds(product: Callable[[], torch.Tensor]) -> float:
    on_gpu = torch.cuda.is_available()
    # Enough in a row that a GPU's time is the products' and not that of starting them.
    calls = 20 if on_gpu else 1
    if on_gpu:
        torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(calls):
        product()
    if on_gpu:
        torch.cuda.synchronize()
    return (time.perf_counter() - began) / calls
