"""Two-layer perceptron on each token. This file travels with exported checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from .inheritance_module import copy_norm, top


class FeedForward(nn.Module):
    """Two-layer perceptron on each token, residual, layer norm."""

    def __init__(self, config: Any, node: Mapping[str, Any]) -> None:
        super().__init__()
        self.inner = nn.Linear(config.hidden_size, node["feed_forward"])
        self.outer = nn.Linear(node["feed_forward"], config.hidden_size)
        self.activation = getattr(F, node["activation"])
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """x `(batch, length, width)` -> `(batch, length, width)`."""
        return self.norm(x + self.outer(self.activation(self.inner(x))))

    def inherit(self, layer: Any, channels: torch.Tensor) -> None:
        """Start from the neurons of a teacher's layer that matter most, by the norms of what they read and write."""
        importance = layer.inner.weight.norm(dim=1) * layer.outer.weight.norm(dim=0)
        neurons = top(importance, self.inner.out_features)
        self.inner.weight.copy_(layer.inner.weight[neurons][:, channels])
        self.inner.bias.copy_(layer.inner.bias[neurons])
        self.outer.weight.copy_(layer.outer.weight[channels][:, neurons])
        self.outer.bias.copy_(layer.outer.bias[channels])
        copy_norm(self.norm, layer.feed_forward_norm, channels)
