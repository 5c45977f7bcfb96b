"""Multi-head self-attention. This file travels with exported checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from .inheritance_module import copy_norm, top


class Attention(nn.Module):
    """Multi-head self-attention, residual, layer norm. Heads keep the teacher's size, whatever the width."""

    def __init__(self, config: Any, node: Mapping[str, Any]) -> None:
        super().__init__()
        width, inner = config.hidden_size, node["heads"] * config.head_size
        self.heads, self.head_size = node["heads"], config.head_size
        self.query = nn.Linear(width, inner)
        self.key = nn.Linear(width, inner)
        self.value = nn.Linear(width, inner)
        self.out = nn.Linear(inner, width)
        self.norm = nn.LayerNorm(width, eps=config.layer_norm_eps)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """x `(batch, length, width)`, mask `(batch, length)` -> `(batch, length, width)`."""
        batch, length, _ = x.shape
        reads = (self.query, self.key, self.value)
        if all(type(read) is nn.Linear for read in reads):
            # One product for all three: a third of their size each is too little to keep a machine busy.
            joined = F.linear(x, torch.cat([r.weight for r in reads]), torch.cat([r.bias for r in reads]))
        else:
            # Quantised or wrapped: what stands in a layer's place can be called, but need not hold its tensors.
            joined = torch.cat([read(x) for read in reads], dim=-1)
        q, k, v = joined.view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = attend(q, k, v, mask).transpose(1, 2).reshape(batch, length, -1)
        return self.norm(x + self.out(mixed))

    def inherit(self, layer: Any, channels: torch.Tensor) -> None:
        """Start from the heads of a teacher's layer that write most, by the norm of their value-to-output map."""
        size = self.head_size
        value = layer.value.weight.view(-1, size, layer.value.in_features)  # (heads, size, width)
        out = layer.out.weight.view(layer.out.out_features, -1, size)  # (width, heads, size)
        importance = torch.stack([(out[:, h] @ value[h]).norm() for h in range(len(value))])
        heads = top(importance, self.heads)
        rows = (heads[:, None] * size + torch.arange(size)).flatten()
        for mine, theirs in ((self.query, layer.query), (self.key, layer.key), (self.value, layer.value)):
            mine.weight.copy_(theirs.weight[rows][:, channels])
            mine.bias.copy_(theirs.bias[rows])
        self.out.weight.copy_(layer.out.weight[channels][:, rows])
        self.out.bias.copy_(layer.out.bias[channels])
        copy_norm(self.norm, layer.attention_norm, channels)


def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Scaled dot-product attention over heads `(batch, heads, length, size)` under mask `(batch, length)`."""
    if q.is_cuda or not torch.is_grad_enabled():
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
    # Written out where it is trained: backwards, torch's fused kernel for CPUs takes ten times as long.
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(2, 3)  # (batch, heads, length, length)
    scores = scores.masked_fill(~mask[:, None, None, :], torch.finfo(scores.dtype).min)
    return scores.softmax(dim=-1).to(v.dtype) @ v
