"""Passes its input on."""

from __future__ import annotations

from rosearch_engine.operations.operation import Family, Operation

IDENTITY = Operation(
    name="identity",
    genes=frozenset(),
    weights=lambda node, width, head_size: 0,
    flops=lambda node, width, head_size, length: 0,
    module="rosearch_engine.operations.identity_module:Identity",
    title="Identity",
    several="identities",
    family=Family("identity", "Identity", "gray", "#eceef2", "#7a8294", "#4a5160"),
    sizes=lambda node, width: "passes its input through",
)
