"""A whole encoder layer. This file travels with exported checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from .attention_module import Attention
from .feed_forward_module import FeedForward


class Transformer(nn.Module):
    """Attention, then feed-forward: a whole encoder layer."""

    def __init__(self, config: Any, node: Mapping[str, Any]) -> None:
        super().__init__()
        self.attention = Attention(config, node)
        self.feed_forward = FeedForward(config, node)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """x `(batch, length, width)`, mask `(batch, length)` -> `(batch, length, width)`."""
        return self.feed_forward(self.attention(x, mask), mask)

    def inherit(self, layer: Any, channels: torch.Tensor) -> None:
        """Start from both halves of a teacher's layer."""
        self.attention.inherit(layer, channels)
        self.feed_forward.inherit(layer, channels)
