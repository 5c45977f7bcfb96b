"""What the files of a teacher's folder say, read without loading it: enough to refuse it before a run is made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from rosearch_engine.config import TeacherConfig, fingerprint
from rosearch_engine.errors import UserError
from rosearch_engine.given import given_path
from rosearch_engine.resources.network import silence

RESERVED: Mapping[str, int] = {"bert": 0, "roberta": 2, "xlm-roberta": 2, "mpnet": 2, "distilbert": 0}
"""The families that are known, and how many position rows each reserves for padding."""

# Counts up when the way of fine-tuning changes, so that no teacher of the old way is taken for one of the new.
_REVISION = 2
_WEIGHTS = ("*.safetensors", "*.bin", "*.safetensors.index.json")
_SMALL = ("*.json", "*.txt", "*.model")
_SAVE_AGAIN = "Save the model again with save_pretrained."
_WORDS = ("tokenizer.json", "vocab.txt", "vocab.json", "sentencepiece.bpe.model")
# Tokenizers that become fast ones without a tokenizer.json.
_CONVERTED = ("BertTokenizer", "DistilBertTokenizer", "MPNetTokenizer", "RobertaTokenizer", "XLMRobertaTokenizer")


@dataclass(frozen=True)
class Look:
    """A checkpoint by its files.

    Attributes:
        positions: most word pieces that it reads.
        classes: names of its classifier's classes in their order; None for an encoder without a classifier.
        tokenizer: the model of its tokenizer, such as WordPiece; empty where its files do not say.
    """

    folder: Path
    family: str
    positions: int
    classes: tuple[str, ...] | None
    tokenizer: str


def look_at_hub(name: str) -> Look:
    """Look at a checkpoint of the hub, or of its cache where there is no network: at all but its weights.

    Raises:
        UserError: if there is none of that name or it cannot be had, and as `look`.
    """
    from huggingface_hub import HfApi, constants, snapshot_download

    reason = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else silence(constants.ENDPOINT)
    try:
        folder = Path(snapshot_download(name, allow_patterns=list(_SMALL), local_files_only=reason is not None))
        there = [file.rfilename for file in HfApi().model_info(name).siblings or []] if reason is None else None
    except Exception as error:  # whatever its many layers raise
        why = reason or (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise _error(
            f"'{name}' is neither a folder nor in the hub's cache, and cannot be fetched ({why}).",
            "Use minilm or mpnet-base, the folder of a checkpoint, or a hub name (needs a network connection).",
        ) from None
    return look(folder, there)


def look(folder: Path, elsewhere: Collection[str] | None = None) -> Look:
    """Look at a checkpoint's folder.

    Args:
        elsewhere: names of files that are yet to be fetched into it; None: all is there.

    Raises:
        UserError: naming what is missing or of a kind that cannot be used.
    """
    config = _config(folder)
    family = str(config.get("model_type", ""))
    if family not in RESERVED:
        raise unknown_family(family)
    names = [path.name for path in folder.iterdir()] if elsewhere is None else elsewhere
    if not any(fnmatch(name, pattern) for name in names for pattern in _WEIGHTS):
        raise _error("the folder contains no weights.", "Save the model there with save_pretrained.")
    _check_tokenizer(folder)
    positions = min(512, _whole(config, "max_position_embeddings", 512) - RESERVED[family])
    kinds = config.get("architectures")
    trained = isinstance(kinds, list) and any(str(kind).endswith("ForSequenceClassification") for kind in kinds)
    return Look(folder, family, positions, _classes(config) if trained else None, _tokenizer(folder))


def teacher_key(config: TeacherConfig, data: str, source: str) -> str:
    """What tells a run's teacher from every other one.

    Args:
        data: the data set's fingerprint.
        source: the checkpoint's folder, or its hub name.
    """
    return fingerprint(config, data, _identity(source), _REVISION)


def _identity(source: str) -> str:
    """The content of a local checkpoint, or a hub name as it is."""
    folder = Path(source)
    if not folder.is_dir():
        return source
    digest = hashlib.sha256()
    for file in sorted([*folder.glob("*.safetensors"), *folder.glob("*.bin"), *folder.glob("*.json")]):
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def order_by_name(theirs: Sequence[str], classes: Sequence[str]) -> tuple[int, ...] | None:
    """Where a checkpoint has each of the classes, by name; None where the names are not the same."""
    places = {_key(name): place for place, name in enumerate(theirs)}
    wanted = [_key(name) for name in classes]
    if len(places) != len(theirs) or len(set(wanted)) != len(wanted) or set(places) != set(wanted):
        return None
    return tuple(places[name] for name in wanted)


def unknown_family(family: str) -> UserError:
    problem = f"teachers of the family '{family}' are not supported."
    return _error(problem, f"Use one of: {', '.join(RESERVED)}.")


def slow_tokenizer(kind: str) -> UserError:
    problem = f"the tokenizer is slow only ({kind}, without a tokenizer.json)."
    return _error(problem, "Convert it to a fast tokenizer, or choose another teacher.")


def is_missing_path(name: str) -> bool:
    """Whether a name that is no folder was meant as the path of one.

    Raises:
        UserError: if nothing can be called that.
    """
    path = given_path(name, "teacher.name")
    meant = name.startswith((".", "/", "~")) or name.count("/") > 1 or "\\" in name
    return not path.is_dir() and (meant or ("/" in name and path.parent.is_dir()))


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        inner = sorted(one.parent.name for one in folder.glob("*/config.json"))
        if inner:
            problem = f"the folder is no checkpoint itself, but contains some: {', '.join(inner[:5])}."
            raise _error(problem, f"Use one of them, such as {folder / inner[-1]}.")
        raise _error(
            "the folder contains no config.json.", "Use the folder of a checkpoint, as save_pretrained wrote it."
        )
    found = _read(path)
    if not isinstance(found, dict):
        raise _error("its config.json contains no settings.", "Save the model again with save_pretrained.")
    return found


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise _error(
            f"its {path.name} cannot be read ({error}).", "Save the model again with save_pretrained."
        ) from None


def _check_tokenizer(folder: Path) -> None:
    if not any((folder / name).is_file() for name in _WORDS):
        raise _error("the folder contains no tokenizer.", "Save the tokenizer there with save_pretrained.")
    settings = folder / "tokenizer_config.json"
    found = _read(settings) if settings.is_file() else {}
    kind = str(found.get("tokenizer_class") or "") if isinstance(found, dict) else ""
    if kind and not (folder / "tokenizer.json").is_file() and kind.removesuffix("Fast") not in _CONVERTED:
        raise slow_tokenizer(kind)


def _tokenizer(folder: Path) -> str:
    path = folder / "tokenizer.json"
    if not path.is_file():
        return "WordPiece" if (folder / "vocab.txt").is_file() else ""
    found = _read(path)
    model = found.get("model") if isinstance(found, dict) else None
    return str(model.get("type") or "") if isinstance(model, dict) else ""


def _classes(config: Mapping[str, Any]) -> tuple[str, ...]:
    names = config.get("id2label") or {"0": "LABEL_0", "1": "LABEL_1"}
    try:
        return tuple(str(names[key]) for key in sorted(names, key=int))
    except (TypeError, ValueError):
        raise _error("its config.json names its classes in no known way (id2label).", _SAVE_AGAIN) from None


def _whole(config: Mapping[str, Any], name: str, default: int) -> int:
    found = config.get(name, default)
    if not isinstance(found, int) or not 8 <= found <= 10**9:
        raise _error(f"its config.json has no usable {name}.", _SAVE_AGAIN)
    return found


def _key(name: str) -> str:
    return " ".join(name.split()).casefold()


def _error(problem: str, remedy: str) -> UserError:
    return UserError("teacher.name", problem, remedy)
