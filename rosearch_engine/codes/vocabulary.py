"""A student's own word pieces: those of the teacher's that the task's sentences need."""

from __future__ import annotations

import hashlib
import json
import string
from collections.abc import Iterable
from typing import Any

import numpy as np
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from rosearch_engine.atomic import new_folder
from rosearch_engine.codes.tokenizer import settings_of
from rosearch_engine.errors import UserError
from rosearch_engine.paths import tokenizer_folder
from rosearch_engine.ragged import Ragged
from rosearch_engine.weights.reading import borrow_tokenizer, lend_tokenizer


def trimmed(tokenizer: PreTrainedTokenizerBase, counts: np.ndarray) -> tuple[PreTrainedTokenizerBase, Ragged]:
    """A tokenizer with the pieces that were seen, and which of the old ones they are, one each, in their order.

    Special tokens stay, and single letters, digits and signs of ASCII, so that an unseen word falls apart into smaller
    pieces (Abdaoui et al. 2020, "Load what you need"). Only WordPiece knows its pieces one by one: any other tokenizer
    is given back whole.

    Args:
        counts: how often each piece occurs; shorter than the vocabulary where the last ones do not.
    """
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    model = content["model"]
    if model["type"] != "WordPiece":
        return tokenizer, _one_each(np.arange(len(tokenizer)))
    _add_to_vocabulary(content)
    special = {token["id"] for token in content["added_tokens"]}
    single = {sign for sign in string.printable if not sign.isspace()}
    mark = model["continuing_subword_prefix"]
    seen = set(np.flatnonzero(counts).tolist())
    kept = sorted(
        number
        for piece, number in model["vocab"].items()
        if number in special or number in seen or piece.removeprefix(mark) in single
    )
    new = {old: number for number, old in enumerate(kept)}
    model["vocab"] = {piece: new[number] for piece, number in model["vocab"].items() if number in new}
    for token in content["added_tokens"]:
        token["id"] = new[token["id"]]
    _renumber(content["post_processor"], new)
    core = type(tokenizer.backend_tokenizer).from_str(json.dumps(content | {"truncation": None, "padding": None}))
    return PreTrainedTokenizerFast(tokenizer_object=core, **settings_of(tokenizer)), _one_each(kept)


def of_words(tokenizer: PreTrainedTokenizerBase, words: Iterable[str]) -> tuple[PreTrainedTokenizerBase, Ragged]:
    """A tokenizer whose every piece is a whole word, and which of the old one's pieces each new one is made of.

    A word then is one token and one state of a student, whatever it is swapped for; one that is not among the words
    is the unknown token, which says nothing, instead of falling apart into pieces that say anything. The words
    are split at punctuation as the tokenizer splits them.

    Raises:
        UserError: if the tokenizer is not WordPiece, which alone puts no mark on a piece that begins a word.
    """
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    model = content["model"]
    if model["type"] != "WordPiece":
        raise UserError(
            "space.vocabulary",
            f"'words' needs a WordPiece tokenizer; this teacher's is {model['type']}.",
            "Set 'seen'.",
        )
    _add_to_vocabulary(content)
    old = dict(model["vocab"])
    special = sorted((token["content"] for token in content["added_tokens"]), key=old.__getitem__)
    parts = [part for word in words for part in split_words(tokenizer, word)]
    names = list(dict.fromkeys([*special, *parts]))
    made_of = [[old[name]] for name in special]
    coded = tokenizer(names[len(special) :], add_special_tokens=False)["input_ids"] if len(names) > len(special) else []
    made_of += [list(pieces) or [tokenizer.unk_token_id] for pieces in coded]
    new = {old[name]: number for number, name in enumerate(special)}
    model["vocab"] = {name: number for number, name in enumerate(names)}
    for token in content["added_tokens"]:
        token["id"] = new[token["id"]]
    _renumber(content["post_processor"], new)
    core = type(tokenizer.backend_tokenizer).from_str(json.dumps(content | {"truncation": None, "padding": None}))
    return PreTrainedTokenizerFast(tokenizer_object=core, **settings_of(tokenizer)), Ragged(made_of)


def split_words(tokenizer: PreTrainedTokenizerBase, text: str) -> list[str]:
    """A text as the tokenizer normalises it and splits it before it looks for pieces."""
    core = tokenizer.backend_tokenizer
    normal = core.normalizer.normalize_str(text) if core.normalizer else text
    return [part for part, _ in core.pre_tokenizer.pre_tokenize_str(normal)]


def keep_tokenizer(tokenizer: PreTrainedTokenizerBase) -> str:
    """Save a tokenizer under the digest of its content; returns that.

    Raises:
        UserError: if the place for weights cannot be written to.
    """
    digest = hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode()).hexdigest()[:16]
    folder = tokenizer_folder(digest)
    if not folder.exists():
        with new_folder(folder, keep=True) as draft:
            tokenizer.save_pretrained(draft)
    lend_tokenizer(digest)
    return digest


def read_tokenizer(digest: str) -> PreTrainedTokenizerBase:
    """A tokenizer that `keep_tokenizer` saved.

    Raises:
        UserError: if it is not there, or damaged, or cannot be brought from where weights lie.
    """
    folder, remedy = tokenizer_folder(digest), "`resume` the run to recreate it."
    try:
        borrow_tokenizer(digest)
    except OSError as error:
        problem = f"{folder} cannot be written ({error.strerror})."
        raise UserError("tokenizer", problem, "Free some disk space and try again.") from None
    if not folder.is_dir():
        raise UserError("tokenizer", f"the folder {folder} of the students' tokenizer is missing.", remedy)
    try:
        found: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder)
        return found
    except Exception as error:  # the library's own errors derive from nothing narrower
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        problem = f"the students' tokenizer in {folder} is damaged ({reason})."
        raise UserError("tokenizer", problem, f"Delete it and {remedy}") from None


def _one_each(pieces: Iterable[int]) -> Ragged:
    return Ragged([[piece] for piece in pieces])


def _add_to_vocabulary(content: dict[str, Any]) -> None:
    """Number tokens that were added to a tokenizer later on as its own pieces are."""
    content["model"]["vocab"] |= {token["content"]: token["id"] for token in content["added_tokens"]}


def _renumber(part: Any, new: dict[int, int]) -> None:
    """Give the special tokens that a post-processor puts in their new numbers."""
    if isinstance(part, list):
        for one in part:
            _renumber(one, new)
    elif isinstance(part, dict):
        for name, value in part.items():
            if name == "ids":
                part[name] = [new[number] for number in value]
            elif name in ("sep", "cls"):
                part[name] = [value[0], new[value[1]]]
            else:
                _renumber(value, new)
