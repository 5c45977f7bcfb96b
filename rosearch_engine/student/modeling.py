"""A student: a directed acyclic graph of operations over token states, as an ordinary `transformers` model.

This file travels with every exported checkpoint, and so do the files of the operations that the student uses. They
must load where nothing else of the project is installed: they import torch, transformers and each other only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput


class RoSearchConfig(PretrainedConfig):
    """Sizes and graph of a student.

    `nodes` holds one mapping an operation (operation, heads, feed_forward, activation, teacher_layer);
    `edges` joins node 0 (embedding), nodes 1 … n (operations) and node n + 1 (classifier head).
    `ledger_bound` is the bound B of a student with a ledger, see `RoSearchForSequenceClassification`; None: no ledger.
    `reads_heads` has the graph read each word as its group, of which there are `groups` (None: as many as words); the
    ledger reads it as it is.
    `invariant`: these groups hold all that swaps can make of a word, so that none changes what the graph reads; its
    ledger then weighs words by so many `coefficients` that the graph gives each.
    Without edges there is no graph: the ledger alone decides, a bag of words. `bigrams`: rows of its table of pairs of
    neighbouring tokens; 0: it reads tokens alone.
    """

    model_type = "rosearch_student"

    def __init__(
        self,
        vocab_size: int = 30522,
        hidden_size: int = 384,
        embedding_rank: int = 48,
        max_position_embeddings: int = 512,
        type_vocab_size: int = 2,
        head_size: int = 32,
        nodes: list[dict[str, Any]] | None = None,
        edges: list[list[int]] | None = None,
        merge: str = "mean",
        pooling: str = "mean",
        ledger_bound: float | None = None,
        reads_heads: bool = False,
        groups: int | None = None,
        invariant: bool = False,
        coefficients: int = 0,
        bigrams: int = 0,
        layer_norm_eps: float = 1e-12,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.embedding_rank = embedding_rank
        self.max_position_embeddings = max_position_embeddings
        self.type_vocab_size = type_vocab_size
        self.head_size = head_size
        self.nodes = nodes or []
        self.edges = edges or []
        self.merge = merge
        self.pooling = pooling
        self.ledger_bound = ledger_bound
        self.reads_heads = reads_heads
        self.groups = groups
        self.invariant = invariant
        self.coefficients = coefficients
        self.bigrams = bigrams
        self.layer_norm_eps = layer_norm_eps


class Embedding(nn.Module):
    """Word table in two factors, plus positions and token types."""

    def __init__(self, config: RoSearchConfig) -> None:
        super().__init__()
        width = config.hidden_size
        rows = config.groups or config.vocab_size
        self.words = nn.Embedding(rows, config.embedding_rank)
        self.heads: torch.Tensor | None  # of each token, its row of the table
        heads = torch.arange(config.vocab_size).clamp(max=rows - 1) if config.reads_heads else None
        self.register_buffer("heads", heads)
        self.expand = nn.Linear(config.embedding_rank, width, bias=False)
        self.positions = nn.Embedding(config.max_position_embeddings, width)
        self.types = nn.Embedding(config.type_vocab_size, width) if config.type_vocab_size else None
        self.norm = nn.LayerNorm(width, eps=config.layer_norm_eps)

    def forward(self, ids: torch.Tensor, types: torch.Tensor | None) -> torch.Tensor:
        """ids `(batch, length)` -> states `(batch, length, width)`."""
        states = self.expand(self.look_up(ids)) + self.positions(torch.arange(ids.shape[1], device=ids.device))
        if self.types is not None:
            states = states + self.types(torch.zeros_like(ids) if types is None else types)
        return self.norm(states.to(arithmetic(states)))

    def look_up(self, ids: torch.Tensor) -> torch.Tensor:
        """Token numbers of any shape -> their vectors `(..., rank)`."""
        return self.words(ids if self.heads is None else self.heads[ids])


def arithmetic(x: torch.Tensor) -> torch.dtype:
    """What autocast multiplies in: states kept so need no conversion before each product."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype


# Module of each operation by name, made by `Class(config, node)`. In the project the registry stands here; an exported
# copy of this file ends with the lines that fill it.
MODULES: dict[str, Any] = {}


