"""Genome -> model, and what a student inherits from its teacher (our design, not the paper's).

Kept parts are chosen by size of weights: attention heads by the norm of their value-to-output map, neurons by
the norms of what they read and write, the width by one index set for the whole network, the word table by its
best approximation of the student's rank (Eckart & Young 1936), each word counting as often as it occurs in the
task's sentences (Hsu et al. 2022, "Language model compression with weighted low-rank factorization").
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from rosearch_engine.config import TIES
from rosearch_engine.genome import Frame, Genome
from rosearch_engine.genome.dag import USES_FEED_FORWARD, USES_HEADS
from rosearch_engine.ragged import Ragged
from rosearch_engine.student.anatomy import Anatomy, Layer, dissect
from rosearch_engine.student.modeling import Attention, FeedForward, RoSearchConfig, RoSearchForSequenceClassification


def student_config(genome: Genome, frame: Frame, classes: tuple[str, ...], pad: int) -> RoSearchConfig:
    """The `transformers` config of a genome's student."""
    genes = genome.as_dict()
    graph: dict[str, Any] = (
        {}
        if genome.is_bag
        else {
            "hidden_size": genome.width,
            "embedding_rank": genome.rank,
            "type_vocab_size": frame.token_types,
            "head_size": frame.head_size,
            "nodes": genes["nodes"],
            "edges": genes["edges"],
            "merge": genome.merge,
            "pooling": genome.pooling,
            "reads_heads": frame.ties_in_graph and genome.code in TIES,
        }
    )
    return RoSearchConfig(
        vocab_size=frame.vocabulary,
        max_position_embeddings=frame.positions,
        ledger_bound=0.0 if genome.is_bag else frame.ledger_bound,
        pad_token_id=pad,
        id2label=dict(enumerate(classes)),
        label2id={name: index for index, name in enumerate(classes)},
        **graph,
    )


