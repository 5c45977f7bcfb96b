"""Every operation that a node may hold, by name. A new one of the program has a line in `_BUILT_IN`."""

from __future__ import annotations

from rosearch_engine.operations import attention, convolution, feed_forward, identity, transformer
from rosearch_engine.operations.operation import Operation

# A search with a given seed draws by this order: add at the end.
_BUILT_IN = (
    transformer.TRANSFORMER,
    attention.ATTENTION,
    feed_forward.FEED_FORWARD,
    convolution.CONV3,
    convolution.CONV5,
    identity.IDENTITY,
)

_REGISTRY: dict[str, Operation] = {known.name: known for known in _BUILT_IN}


def register(new: Operation) -> None:
    """Make an operation known to this process: to genomes, settings, cost, models, exports and drawings.

    Raises:
        ValueError: if another operation has its name.
    """
    if _REGISTRY.setdefault(new.name, new) != new:
        raise ValueError(f"there is an operation '{new.name}' already")


def unregister(name: str) -> None:
    """Forget an operation that `register` made known.

    Raises:
        ValueError: if it is built in, which stored runs rest on.
    """
    if any(known.name == name for known in _BUILT_IN):
        raise ValueError(f"the operation '{name}' is built in")
    _REGISTRY.pop(name, None)


def names() -> tuple[str, ...]:
    return tuple(_REGISTRY)


def operations() -> tuple[Operation, ...]:
    return tuple(_REGISTRY.values())


def operation(name: str) -> Operation:
    """The operation of that name.

    Raises:
        KeyError: if there is none.
    """
    return _REGISTRY[name]