class Merge(nn.Module):
    """Joins the inputs of a node: one passes as it is; several are averaged (mean) or weighed per channel by
    learned gates that sum to one (gates), then normalised."""

    def __init__(self, config: RoSearchConfig, inputs: int) -> None:
        super().__init__()
        gated = config.merge == "gates" and inputs > 1
        self.gates = nn.Parameter(torch.zeros(inputs, config.hidden_size)) if gated else None
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps) if inputs > 1 else None

    def forward(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        """Each input `(batch, length, width)` -> `(batch, length, width)`."""
        if self.norm is None:
            return inputs[0]
        if self.gates is None:
            return self.norm(sum(inputs[1:], inputs[0]) / len(inputs))
        shares = self.gates.softmax(dim=0)
        mixed = inputs[0] * shares[0]
        for state, share in zip(inputs[1:], shares[1:], strict=True):
            mixed = mixed + state * share
        return self.norm(mixed)


class Ledger(nn.Module):
    """What each word says of each class by itself, added up: a bag of words.

    With coefficients, what a word says is weighed by where it stands: its own evidence, plus one more a coefficient
    (a varying-coefficient model, Hastie & Tibshirani 1993). Since it stays a sum over words, its worst case over any
    swaps that leave the coefficients as they are is exact, see `attack.certificate`.

    With bigrams, pairs of neighbouring tokens add what they say as well. They are hashed into the rows of a table, but
    unlike in feature hashing (Weinberger et al. 2009) a row belongs to one pair, `keys` says to which, and pairs
    without a row say nothing: else swaps could reach whatever row does most harm. A swap touches two pairs, and the
    worst case is a shortest path through a chain: still exact.
    """

    def __init__(self, config: RoSearchConfig) -> None:
        super().__init__()
        self.shape = (1 + config.coefficients, config.num_labels)
        self.table = nn.Embedding(config.vocab_size, math.prod(self.shape))
        self.bias = nn.Parameter(torch.zeros(config.num_labels))
        self.bigrams: nn.Embedding | None = None
        self.keys: torch.Tensor
        if config.bigrams:
            # The last row is that of pairs without one, and stays zero.
            self.bigrams = nn.Embedding(config.bigrams, config.num_labels, padding_idx=config.bigrams - 1)
            self.register_buffer("keys", torch.full((config.bigrams - 1,), -1))

    @property
    def evidence(self) -> torch.Tensor:
        """`(vocabulary, 1 + coefficients, classes)`: first what a word says whatever stands around it."""
        return self.table.weight.view(-1, *self.shape)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, coefficients: torch.Tensor | None = None) -> torch.Tensor:
        """ids and mask `(batch, length)`, coefficients `(batch, length, n)` -> logits `(batch, classes)`, float32."""
        said = self.table(ids).float().view(*ids.shape, *self.shape)
        words = said[..., 0, :]
        if coefficients is not None:
            words = words + (said[..., 1:, :] * coefficients.float()[..., None]).sum(dim=-2)
        logits = (words * mask[..., None]).sum(dim=1) + self.bias.float()
        if self.bigrams is not None:
            pairs = self.bigrams(bigram_rows(ids[:, :-1], ids[:, 1:], self.keys)).float()
            logits = logits + (pairs * (mask[:, :-1] & mask[:, 1:])[..., None]).sum(dim=1)
        return logits


def bigram_key(left: Any, right: Any) -> Any:
    """A number for each pair of tokens, from their numbers: tensors or arrays of integers."""
    return _wide(left) * 2**24 + _wide(right)


def _wide(numbers: Any) -> Any:
    """As 64-bit integers: products of token numbers fit no others."""
    return numbers.long() if isinstance(numbers, torch.Tensor) else numbers.astype("int64")


def bigram_slot(left: Any, right: Any, slots: int) -> Any:
    """Where in a table of so many slots each pair of tokens would stand.

    Fibonacci hashing (Knuth, "The Art of Computer Programming", vol. 3, 6.4): pairs of small numbers, which frequent
    words have, lie as far from each other as can be.
    """
    return (_wide(left) * (round(slots * 0.6180339887) | 1) + _wide(right)) % slots


def bigram_rows(left: Any, right: Any, keys: Any) -> Any:
    """The row of each pair of neighbouring tokens, the last one for pairs that have none.

    Args:
        keys: `(rows - 1,)` the `bigram_key` of the pair that each row belongs to, -1 for none.
    """
    slot = bigram_slot(left, right, len(keys))
    return slot + (len(keys) - slot) * (keys[slot] != bigram_key(left, right))


