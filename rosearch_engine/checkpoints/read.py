"""An exported student read back from its files, whatever its form: texts in, logits out.

Read with this program's own classes: nothing that stands in the folder is run.
"""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from rosearch_engine.attack.victim import Victim
from rosearch_engine.checkpoints.forms import FILES, Form
from rosearch_engine.codes.tokenizer import WORDS_FILE, CanonicalTokenizer
from rosearch_engine.device import device
from rosearch_engine.errors import UserError
from rosearch_engine.student.modeling import RoSearchConfig, RoSearchForSequenceClassification


def read_form(folder: Path, form: Form, threads: int | None = None) -> Victim:
    """A student of an exported folder; `Victim.logits` is what it says of texts.

    Args:
        threads: of ONNX Runtime; as many as torch has if None.

    Raises:
        UserError: if the folder does not hold that form, or it is damaged.
    """
    if not (folder / FILES[form]).exists():
        raise UserError("form", f"{folder} does not contain {FILES[form]}.", f"Export the student with --form {form}.")
    try:
        config = RoSearchConfig.from_pretrained(folder)
        tokenizer = _tokenizer(folder)
        model = _model(folder, form, config, threads)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError("form", f"{folder} cannot be read ({reason}).", "Export the student again.") from None
    return Victim(model, tokenizer, tokenizer.model_max_length, config.calibration_temperature)


def _model(folder: Path, form: Form, config: RoSearchConfig, threads: int | None) -> PreTrainedModel:
    if form == "safetensors":
        model = RoSearchForSequenceClassification.from_pretrained(folder, config=config)
        return model.to(device())  # type: ignore[no-any-return]
    from rosearch_engine.checkpoints.onnx_read import OnnxStudent  # what it imports is an extra

    return OnnxStudent(config, folder / FILES[form], threads)


def _tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    kind = CanonicalTokenizer if (folder / WORDS_FILE).exists() else AutoTokenizer
    tokenizer: PreTrainedTokenizerBase = kind.from_pretrained(folder)
    return tokenizer
