"""A student that ONNX Runtime computes, where else one that torch computes stands: attacked and certified alike."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn
from transformers import PreTrainedModel

from rosearch_engine.checkpoints.onnx_write import HEADS, LEDGER
from rosearch_engine.errors import UserError
from rosearch_engine.student.modeling import Ledger, RoSearchConfig, StudentOutput


class OnnxStudent(PreTrainedModel):
    """A student read from an ONNX file.

    Its ledger and the groups that its graph reads are those of the file, so that it can be certified from it.

    Args:
        config: the checkpoint's.
        threads: as many as torch has if None.

    Raises:
        UserError: if the file is missing or damaged.
    """

    config_class = RoSearchConfig

    def __init__(self, config: RoSearchConfig, file: Path, threads: int | None = None) -> None:
        super().__init__(config)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or torch.get_num_threads()
        options.inter_op_num_threads = 1
        try:
            constants = _constants(file)
            self._session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
            self.has_graph = bool(config.edges)
            has_ledger = config.invariant or config.ledger_bound is not None
            self.ledger = _ledger(config, constants) if has_ledger else None
            heads = constants.get(HEADS)
            self.embedding = SimpleNamespace(heads=None if heads is None else torch.from_numpy(heads))
        except Exception as error:  # its parsers and sessions share no kind of error
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            raise UserError("form", f"{file.name} cannot be read ({reason}).", "Export the student again.") from None
        self._inputs = [one.name for one in self._session.get_inputs()]
        self._outputs = [one.name for one in self._session.get_outputs()]
        # Who asks on which device it computes asks for that of a parameter.
        self._here = nn.Parameter(torch.zeros(0), requires_grad=False)

    def forward(self, input_ids: torch.Tensor, **others: Any) -> StudentOutput:
        """As the student's own `forward`, without labels and hidden states."""
        missing = {"attention_mask": torch.ones_like, "token_type_ids": torch.zeros_like}
        given = {"input_ids": input_ids, **{name: value for name, value in others.items() if value is not None}}
        fed = {name: given[name] if name in given else missing[name](input_ids) for name in self._inputs}
        said = self._session.run(self._outputs, {name: value.cpu().numpy() for name, value in fed.items()})
        parts: dict[str, Any] = dict(zip(self._outputs, map(torch.from_numpy, said), strict=True))
        return StudentOutput(**parts)


def _constants(file: Path) -> dict[str, np.ndarray]:
    """The tensors of the file that a certificate asks for, by name."""
    return {
        one.name: onnx.numpy_helper.to_array(one).copy()
        for one in onnx.load(file).graph.initializer
        if one.name == HEADS or one.name.startswith(LEDGER)
    }


def _ledger(config: RoSearchConfig, constants: dict[str, np.ndarray]) -> Ledger:
    ledger = Ledger(config)
    ledger.load_state_dict({name: torch.from_numpy(constants[LEDGER + name]) for name in ledger.state_dict()})
    return ledger.requires_grad_(False)
