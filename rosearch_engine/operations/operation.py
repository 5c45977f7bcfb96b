"""What an operation is to the rest of the program: its genes, its cost, its words and colours, where its module is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, Protocol

Gene = Literal["heads", "feed_forward", "activation", "teacher_layer"]
Colour = Literal["red", "orange", "yellow", "green", "blue", "violet", "gray"]


class Genes(Protocol):
    """The genes of one node; those that its operation does not use are zero or empty."""

    @property
    def heads(self) -> int: ...

    @property
    def feed_forward(self) -> int: ...

    @property
    def activation(self) -> str: ...


@dataclass(frozen=True)
class Family:
    """Operations that share a colour and a line of the legend.

    Attributes:
        name: unique among the families.
        title: what the legend calls it.
        colour: the theme's colour that it borrows.
        back, line, ink: what stands for that colour outside the app.
    """

    name: str
    title: str
    colour: Colour
    back: str
    line: str
    ink: str


def sizes(node: Genes, width: int) -> str:
    """What the drawing writes under the title: the sizes of a node, from input to output."""
    inner = f"{width} → {node.feed_forward} → {width}" if node.feed_forward else f"{width} → {width}"
    heads = f"{node.heads} head{'s' if node.heads > 1 else ''}" if node.heads else ""
    return " · ".join(filter(None, [heads, inner, node.activation]))


@dataclass(frozen=True)
class Operation:
    """One operation of the search space.

    Attributes:
        name: what genomes and settings call it. Stored runs keep it, so it must never change.
        genes: the genes that a node of it uses.
        weights: trainable parameters, of (node, width, head_size); its layer norms included, its merge not.
        flops: work on one sentence, of (node, width, head_size, length); a multiply and an add count as two.
        module: 'package.file:Class' of its `torch.nn.Module`, made by `Class(config, node)` and called with
            states `(batch, length, width)` and mask `(batch, length)`. The class travels with exported checkpoints
            and the rest of its file as far as it does not use this package: it may use torch, transformers and the
            file's neighbours (`from .other_module import …`) only. A method `inherit(layer, channels)` starts the
            module from a teacher's layer (`student.anatomy.Layer`), for the kept channels of its width.
        inherits: whether the module has that method.
        title: what the drawing calls it.
        several: its plural, for the statistics.
        family: its colours.
        sizes: the line under the title, of (node, width).
    """

    name: str
    genes: frozenset[Gene]
    weights: Callable[[Genes, int, int], int]
    flops: Callable[[Genes, int, int, int], int]
    module: str
    title: str
    several: str
    family: Family
    inherits: bool = False
    sizes: Callable[[Genes, int], str] = sizes

    def load(self) -> Any:
        """The class of its module. Imports torch."""
        file, name = self.module.split(":")
        return getattr(import_module(file), name)
