"""Distillation losses: pure functions of what student and teacher say."""

from __future__ import annotations

import torch
from torch.nn import functional as F


def soft_targets(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """T² · KL(teacher || student) of logits `(batch, classes)` softened by T.

    Hinton, Vinyals & Dean 2015, "Distilling the Knowledge in a Neural Network", section 2; the factor T²
    keeps the gradient's size independent of T.
    """
    return temperature**2 * F.kl_div(
        F.log_softmax(student / temperature, dim=-1),
        F.log_softmax(teacher / temperature, dim=-1),
        reduction="batchmean",
        log_target=True,
    )


def hidden_states(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Squared distance of the unit vectors of two sentence states `(batch, width)`, averaged over the batch.

    Sun et al. 2019, "Patient Knowledge Distillation for BERT Model Compression", equation 7, which takes the
    first token's state; here the states are means over tokens, so that it suits every operation.
    """
    return (F.normalize(student, dim=-1) - F.normalize(teacher, dim=-1)).square().sum(dim=-1).mean()
