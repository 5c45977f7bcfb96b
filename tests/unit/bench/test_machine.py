"""The rate of matrix products: which products it takes, and how it weighs their times."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch

from rosearch_engine.bench import machine


def test_it_multiplies_what_training_a_layer_multiplies(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[torch.Size, torch.dtype]] = []

    def clocked(product: Callable[[], torch.Tensor]) -> float:
        answer = product()
        made.append((answer.shape, answer.dtype))
        return 1.0

    monkeypatch.setattr(machine, "_seconds", clocked)
    machine.matmul_rate([(8, 3, 5)], torch.bfloat16, repeats=1)
    assert [tuple(shape) for shape, _ in made] == [(8, 5), (8, 3), (5, 3)]  # forward, of the input, of the weights
    assert {dtype for _, dtype in made} == {torch.bfloat16}


def test_each_product_weighs_by_its_operations_and_its_best_time_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    # Two turns over two shapes of three products each; the third shape is the first again.
    seconds = itertools.chain([4.0, 1.0, 1.0, 9.0, 9.0, 2.0], [2.0, 3.0, 1.0, 2.0, 2.0, 2.0])
    monkeypatch.setattr(machine, "_seconds", lambda product: next(seconds))
    shapes = [(100, 10, 20), (100, 40, 30), (100, 10, 20)]
    rate = machine.matmul_rate(shapes, torch.float32, repeats=2)
    operations = 6 * 100 * (10 * 20 + 40 * 30 + 10 * 20)
    assert rate == pytest.approx(operations / (4.0 + 6.0 + 4.0) / 1e9)


def test_a_real_rate() -> None:
    assert machine.matmul_rate([(64, 32, 64)], torch.float32, repeats=2) > 0
