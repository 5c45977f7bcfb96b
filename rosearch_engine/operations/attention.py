"""Multi-head self-attention."""

from __future__ import annotations

from rosearch_engine.operations.operation import Family, Genes, Operation


def weights(node: Genes, width: int, head_size: int) -> int:
    inner = node.heads * head_size
    return 3 * (width * inner + inner) + inner * width + width + 2 * width


def flops(node: Genes, width: int, head_size: int, length: int) -> int:
    inner = node.heads * head_size
    return 2 * length * 4 * width * inner + 2 * 2 * length * length * inner


ATTENTION = Operation(
    name="attention",
    genes=frozenset({"heads", "teacher_layer"}),
    weights=weights,
    flops=flops,
    module="rosearch_engine.operations.attention_module:Attention",
    inherits=True,
    title="Self-attention",
    several="attention-only nodes",
    family=Family("attention", "Self-attention", "orange", "#fdf0dc", "#d9822b", "#8f4f0e"),
)
