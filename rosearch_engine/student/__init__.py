"""A genome becomes a model that starts from its teacher."""

from __future__ import annotations

from typing import Any

from rosearch_engine.operations import operation
from rosearch_engine.student import modeling


class _Registered(dict[str, Any]):
    """The module of every operation that the registry knows; its file is imported when a student needs it."""

    def __missing__(self, name: str) -> Any:
        return operation(name).load()


# Here, since no import of the model's file gets past its package: however a student is made, its modules are there.
# The file itself cannot ask the registry, which does not travel with it.
modeling.MODULES = _Registered()
