"""A student's weights, in a file named after their content."""

from __future__ import annotations

import hashlib

from safetensors.torch import save

from rosearch_engine.atomic import new_file
from rosearch_engine.paths import weights_path
from rosearch_engine.student.modeling import RoSearchForSequenceClassification


def content_of(model: RoSearchForSequenceClassification) -> bytes:
    """The weights as a safetensors file has them."""
    return save({name: value.contiguous().cpu() for name, value in model.state_dict().items()})


def save_weights(content: bytes) -> tuple[str, int]:
    """Write weights under the SHA-256 of their content; returns it and the size in bytes."""
    sha256 = hashlib.sha256(content).hexdigest()
    with new_file(weights_path(sha256)) as draft:
        draft.write_bytes(content)
    return sha256, len(content)
