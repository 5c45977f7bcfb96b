"""A teacher's weights under common names, whatever its family calls them."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from rosearch_engine.genome import Frame
from rosearch_engine.teacher_folder import RESERVED, unknown_family


@dataclass(frozen=True)
class Layer:
    """One encoder layer."""

    query: nn.Linear
    key: nn.Linear
    value: nn.Linear
    out: nn.Linear
    attention_norm: nn.LayerNorm
    inner: nn.Linear
    outer: nn.Linear
    feed_forward_norm: nn.LayerNorm


@dataclass(frozen=True)
class Anatomy:
    """A teacher taken apart.

    Attributes:
        words: word table `(vocabulary, width)`.
        positions: position table without the rows that the family reserves, `(positions, width)`.
        types: token-type table `(types, width)`, None where the family has none.
        norm: layer norm of the embedding.
        layers: the encoder's layers, first to last.
        head_size: width of one attention head.
    """

    words: torch.Tensor
    positions: torch.Tensor
    types: torch.Tensor | None
    norm: nn.LayerNorm
    layers: list[Layer]
    head_size: int


_BERT = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "attention.output.LayerNorm",
    "intermediate.dense",
    "output.dense",
    "output.LayerNorm",
)
_MPNET = (
    "attention.attn.q",
    "attention.attn.k",
    "attention.attn.v",
    "attention.attn.o",
    "attention.LayerNorm",
    "intermediate.dense",
    "output.dense",
    "output.LayerNorm",
)
_DISTILBERT = (
    "attention.q_lin",
    "attention.k_lin",
    "attention.v_lin",
    "attention.out_lin",
    "sa_layer_norm",
    "ffn.lin1",
    "ffn.lin2",
    "output_layer_norm",
)

# Where a family keeps its layers, and what it calls their parts.
_FAMILIES = {
    "bert": ("encoder.layer", _BERT),
    "roberta": ("encoder.layer", _BERT),
    "xlm-roberta": ("encoder.layer", _BERT),
    "mpnet": ("encoder.layer", _MPNET),
    "distilbert": ("transformer.layer", _DISTILBERT),
}


def dissect(teacher: PreTrainedModel) -> Anatomy:
    """Take a teacher apart.

    Raises:
        UserError: if its family is none of BERT, RoBERTa, MPNet and DistilBERT.
    """
    family = teacher.config.model_type
    if family not in _FAMILIES:
        raise unknown_family(family)
    layers, names = _FAMILIES[family]
    body: Any = teacher.base_model
    tables = body.embeddings
    types = getattr(tables, "token_type_embeddings", None)
    return Anatomy(
        tables.word_embeddings.weight,
        tables.position_embeddings.weight[RESERVED[family] :],
        None if types is None else types.weight,
        tables.LayerNorm,
        [Layer(*attrgetter(*names)(layer)) for layer in attrgetter(layers)(body)],
        teacher.config.hidden_size // teacher.config.num_attention_heads,
    )


def frame(teacher: PreTrainedModel, classes: int) -> Frame:
    """The facts of a teacher and a task that all students share."""
    parts = dissect(teacher)
    body: Any = teacher.base_model
    outside = [body.embeddings, *filter(None, [getattr(body, "pooler", None)])]
    return Frame(
        vocabulary=parts.words.shape[0],
        positions=min(512, parts.positions.shape[0]),
        token_types=0 if parts.types is None else parts.types.shape[0],
        classes=classes,
        head_size=parts.head_size,
        width=parts.words.shape[1],
        layers=len(parts.layers),
        heads=teacher.config.num_attention_heads,
        feed_forward=parts.layers[0].inner.out_features,
        weights=_weights(teacher),
        encoder_weights=_weights(body) - sum(map(_weights, outside)),
    )


def _weights(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
