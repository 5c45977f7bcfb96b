"""Where runs are kept: one writer (the search process), any number of read-only readers."""

from rosearch_engine.store.repo import Store

__all__ = ["Store"]
