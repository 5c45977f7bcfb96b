"""Depthwise-separable convolutions over the tokens. This file travels with exported checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F


class Convolution(nn.Module):
    """Depthwise-separable convolution over the tokens, residual, layer norm."""

    kernel: int

    def __init__(self, config: Any, node: Mapping[str, Any]) -> None:
        super().__init__()
        width = config.hidden_size
        self.depthwise = nn.Conv1d(width, width, self.kernel, padding=self.kernel // 2, groups=width)
        self.pointwise = nn.Linear(width, width)
        self.activation = getattr(F, node["activation"])
        self.norm = nn.LayerNorm(width, eps=config.layer_norm_eps)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """x `(batch, length, width)`, mask `(batch, length)` -> `(batch, length, width)`."""
        # Padding must read as silence, or a sentence's result would depend on its batch.
        quiet = (x * mask[..., None].to(x.dtype)).transpose(1, 2)
        mixed = self.pointwise(self.activation(self.depthwise(quiet).transpose(1, 2)))
        return self.norm(x + mixed)


class Convolution3(Convolution):
    kernel = 3


class Convolution5(Convolution):
    kernel = 5
