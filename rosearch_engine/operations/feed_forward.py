"""Two-layer perceptron on each token."""

from __future__ import annotations

from rosearch_engine.operations.operation import Family, Genes, Operation


def weights(node: Genes, width: int, head_size: int) -> int:
    return 2 * width * node.feed_forward + node.feed_forward + width + 2 * width


def flops(node: Genes, width: int, head_size: int, length: int) -> int:
    return 2 * length * 2 * width * node.feed_forward


FEED_FORWARD = Operation(
    name="feed_forward",
    genes=frozenset({"feed_forward", "activation", "teacher_layer"}),
    weights=weights,
    flops=flops,
    module="rosearch_engine.operations.feed_forward_module:FeedForward",
    inherits=True,
    title="Feed-forward",
    several="feed-forward-only nodes",
    family=Family("feed_forward", "Feed-forward", "violet", "#efe8fb", "#7d52c7", "#553094"),
)
