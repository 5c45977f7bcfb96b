"""The operations of the search space. Nothing here imports torch, except the `…_module.py` files."""

from rosearch_engine.operations.operation import Family, Gene, Genes, Operation
from rosearch_engine.operations.registry import names, operation, operations, register, unregister

__all__ = ["Family", "Gene", "Genes", "Operation", "names", "operation", "operations", "register", "unregister"]
