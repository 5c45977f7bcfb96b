"""A whole encoder layer: attention, then feed-forward."""

from __future__ import annotations

from rosearch_engine.operations import attention, feed_forward
from rosearch_engine.operations.operation import Family, Genes, Operation


def weights(node: Genes, width: int, head_size: int) -> int:
    return attention.weights(node, width, head_size) + feed_forward.weights(node, width, head_size)


def flops(node: Genes, width: int, head_size: int, length: int) -> int:
    return attention.flops(node, width, head_size, length) + feed_forward.flops(node, width, head_size, length)


TRANSFORMER = Operation(
    name="transformer",
    genes=frozenset({"heads", "feed_forward", "activation", "teacher_layer"}),
    weights=weights,
    flops=flops,
    module="rosearch_engine.operations.transformer_module:Transformer",
    inherits=True,
    title="Transformer layer",
    several="transformer layers",
    family=Family("transformer", "Transformer layer", "red", "#fdeaea", "#d6453d", "#96241e"),
)
