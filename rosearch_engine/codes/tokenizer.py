"""A fast tokenizer that reads canonical words. Travels with exported checkpoints: transformers and `canonical` only."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from transformers import BatchEncoding, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from .canonical import Canonical

WORDS_FILE = "words.json"


class CanonicalTokenizer(PreTrainedTokenizerFast):
    """Puts every text into canonical words before it is tokenised, by whichever method it comes.

    A text that is already split into words is read word by word. Token numbers are those of the canonical text, so
    that there are no offsets into the text given.

    Args:
        canonical: the rule; or else
        words_file: a JSON file with one, as `save_pretrained` writes it.

    Raises:
        ValueError: without a rule, or if the file does not hold one.
    """

    vocab_files_names = PreTrainedTokenizerFast.vocab_files_names | {"words_file": WORDS_FILE}

    def __init__(
        self, *args: Any, canonical: Canonical | None = None, words_file: str | None = None, **kwargs: Any
    ) -> None:
        if canonical is None:
            if words_file is None:
                raise ValueError(
                    f"{WORDS_FILE} is missing: without it, a student reads other words than it was trained on"
                )
            canonical = Canonical.from_dict(json.loads(Path(words_file).read_text(encoding="utf-8")))
        self.canonical = canonical
        super().__init__(*args, **kwargs)

    def _batch_encode_plus(self, batch_text_or_text_pairs: Any, *args: Any, **kwargs: Any) -> BatchEncoding:
        # All other ways of encoding lead here.
        if kwargs.get("return_offsets_mapping"):
            raise ValueError("offsets would be those of the canonical text, not of the text given")
        return super()._batch_encode_plus(self._read(batch_text_or_text_pairs), *args, **kwargs)

    def _read(self, texts: Any) -> Any:
        """Texts, pairs, lists of words … with every string in canonical words."""
        if isinstance(texts, str):
            return self.canonical(texts)
        if isinstance(texts, list | tuple):
            return type(texts)([self._read(one) for one in texts])
        return texts

    def _save_pretrained(
        self,
        save_directory: str | os.PathLike[str],
        file_names: tuple[str, ...],
        legacy_format: bool | None = None,
        filename_prefix: str | None = None,
    ) -> tuple[str, ...]:
        names = super()._save_pretrained(str(save_directory), file_names, legacy_format, filename_prefix)
        file = Path(save_directory) / (f"{filename_prefix}-{WORDS_FILE}" if filename_prefix else WORDS_FILE)
        file.write_text(json.dumps(self.canonical.to_dict(), ensure_ascii=False), encoding="utf-8")
        return (*names, str(file))


def wrap(tokenizer: PreTrainedTokenizerBase, canonical: Canonical) -> CanonicalTokenizer:
    """A tokenizer that gives of a text what the fast tokenizer given does of the canonical text.

    Raises:
        ValueError: if the tokenizer is not a fast one.
    """
    if not tokenizer.is_fast:
        raise ValueError("a tokenizer written in Python cannot be wrapped")
    core = tokenizer.backend_tokenizer
    core = type(core).from_str(core.to_str())
    # What the last call asked for stays set in the core; it is no property of the tokenizer.
    core.no_truncation()
    core.no_padding()
    CanonicalTokenizer.register_for_auto_class("AutoTokenizer")
    return CanonicalTokenizer(canonical=canonical, tokenizer_object=core, **settings_of(tokenizer))


def settings_of(tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    """What a tokenizer is told beside its core."""
    special: dict[str, Any] = tokenizer.special_tokens_map_extended
    return {
        "model_max_length": tokenizer.model_max_length,
        "model_input_names": list(tokenizer.model_input_names),
        "padding_side": tokenizer.padding_side,
        "truncation_side": tokenizer.truncation_side,
        "clean_up_tokenization_spaces": tokenizer.clean_up_tokenization_spaces,
        "split_special_tokens": tokenizer.split_special_tokens,
        "add_prefix_space": getattr(tokenizer, "add_prefix_space", False),
        **special,
    }