@dataclass
class StudentOutput(SequenceClassifierOutput):
    """With the two parts of the logits where the student has a ledger, each `(batch, classes)`.

    Attributes:
        ledger: what the words say one by one.
        context: what the graph says of the whole sentence, before it is bounded.
        coefficients: `(batch, length, n)` by which an invariant graph weighs each word's evidence.
    """

    ledger: torch.FloatTensor | None = None
    context: torch.FloatTensor | None = None
    coefficients: torch.FloatTensor | None = None


def bounded(context: torch.Tensor, bound: float) -> torch.Tensor:
    """Logits `(batch, classes)` about their mean, none further from it than `bound`."""
    centred = context - context.mean(dim=-1, keepdim=True)
    return bound * torch.tanh(centred / bound)


class RoSearchForSequenceClassification(PreTrainedModel):
    """The student. `hidden_states` are the embedding's and each inner node's output, in their order.

    With a ledger the logits are `ledger + B tanh(context / B)`: the graph moves a margin by at most 2 B, so that a
    sentence whose ledger keeps a larger margin in its worst case cannot be flipped, whatever the graph says. A graph
    that reads only what no swap changes needs no bound: the logits are `ledger + context`, and it says how much each
    word of the ledger counts where it stands.
    """

    config_class = RoSearchConfig
    base_model_prefix = "student"

    def __init__(self, config: RoSearchConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        head = len(config.nodes) + 1
        self.ledger = Ledger(config) if config.invariant or config.ledger_bound is not None else None
        self.has_graph = bool(config.edges)
        if self.has_graph:
            self.inputs = {n: sorted(a for a, b in config.edges if b == n) for n in range(1, head + 1)}
            self.embedding = Embedding(config)
            self.operations = nn.ModuleList(MODULES[node["operation"]](config, node) for node in config.nodes)
            self.merges = nn.ModuleList(Merge(config, len(self.inputs[n])) for n in range(1, head + 1))
            self.classifier = nn.Linear(config.hidden_size, config.num_labels)
            self.coefficients = nn.Linear(config.hidden_size, config.coefficients) if config.coefficients else None
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding | nn.Conv1d):
            nn.init.normal_(module.weight, std=0.2 if isinstance(module, nn.Conv1d) else 0.02)
            if getattr(module, "bias", None) is not None:
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        if isinstance(module, Embedding):
            # Words must not drown in positions: the product of both factors gets the positions' size.
            nn.init.normal_(module.expand.weight, std=self.config.embedding_rank**-0.5)

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        **_: Any,
    ) -> StudentOutput | tuple[torch.Tensor, ...]:
        """Token numbers `(batch, length)` -> logits `(batch, classes)`; with labels `(batch,)` a loss too."""
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        mask = mask.bool()
        states: list[torch.Tensor] = []
        ledger = context = coefficients = None
        if self.has_graph:
            states = [self.embedding(input_ids, token_type_ids)]
            for number, module in enumerate(self.operations, start=1):
                states.append(module(self._merged(number, states), mask))
            last = self._merged(len(states), states)
            context = self.classifier(pool(last, mask, self.config.pooling))
            coefficients = self.coefficients(last) if self.coefficients else None
        if self.ledger is None:
            assert context is not None
            logits = context
        else:
            ledger = logits = self.ledger(input_ids, mask, coefficients)
            if context is not None:
                context = context.float()
                logits = ledger + (context if self.config.invariant else bounded(context, self.config.ledger_bound))
        loss = None if labels is None else F.cross_entropy(logits, labels)
        output = StudentOutput(
            loss=loss,  # type: ignore[arg-type]
            logits=logits,
            hidden_states=tuple(states) if output_hidden_states else None,  # type: ignore[arg-type]
            ledger=ledger,
            context=context if ledger is not None else None,
            coefficients=coefficients,
        )
        return output.to_tuple() if return_dict is False else output

    def _merged(self, number: int, states: list[torch.Tensor]) -> torch.Tensor:
        return self.merges[number - 1]([states[a] for a in self.inputs[number]])


def pool(states: torch.Tensor, mask: torch.Tensor, how: str) -> torch.Tensor:
    """Token states `(batch, length, width)` under mask `(batch, length)` -> one vector a sentence."""
    if how == "cls":
        return states[:, 0]
    if how == "max":
        return states.masked_fill(~mask[..., None], torch.finfo(states.dtype).min).amax(dim=1)
    kept = mask[..., None].to(states.dtype)
    return (states * kept).sum(dim=1) / kept.sum(dim=1).clamp(min=1)
