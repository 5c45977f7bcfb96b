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
from transformers import PreTrainedModel

from rosearch_engine.config import TIES
from rosearch_engine.genome import Frame, Genome
from rosearch_engine.operations import operation
from rosearch_engine.operations.inheritance_module import copy_norm, top
from rosearch_engine.ragged import Ragged
from rosearch_engine.student.anatomy import Anatomy, dissect
from rosearch_engine.student.bag import Bag
from rosearch_engine.student.modeling import RoSearchConfig, RoSearchForSequenceClassification


def student_config(genome: Genome, frame: Frame, classes: tuple[str, ...], pad: int) -> RoSearchConfig:
    """The `transformers` config of a genome's student."""
    genes, frame = genome.as_dict(), frame.of(genome)
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
            "reads_heads": frame.invariant or (frame.ties_in_graph and genome.code in TIES),
            "groups": frame.groups.get(genome.code) if frame.invariant else None,
            "invariant": frame.invariant,
            "coefficients": frame.coefficients,
        }
    )
    return RoSearchConfig(
        vocab_size=frame.vocabulary,
        max_position_embeddings=frame.positions,
        ledger_bound=0.0 if genome.is_bag else frame.ledger_bound,
        bigrams=genome.bigrams,
        pad_token_id=pad,
        id2label=dict(enumerate(classes)),
        label2id={name: index for index, name in enumerate(classes)},
        **graph,
    )


def random_student(
    genome: Genome, frame: Frame, classes: tuple[str, ...], pad: int
) -> RoSearchForSequenceClassification:
    """The student of a genome with random weights."""
    return RoSearchForSequenceClassification(student_config(genome, frame, classes, pad))


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
    ledger: Bag | None = None,
    heads: np.ndarray | None = None,
) -> RoSearchForSequenceClassification:
    """The student of a genome, equal for equal seeds; with a teacher it starts from the teacher's weights.

    Args:
        pieces: which of the teacher's word pieces each of the student's is made of; None: it has the teacher's.
        counts: how often each of the student's word pieces occurs in the task's sentences; None: all alike.
        ledger: the weights that its ledger begins with; None: zeros.
        heads: `(vocabulary,)` the group that its graph reads each token as, numbered as in the table of words; None:
            each as itself.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = random_student(genome, frame, classes, pad)
    if teacher is not None and not genome.is_bag:
        with torch.no_grad():
            parts = dissect(teacher)
            if pieces is not None:
                parts = replace(parts, words=_means(parts.words, pieces))
            if heads is not None and model.config.groups:
                words, counts = _grouped(parts.words, heads, counts)
                parts = replace(parts, words=words)
            _inherit(model, genome, parts, counts)
    if heads is not None and model.has_graph and model.embedding.heads is not None:
        model.embedding.heads.copy_(torch.from_numpy(heads))
    if model.ledger is not None:
        with torch.no_grad():
            # The evidence that coefficients weigh stays small and random: it has nothing to begin with.
            model.ledger.evidence[:, 0].copy_(ledger.table) if ledger else model.ledger.evidence[:, 0].zero_()
            model.ledger.bias.copy_(ledger.bias) if ledger else model.ledger.bias.zero_()
            if model.ledger.bigrams is not None:
                model.ledger.bigrams.weight.zero_()
                if ledger and ledger.bigrams is not None and ledger.keys is not None:
                    model.ledger.bigrams.weight.copy_(ledger.bigrams)
                    model.ledger.keys.copy_(torch.from_numpy(ledger.keys))
    return model


def build_bag(bag: Bag, frame: Frame, classes: tuple[str, ...], pad: int) -> RoSearchForSequenceClassification:
    """A student that is nothing but a ledger: a bag of words."""
    rows = 0 if bag.bigrams is None else len(bag.bigrams)
    return build(Genome.bag("plain", bigrams=rows), frame, classes, pad, teacher=None, seed=0, ledger=bag)


def _means(table: torch.Tensor, rows: Ragged) -> torch.Tensor:
    """The mean of some rows of the table `(pieces, width)` for each row of `rows`."""
    values, owners = (torch.from_numpy(found).to(table.device) for found in rows.take(np.arange(len(rows))))
    sums = torch.zeros(len(rows), table.shape[1], device=table.device).index_add(0, owners, table[values])
    return sums / torch.from_numpy(rows.lengths).to(table.device)[:, None]


def _grouped(
    table: torch.Tensor, groups: np.ndarray, counts: np.ndarray | None
) -> tuple[torch.Tensor, np.ndarray | None]:
    """The mean row of each group of a table `(vocabulary, width)`, and how often the group occurs.

    A word counts in it as often as it occurs.
    """
    size = int(groups.max()) + 1
    often = np.ones(len(groups))
    if counts is not None:
        often[: len(counts)] += counts
    of = torch.from_numpy(groups).to(table.device)
    weights = torch.from_numpy(often / np.bincount(groups, often, size)[groups]).to(table)
    means = torch.zeros(size, table.shape[1], device=table.device).index_add(0, of, weights[:, None] * table)
    if counts is None:
        return means, None
    return means, np.bincount(groups[: len(counts)], counts, size).astype(counts.dtype)


def _inherit(
    model: RoSearchForSequenceClassification, genome: Genome, parts: Anatomy, counts: np.ndarray | None
) -> None:
    width = _important_width(parts, genome.width)
    _inherit_embedding(model, parts, width, counts)
    for node, module in zip(genome.nodes, model.operations, strict=True):
        if operation(node.operation).inherits:
            cast(Any, module).inherit(parts.layers[node.teacher_layer - 1], width)


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
    copy_norm(tables.norm, parts.norm, width)


def _important_width(parts: Anatomy, size: int) -> torch.Tensor:
    """The hidden channels that the whole network reads most, `(size,)`, in their old order."""
    importance = torch.zeros(parts.words.shape[1])
    for layer in parts.layers:
        for reader in (layer.query, layer.key, layer.value, layer.inner):
            importance += reader.weight.square().sum(dim=0)
    return top(importance * parts.words.std(dim=0), size)
