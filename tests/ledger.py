"""A model with the outputs `ledger` and `context` of a ledger head, made of any classifier."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch


class WithLedger(torch.nn.Module):
    """Logits are the model's own; the ledger counts token numbers, so it says something else, and the context is the
    rest: logits = ledger + context."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.config = model.config

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **others: Any) -> SimpleNamespace:
        logits = self.model(input_ids=input_ids, attention_mask=attention_mask, **others).logits
        says = ((input_ids * 37) % 19 - 9).float() / 9 * attention_mask
        first = says.sum(dim=1, keepdim=True)
        ledger = torch.cat([first, -first.expand(-1, logits.shape[1] - 1)], dim=1)
        return SimpleNamespace(logits=logits, ledger=ledger, context=logits - ledger)
