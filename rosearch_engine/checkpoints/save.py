"""A student's weights, in a file named after their content."""

from __future__ import annotations

import hashlib

from safetensors.torch import save

from rosearch_engine.atomic import new_file
from rosearch_engine.paths import weights_path
from rosearch_engine.student.modeling import RoSearchForSequenceClassification


def save_weights(model: RoSearchForSequenceClassification) -> tuple[str, int]:
    """Write the weights under the SHA-256 of their content; returns it and the size in bytes."""
    content = save({name: value.contiguous().cpu() for name, value in model.state_dict().items()})
    sha256 = hashlib.sha256(content).hexdigest()
    with new_file(weights_path(sha256)) as draft:
        draft.write_bytes(content)
    return sha256, len(content)