def build(
    genome: Genome,
    frame: Frame,
    classes: tuple[str, ...],
    pad: int,
    *,
    teacher: PreTrainedModel | None,
    seed: int,
    pieces: Ragged | None = None,
    counts: np.ndarray | None = None,
    ledger: tuple[torch.Tensor, torch.Tensor] | None = None,
    heads: np.ndarray | None = None,
) -> RoSearchForSequenceClassification:
    """The student of a genome, equal for equal seeds; with a teacher it starts from the teacher's weights.

    Args:
        pieces: which of the teacher's word pieces each of the student's is made of; None: it has the teacher's.
        counts: how often each of the student's word pieces occurs in the task's sentences; None: all alike.
        ledger: weights `(vocabulary, classes)` and bias `(classes,)` that its ledger begins with; None: zeros.
        heads: `(vocabulary,)` the token that its graph reads each token as; None: each as itself.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = RoSearchForSequenceClassification(student_config(genome, frame, classes, pad))
    if teacher is not None and not genome.is_bag:
        with torch.no_grad():
            parts = dissect(teacher)
            if pieces is not None:
                parts = replace(parts, words=_means(parts.words, pieces))
            _inherit(model, genome, parts, counts)
    if heads is not None and model.has_graph and model.embedding.heads is not None:
        model.embedding.heads.copy_(torch.from_numpy(heads))
    if model.ledger is not None:
        with torch.no_grad():
            model.ledger.table.weight.copy_(ledger[0]) if ledger else model.ledger.table.weight.zero_()
            model.ledger.bias.copy_(ledger[1]) if ledger else model.ledger.bias.zero_()
    return model


def build_bag(
    table: torch.Tensor, bias: torch.Tensor, frame: Frame, classes: tuple[str, ...], pad: int
) -> RoSearchForSequenceClassification:
    """A student that is nothing but a ledger: a bag of words with weights `(vocabulary, classes)`."""
    model = RoSearchForSequenceClassification(student_config(Genome.bag("plain"), frame, classes, pad))
    assert model.ledger is not None
    with torch.no_grad():
        model.ledger.table.weight.copy_(table)
        model.ledger.bias.copy_(bias)
    return model


def _means(table: torch.Tensor, rows: Ragged) -> torch.Tensor:
    """The mean of some rows of the table `(pieces, width)` for each row of `rows`."""
    values, owners = (torch.from_numpy(found).to(table.device) for found in rows.take(np.arange(len(rows))))
    sums = torch.zeros(len(rows), table.shape[1], device=table.device).index_add(0, owners, table[values])
    return sums / torch.from_numpy(rows.lengths).to(table.device)[:, None]


def _inherit(
    model: RoSearchForSequenceClassification, genome: Genome, parts: Anatomy, counts: np.ndarray | None
) -> None:
    width = _important_width(parts, genome.width)
    _inherit_embedding(model, parts, width, counts)
    for node, module in zip(genome.nodes, model.operations, strict=True):
        layer = parts.layers[node.teacher_layer - 1]
        if node.operation in USES_HEADS:
            attention = module if isinstance(module, Attention) else module.attention
            _inherit_attention(cast(Attention, attention), layer, width, parts.head_size)
        if node.operation in USES_FEED_FORWARD:
            feed_forward = module if isinstance(module, FeedForward) else module.feed_forward
            _inherit_feed_forward(cast(FeedForward, feed_forward), layer, width)


def _inherit_embedding(
    model: RoSearchForSequenceClassification, parts: Anatomy, width: torch.Tensor, counts: np.ndarray | None
) -> None:
    tables = model.embedding
    table = parts.words[:, width].float()
    weights = torch.ones(len(table), device=table.device)
    if counts is not None:
        # By the root, and one more: else a few function words take all, and words that only an attack brings nothing.
        weights[: len(counts)] = (1.0 + torch.from_numpy(counts)).sqrt().to(table.device)
    # The Gram matrix is width x width: its eigenvectors give the table's SVD without decomposing the long side.
    _, vectors = torch.linalg.eigh(table.T @ (weights[:, None] * table))
    basis = vectors.flip(dims=[1])[:, : model.config.embedding_rank]  # (width, rank), largest first
    # Both factors get comparable scales, so that one learning rate suits both.
    scale = (table @ basis).std().clamp(min=1e-6)
    tables.words.weight.copy_(table @ basis / scale)
    tables.expand.weight.copy_(basis * scale)
    tables.positions.weight.copy_(parts.positions[: len(tables.positions.weight), width])
    if tables.types is not None and parts.types is not None:
        tables.types.weight.copy_(parts.types[:, width])
    _copy_norm(tables.norm, parts.norm, width)


def _inherit_attention(attention: Attention, layer: Layer, width: torch.Tensor, size: int) -> None:
    value = layer.value.weight.view(-1, size, layer.value.in_features)  # (heads, size, width)
    out = layer.out.weight.view(layer.out.out_features, -1, size)  # (width, heads, size)
    importance = torch.stack([(out[:, h] @ value[h]).norm() for h in range(len(value))])
    heads = _top(importance, attention.heads)
    rows = (heads[:, None] * size + torch.arange(size)).flatten()
    for mine, theirs in (
        (attention.query, layer.query),
        (attention.key, layer.key),
        (attention.value, layer.value),
    ):
        mine.weight.copy_(theirs.weight[rows][:, width])
        mine.bias.copy_(theirs.bias[rows])
    attention.out.weight.copy_(layer.out.weight[width][:, rows])
    attention.out.bias.copy_(layer.out.bias[width])
    _copy_norm(attention.norm, layer.attention_norm, width)


def _inherit_feed_forward(feed_forward: FeedForward, layer: Layer, width: torch.Tensor) -> None:
    importance = layer.inner.weight.norm(dim=1) * layer.outer.weight.norm(dim=0)
    neurons = _top(importance, feed_forward.inner.out_features)
    feed_forward.inner.weight.copy_(layer.inner.weight[neurons][:, width])
    feed_forward.inner.bias.copy_(layer.inner.bias[neurons])
    feed_forward.outer.weight.copy_(layer.outer.weight[width][:, neurons])
    feed_forward.outer.bias.copy_(layer.outer.bias[width])
    _copy_norm(feed_forward.norm, layer.feed_forward_norm, width)


def _important_width(parts: Anatomy, size: int) -> torch.Tensor:
    """The hidden channels that the whole network reads most, `(size,)`, in their old order."""
    importance = torch.zeros(parts.words.shape[1])
    for layer in parts.layers:
        for reader in (layer.query, layer.key, layer.value, layer.inner):
            importance += reader.weight.square().sum(dim=0)
    return _top(importance * parts.words.std(dim=0), size)


def _top(importance: torch.Tensor, count: int) -> torch.Tensor:
    return importance.topk(min(count, len(importance))).indices.sort().values


def _copy_norm(mine: nn.LayerNorm, theirs: nn.LayerNorm, width: torch.Tensor) -> None:
    mine.weight.copy_(theirs.weight[width])
    mine.bias.copy_(theirs.bias[width])
