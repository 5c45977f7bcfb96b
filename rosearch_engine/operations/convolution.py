"""Depthwise-separable convolutions over the tokens, 3 and 5 wide."""

from __future__ import annotations

from functools import partial

from rosearch_engine.operations.operation import Family, Genes, Operation

_FAMILY = Family("conv", "Convolution", "green", "#e0f4ea", "#21915f", "#11603d")


def weights(node: Genes, width: int, head_size: int, kernel: int) -> int:
    return width * kernel + width + width * width + width + 2 * width


def flops(node: Genes, width: int, head_size: int, length: int, kernel: int) -> int:
    return 2 * length * width * (kernel + width)


def _of(kernel: int) -> Operation:
    return Operation(
        name=f"conv{kernel}",
        genes=frozenset({"activation", "teacher_layer"}),
        weights=partial(weights, kernel=kernel),
        flops=partial(flops, kernel=kernel),
        module=f"rosearch_engine.operations.convolution_module:Convolution{kernel}",
        title=f"Convolution, {kernel} wide",
        several=f"convolutions of {kernel} tokens",
        family=_FAMILY,
    )


CONV3, CONV5 = _of(3), _of(5)
