"""A student's weights, in a file named after their content."""

from __future__ import annotations

from safetensors.torch import save

from rosearch_engine import weights
from rosearch_engine.student.modeling import RoSearchForSequenceClassification


def content_of(model: RoSearchForSequenceClassification) -> bytes:
    """The weights as a safetensors file has them."""
    return save({name: value.contiguous().cpu() for name, value in model.state_dict().items()})


def save_weights(content: bytes) -> tuple[str, int]:
    """Keep weights under the SHA-256 of their content; returns it and the size in bytes.

    Raises:
        OSError: if the home folder cannot be written.
        UserError: if another place for weights cannot.
    """
    return weights.put(content), len(content)
