"""What modules that start from a teacher's layer share. This file travels with exported checkpoints."""

from __future__ import annotations

import torch
from torch import nn


def top(importance: torch.Tensor, count: int) -> torch.Tensor:
    """The places of the `count` greatest, in their old order."""
    return importance.topk(min(count, len(importance))).indices.sort().values


def copy_norm(mine: nn.LayerNorm, theirs: nn.LayerNorm, channels: torch.Tensor) -> None:
    """Copy the kept channels of a layer norm."""
    mine.weight.copy_(theirs.weight[channels])
    mine.bias.copy_(theirs.bias[channels])
