"""Where a run's files lie below the home folder, each named by the digest of its content."""

from __future__ import annotations

from pathlib import Path

from rosearch_engine.resources import home


def weights_path(sha256: str) -> Path:
    """A student's weights, unless they lie elsewhere: `rosearch_engine.weights` knows."""
    return home() / "weights" / f"{sha256}.safetensors"


def code_path(digest: str) -> Path:
    """An input code."""
    return home() / "codes" / f"{digest}.json.gz"


def tokenizer_folder(digest: str) -> Path:
    """A tokenizer as `save_pretrained` writes it."""
    return home() / "tokenizers" / digest
