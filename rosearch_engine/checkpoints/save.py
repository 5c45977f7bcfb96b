"""A student's weights, in a file named after their content."""

from __future__ import annotations

import hashlib
import os
import tempfile

from safetensors.torch import save_file

from rosearch_engine.paths import weights_path
from rosearch_engine.student.modeling import RoSearchForSequenceClassification


def save_weights(model: RoSearchForSequenceClassification) -> tuple[str, int]:
    """Write the weights under the SHA-256 of their content; returns it and the size in bytes."""
    folder = weights_path("").parent
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=folder, suffix=".draft")
    os.close(descriptor)
    try:
        save_file({name: value.contiguous().cpu() for name, value in model.state_dict().items()}, draft)
        with open(draft, "rb+") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        size = os.path.getsize(draft)
        os.replace(draft, weights_path(sha256))
    except BaseException:
        os.unlink(draft)
        raise
    return sha256, size
