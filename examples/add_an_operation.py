"""Add an operation to the search space: one file, such as this one, and one name, passed to `register`.

    python examples/add_an_operation.py
    python examples/add_an_operation.py folder-for-a-checkpoint

The operation is known to the Python process that ran `register`: list it in `space.operations`, as below, and genomes,
costs, models, the search, exports and drawings can use it. CONTRIBUTING.md explains how to add a built-in operation.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from rosearch_engine.checkpoints.export import write_checkpoint
from rosearch_engine.checkpoints.load import load
from rosearch_engine.config import SpaceConfig
from rosearch_engine.genome import Frame, Space, cost
from rosearch_engine.genome.operators import sample
from rosearch_engine.operations import Family, Genes, Operation, register
from rosearch_engine.recorded.unpack import bring_shipped
from rosearch_engine.store import Store
from rosearch_engine.student.build import random_student


class Average(nn.Module):
    """Adds the mean of the sentence to each word: attention with uniform weights."""

    def __init__(self, config: Any, node: Mapping[str, Any]) -> None:
        super().__init__()
        self.mix = nn.Linear(config.hidden_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """x `(batch, length, width)`, mask `(batch, length)` -> `(batch, length, width)`."""
        real = mask[..., None].to(x.dtype)
        mean = (x * real).sum(dim=1, keepdim=True) / real.sum(dim=1, keepdim=True)
        return self.norm(x + self.mix(mean))

    def inherit(self, layer: Any, channels: torch.Tensor) -> None:
        """Initialise as the teacher's attention with uniform weights."""
        self.mix.weight.copy_((layer.out.weight @ layer.value.weight)[channels][:, channels])
        self.mix.bias.copy_((layer.out.weight @ layer.value.bias + layer.out.bias)[channels])
        self.norm.weight.copy_(layer.attention_norm.weight[channels])
        self.norm.bias.copy_(layer.attention_norm.bias[channels])


def weights(node: Genes, width: int, head_size: int) -> int:
    return width * width + width + 2 * width


def flops(node: Genes, width: int, head_size: int, length: int) -> int:
    return 2 * width * width  # one product per sentence, whatever its length


AVERAGE = Operation(
    name="average",
    genes=frozenset({"teacher_layer"}),
    weights=weights,
    flops=flops,
    module=f"{__name__}:Average",
    inherits=True,
    title="Average of the words",
    several="averages",
    family=Family("average", "Average", "yellow", "#fdf6d3", "#b58900", "#6b5200"),
)
register(AVERAGE)

# Reviews with their class: 0 is negative, 1 positive.
REVIEWS = [
    ("a warm and funny film with a great cast", 1),
    ("dull , noisy and far too long , with nothing to say", 0),
    ("the plot is thin , but the acting makes up for it", 1),
    ("a lazy script that wastes its actors", 0),
]


def main(folder: str | None = None) -> None:
    bring_shipped()
    store = Store.read()
    # What all students of a run share: the sizes of its teacher and its task. Here, those of the bundled run.
    run, tokenizer = store.run("example"), load(store, "example", "s0006").tokenizer
    assert run["frame"] and run["dataset"] and run["teacher"], "a run that has begun knows them"  # noqa: PT018
    frame, classes = Frame(**run["frame"]), tuple(run["dataset"]["classes"])

    space = Space.of(SpaceConfig(operations=("average", "feed_forward"), max_nodes=4), frame)
    rng = np.random.default_rng(0)
    genome = next(
        one for one in iter(lambda: sample(space, rng), None) if "average" in {n.operation for n in one.nodes}
    )
    price = cost(genome, frame)
    print(
        f"{[node.operation for node in genome.nodes]}: {price.weights:,} parameters, {price.flops:,} FLOPs per sentence"
    )

    torch.manual_seed(0)
    student = random_student(genome, frame, classes, run["teacher"]["pad"])
    batch = tokenizer([text for text, _ in REVIEWS], padding=True, return_tensors="pt")
    labels = torch.tensor([label for _, label in REVIEWS])
    optimiser = torch.optim.AdamW(student.parameters(), lr=1e-3)
    for step in range(20):
        loss = student(**batch, labels=labels).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step in (0, 19):
            print(f"step {step + 1}: loss {loss.item():.4f}")

    if folder:
        # It loads with transformers alone, without this project: the module's class is part of it.
        write_checkpoint(student, tokenizer, Path(folder))
        print(f"written to {folder}")


if __name__ == "__main__":
    main(*sys.argv[1:])
