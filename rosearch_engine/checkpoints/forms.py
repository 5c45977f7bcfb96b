"""The forms in which a student leaves: which there are, their files, and what they need.

Imports nothing heavy: the app offers them too.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Literal, get_args

from rosearch_engine.errors import UserError

Form = Literal["safetensors", "onnx", "int8"]
FORMS: tuple[Form, ...] = get_args(Form)

FILES: dict[Form, str] = {"safetensors": "model.safetensors", "onnx": "model.onnx", "int8": "model.int8.onnx"}
ABOUT: dict[Form, str] = {
    "safetensors": "for transformers and PyTorch",
    "onnx": "for ONNX Runtime, without PyTorch",
    "int8": "for ONNX Runtime, the graph's products in 8-bit integers",
}
# What the extra `onnx` installs, by the names that are imported.
_NEEDED = ("onnx", "onnxruntime", "onnxscript")


def chosen(names: Sequence[str]) -> list[Form]:
    """The forms of these names, each once and in the order of `FORMS`; none: safetensors.

    Raises:
        UserError: if there is no such form, or what it needs is not installed.
    """
    for name in names:
        if name not in FORMS:
            raise UserError("form", f"'{name}' is not a form of a student.", f"Choose from: {', '.join(FORMS)}.")
    forms = [form for form in FORMS if form in names] or ["safetensors"]
    if any(form != "safetensors" for form in forms) and (missing := missing_packages()):
        problem = f"onnx and int8 need packages that are not installed: {', '.join(missing)}."
        raise UserError("form", problem, "Install them with: pip install '.[onnx]'")
    return forms


def missing_packages() -> list[str]:
    """Packages of the extra `onnx` that are not installed."""
    return [name for name in _NEEDED if find_spec(name) is None]
