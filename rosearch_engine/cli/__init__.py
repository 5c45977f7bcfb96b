"""The command line."""

from rosearch_engine.cli.runs import app, main

__all__ = ["app", "main"]
