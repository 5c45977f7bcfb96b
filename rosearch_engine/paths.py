"""Where a run's files lie below the home folder, each named by the digest of its content."""

from __future__ import annotations

import hashlib
from pathlib import Path

from rosearch_engine.errors import UserError
from rosearch_engine.resources import home


def weights_path(sha256: str) -> Path:
    """A student's weights."""
    return home() / "weights" / f"{sha256}.safetensors"


def read_weights(sha256: str, student: str) -> bytes:
    """A student's weights as they were saved, compared with their digest.

    Raises:
        UserError: if they are missing or damaged.
    """
    try:
        content = weights_path(sha256).read_bytes()
    except FileNotFoundError:
        raise UserError("student", f"the weights of {student} are missing.", "Choose another student.") from None
    except OSError as error:
        raise damaged_weights(student, str(error.strerror)) from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise damaged_weights(student, "their content is not what was saved")
    return content


def damaged_weights(student: str, reason: str) -> UserError:
    return UserError("student", f"the weights of {student} are damaged ({reason}).", "Choose another student.")


def code_path(digest: str) -> Path:
    """An input code."""
    return home() / "codes" / f"{digest}.json.gz"


def tokenizer_folder(digest: str) -> Path:
    """A tokenizer as `save_pretrained` writes it."""
    return home() / "tokenizers" / digest
