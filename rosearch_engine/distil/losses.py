"""Distillation losses: pure functions of what student and teacher say."""

from __future__ import annotations

import torch
from torch.nn import functional as F


def soft_targets(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """T² · KL(teacher || student) of logits `(batch, classes)` softened by T, averaged over the batch.

    Hinton, Vinyals & Dean 2015, "Distilling the Knowledge in a Neural Network", section 2; the factor T²
    keeps the gradient's size independent of T.
    """
    return temperature**2 * divergences(student, teacher, temperature).mean()


def divergences(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """KL(teacher || student) of each sentence `(batch,)`, of logits `(batch, classes)` softened by T."""
    divergence = F.kl_div(
        F.log_softmax(student / temperature, dim=-1),
        F.log_softmax(teacher / temperature, dim=-1),
        reduction="none",
        log_target=True,
    )
    return divergence.sum(dim=-1)


def hidden_states(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Squared distance of the unit vectors of two sentence states `(batch, width)`, averaged over the batch.

    Sun et al. 2019, "Patient Knowledge Distillation for BERT Model Compression", equation 7, which takes the
    first token's state; here the states are means over tokens, so that it suits every operation.
    """
    return (F.normalize(student, dim=-1) - F.normalize(teacher, dim=-1)).square().sum(dim=-1).mean()


def relations(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Squared distance of the rows of two likeness matrices, averaged over the batch.

    A row holds a sentence's products with all sentences of the batch, scaled to length one. The widths of the states
    `(batch, width)` may differ: no projection is needed. Tung & Mori 2019, "Similarity-Preserving Knowledge
    Distillation"; the states are centred over the batch first, since mean token states share a
    large common part, and 1 / batch² · ||G_T − G_S||² has 1 / batch here, so that it does not shrink with the batch.
    """
    rows = []
    for states in (student, teacher):
        centred = states - states.mean(dim=0)
        rows.append(F.normalize(centred @ centred.T, dim=-1))
    return (rows[0] - rows[1]).square().sum(dim=-1).mean()
