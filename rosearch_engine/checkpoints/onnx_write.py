"""A student as an ONNX graph, and with the products of its graph in 8-bit integers.

Int8 is dynamic: weights are rounded once, in blocks of `BLOCK` with a scale of their own, activations as they come, in
such blocks of one token's state. So no token's rounding depends on another's, nor on the sentences beside it in a
batch, as it does where a whole batch gets one scale (`onnxruntime.quantization.quantize_dynamic`). Word tables, the
ledger, its sum and the classifier stay in float32: what a certificate counts with is not rounded.
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.export import Dim

from rosearch_engine.errors import UserError
from rosearch_engine.student.modeling import RoSearchForSequenceClassification

BLOCK = 32
BOTH = ("input_ids", "attention_mask")
TYPES = "token_type_ids"
# Constants that a certificate is made from keep the names that they have in the student.
LEDGER, HEADS = "student.ledger.", "student.embedding.heads"


class _Called(nn.Linear):
    """A linear layer that others call rather than read: its weights are then one constant of the written graph."""


class _Outputs(nn.Module):
    """A student with its inputs and outputs in a fixed order."""

    def __init__(self, student: RoSearchForSequenceClassification) -> None:
        super().__init__()
        self.student = student
        self.names = ["logits"]
        if student.ledger is not None:
            self.names += ["ledger", *(["context"] if student.has_graph else [])]
        if student.has_graph and student.coefficients is not None:
            self.names.append("coefficients")

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, ...]:
        said = self.student(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
        return tuple(getattr(said, name) for name in self.names)


def write_onnx(model: RoSearchForSequenceClassification, file: Path) -> None:
    """Write a student as one file, for batches of any size and sentences of any length that it reads.

    Inputs are those of its tokenizer, int64 `(batch, length)`. Outputs are `logits` `(batch, classes)` and, of a
    student with a ledger, what `StudentOutput` has beside them.

    Raises:
        UserError: if an operation cannot be written as ONNX.
    """
    student = copy.deepcopy(model).cpu().eval()
    for module in student.modules():
        if type(module) is nn.Linear:
            module.__class__ = _Called
    longest = student.config.max_position_embeddings
    shape = {0: Dim("batch"), 1: Dim("length", max=longest)}
    names = [*BOTH, TYPES] if student.config.type_vocab_size else list(BOTH)
    # A tensor each: one that is given twice would be taken for one input.
    examples = tuple(torch.full((2, min(7, longest)), int(name != TYPES)) for name in names)
    outputs = _Outputs(student).eval()
    with _quiet(), torch.no_grad():
        try:
            program = torch.onnx.export(
                outputs,
                examples,
                dynamo=True,
                input_names=names,
                output_names=outputs.names,
                dynamic_shapes=[shape] * len(names),
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            reason = str(error.__cause__ or error).strip().splitlines()[0]
            raise UserError(
                "form", f"the student cannot be written as ONNX ({reason}).", "Export it as safetensors."
            ) from error
    assert program is not None
    written = program.model_proto
    if student.config.reads_heads:
        _name_constant(written, student.embedding.heads.numpy(), HEADS)
    if student.ledger is not None and student.ledger.bigrams is not None:
        _name_constant(written, student.ledger.keys.numpy(), f"{LEDGER}keys")
    file.write_bytes(written.SerializeToString())


def _name_constant(written: Any, content: np.ndarray, name: str) -> None:
    """Give a constant that the exporter named its name in the student, by which a certificate asks for it."""
    from onnx.numpy_helper import to_array

    (found,) = [one for one in written.graph.initializer if np.array_equal(to_array(one), content)]
    for node in written.graph.node:
        for place, read in enumerate(node.input):
            if read == found.name:
                node.input[place] = name
    found.name = name


def write_int8(source: Path, file: Path) -> None:
    """Write what `write_onnx` wrote with the products of its linear layers in int8."""
    import onnx
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    with _quiet():
        # Level 4: ONNX Runtime multiplies in int8 where the processor can.
        quantizer = MatMulNBitsQuantizer(
            onnx.load(source), bits=8, block_size=BLOCK, is_symmetric=True, accuracy_level=4
        )
        quantizer.process()
        quantizer.model.save_model_to_file(str(file), False)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter tells its developers."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
