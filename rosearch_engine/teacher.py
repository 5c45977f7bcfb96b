"""The teacher, used as it is or fine-tuned once, and its outputs, computed once."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from scipy.optimize import linear_sum_assignment
from torch.nn import functional as F
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    get_linear_schedule_with_warmup,
)

from rosearch_engine.atomic import new_folder
from rosearch_engine.batching import Encoded, encode_split, reading_batches, training_plan
from rosearch_engine.config import FINE_TUNING_TOKENS, TeacherConfig, fingerprint
from rosearch_engine.data import Dataset
from rosearch_engine.device import device, training_precision
from rosearch_engine.errors import UserError
from rosearch_engine.genome import Frame
from rosearch_engine.given import given_path
from rosearch_engine.inference import accuracy, inputs_for, predict
from rosearch_engine.progress import Progress, Stage
from rosearch_engine.resources import home, require
from rosearch_engine.sealed import broken, seal
from rosearch_engine.student.anatomy import dissect, frame
from rosearch_engine.teacher_folder import (
    is_missing_path,
    look,
    look_at_hub,
    order_by_name,
    slow_tokenizer,
    teacher_key,
)

BUNDLED = ("minilm", "mpnet-base")


@dataclass(frozen=True)
class Teacher:
    """A classifier to distil from.

    Attributes:
        folder: its checkpoint.
        key: fingerprint of the checkpoint, the data set and the settings that made it.
        accuracy: on the validation sentences.
        validation_logits: `(sentences, classes)` on the validation sentences.
    """

    name: str
    folder: Path
    key: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    frame: Frame
    max_length: int
    accuracy: float
    validation_logits: np.ndarray


@dataclass(frozen=True)
class Outputs:
    """What the teacher says of sentences, memory-mapped.

    Attributes:
        logits: `(sentences, classes)`, float32.
        hidden: `(sentences, layers + 1, width)`, float16: states averaged over a sentence's tokens, the
            embedding's first. None where they were not asked for.
    """

    logits: np.ndarray
    hidden: np.ndarray | None


def obtain(config: TeacherConfig, data: Dataset, progress: Progress) -> Teacher:
    """The teacher of a run: a checkpoint with a matching classifier as it is, any other encoder fine-tuned.

    Raises:
        UserError: if the checkpoint cannot be found or read, or its family is not known.
    """
    source = _source(config.name)
    classes = len(data.classes)
    theirs = _classifier(source, config.name)
    ready = theirs is not None and len(theirs) == classes
    order = order_by_name(theirs, data.classes) if ready and theirs else None
    as_it_is = ready and order in (None, tuple(range(classes)))
    key = teacher_key(config, data.fingerprint, source)
    folder = Path(source) if as_it_is and Path(source).is_dir() else home() / "teachers" / key
    if not (folder / "config.json").exists():
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)  # a new classifier starts at random
            model, tokenizer = _load(source, config.name, data.classes, to_train=True)
        dissect(model)
        if len(tokenizer) > dissect(model).words.shape[0]:
            model.resize_token_embeddings(len(tokenizer))  # tokens were added, and the model not told
        if order is not None:
            _reorder(model, order)
        if not ready:
            _fine_tune(model, tokenizer, config, data, progress)
        with new_folder(folder, keep=True) as draft:
            model.to("cpu").save_pretrained(draft)  # type: ignore[arg-type]
            tokenizer.save_pretrained(draft)
            seal(draft)
    try:
        if damaged := broken(folder):
            raise UserError("teacher.name", f"{damaged} is not what was written.", "Delete it.")
        model, tokenizer = _load(str(folder), config.name, data.classes)
    except UserError as error:
        if folder.parent != home() / "teachers":
            raise
        raise UserError("teacher", f"its cached copy is damaged: {error.problem}", f"Delete {folder}.") from None
    model.to(device()).eval()  # type: ignore[arg-type]
    progress.stage(Stage.TEACHER, len(data.validation.texts), "sentences")
    length = _length(config, model)
    logits = predict(model, encode_split(data.validation, tokenizer, length), progress)
    if ready and order is None:
        _refuse_other_order(logits, data, config.name)
    return Teacher(
        config.name,
        folder,
        key,
        model,
        tokenizer,
        frame(model, classes),
        length,
        accuracy(logits, data.validation.labels),
        logits,
    )


def untrained(name: str, classes: tuple[str, ...]) -> PreTrainedModel:
    """The model of a teacher's name before any fine-tuning, on this machine's device.

    Raises:
        UserError: if the checkpoint cannot be found or read.
    """
    model, _ = _load(_source(name), name, classes)
    return model.to(device()).eval()  # type: ignore[arg-type, no-any-return]


def outputs(teacher: Teacher, sentences: Encoded, progress: Progress, hidden: bool = True) -> Outputs:
    """The teacher's logits and, if wanted, mean hidden states for sentences, from the cache if there."""
    parts = ("logits", "hidden") if hidden else ("logits",)
    content = hashlib.sha256(sentences.ids.tobytes() + sentences.starts.tobytes()).hexdigest()
    folder = home() / "outputs" / fingerprint(teacher.key, content, *parts)
    for _ in range(2):
        if not folder.exists():
            with new_folder(folder, keep=True) as draft:
                write_outputs(teacher, sentences, parts, draft, progress)
                seal(draft)
        try:
            if damaged := broken(folder):
                raise ValueError(f"{damaged} is not what was written")
            found = {part: np.load(folder / f"{part}.npy", mmap_mode="r") for part in parts}
            return Outputs(found["logits"], found.get("hidden"))
        except (OSError, ValueError, EOFError):
            shutil.rmtree(folder)  # damaged: made again
    raise UserError("disk", f"files written to {folder.parent} cannot be read back.", "Check the disk.")


def _refuse_other_order(logits: np.ndarray, data: Dataset, name: str) -> None:
    """Refuse a classifier that another order of its classes makes clearly better: names did not say which is which."""
    labels, classes = data.validation.labels, len(data.classes)
    met = np.zeros((classes, classes), dtype=int)
    np.add.at(met, (labels, logits.argmax(axis=1)), 1)
    rows, places = linear_sum_assignment(met, maximize=True)
    right, best, total = int(np.trace(met)), int(met[rows, places].sum()), len(labels)
    majority = np.bincount(labels).max()
    clear = best >= 0.9 * total or best - right > 2 * np.sqrt(best + right)
    if best < min(majority, 0.5 * total) or (best - right > 0.1 * total and best > majority and clear):
        raise UserError(
            "teacher.name",
            f"'{name}' is right on {right / total:.0%} of the validation sentences, and on {best / total:.0%} if its "
            f"classes are taken in another order: they seem to be others, or in another order than "
            f"{', '.join(data.classes)}.",
            "Give the checkpoint's id2label the names of the data set's labels, or choose a bare encoder.",
        )


def write_outputs(
    teacher: Teacher, sentences: Encoded, parts: tuple[str, ...], folder: Path, progress: Progress
) -> None:
    """Ask the teacher of every sentence; write the parts ("logits", "hidden") that are wanted to a folder."""
    count, where, size = len(sentences.lengths), device(), teacher.frame
    logits = _new_array(folder / "logits.npy", np.float32, (count, size.classes))
    hidden = None
    if "hidden" in parts:
        hidden = _new_array(folder / "hidden.npy", np.float16, (count, size.layers + 1, size.width))
    progress.stage(Stage.OUTPUTS, count, "sentences")
    done = 0
    with torch.inference_mode(), training_precision(where):
        for rows in reading_batches(sentences.lengths):
            batch = inputs_for(teacher.model, sentences.batch(rows, where))
            said = teacher.model(**batch, output_hidden_states=hidden is not None)
            logits[rows] = said.logits.float().cpu().numpy()
            if hidden is not None:
                mask = batch["attention_mask"][..., None].float()
                means = [(state.float() * mask).sum(dim=1) / mask.sum(dim=1) for state in said.hidden_states]
                hidden[rows] = torch.stack(means, dim=1).half().cpu().numpy()
            done += len(rows)
            progress.advance(done)
    logits.flush()
    if hidden is not None:
        hidden.flush()


def _new_array(path: Path, kind: type[np.floating], shape: tuple[int, ...]) -> np.memmap:
    """A file to fill. Its space is taken now: writing to a hole on a full disk would kill the process."""
    array = np.lib.format.open_memmap(path, "w+", kind, shape)
    if hasattr(os, "posix_fallocate"):
        with path.open("rb+") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


def _fine_tune(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    config: TeacherConfig,
    data: Dataset,
    progress: Progress,
) -> None:
    where = device()
    model.to(where).train()  # type: ignore[arg-type]
    # AdamW over the whole word table costs as much as the encoder, and little is learnt there.
    dissect(model).words.requires_grad_(False)
    sentences = encode_split(data.distillation, tokenizer, _length(config, model))
    labels = torch.from_numpy(data.distillation.labels).to(where)
    plan = fine_tuning_plan(sentences.lengths, config)
    steps = len(plan)
    optimiser = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], lr=config.learning_rate, weight_decay=0.01, fused=True
    )
    schedule = get_linear_schedule_with_warmup(optimiser, round(0.1 * steps), steps)
    progress.stage(Stage.FINE_TUNING, steps, "steps")
    with torch.random.fork_rng(devices=[where] if where.type == "cuda" else []):
        torch.manual_seed(config.seed)
        for step, (_, rows) in enumerate(plan, start=1):
            with training_precision(where):
                logits = model(**inputs_for(model, sentences.batch(rows, where))).logits
            loss = F.cross_entropy(logits.float(), labels[torch.from_numpy(rows).to(where)])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            optimiser.zero_grad(set_to_none=True)
            progress.advance(step, loss=loss.item())
    model.eval()


def fine_tuning_plan(lengths: np.ndarray, config: TeacherConfig) -> list[tuple[int, np.ndarray]]:
    """The batches of a teacher's fine-tuning, one a step.

    Args:
        lengths: word pieces of each sentence `(sentences,)`, as they are cut.
    """
    return training_plan(lambda _: lengths, FINE_TUNING_TOKENS, config.epochs, config.seed)


def _source(name: str) -> str:
    """The folder or hub name behind a teacher's name."""
    if name in BUNDLED:
        return str(require(name))
    folder = given_path(name, "teacher.name")
    if folder.is_dir():
        look(folder)
        return str(folder.resolve())
    if is_missing_path(name):
        raise UserError("teacher.name", f"the folder {name} does not exist.", "Use the folder of a checkpoint.")
    look_at_hub(name)
    return name


def _classifier(source: str, name: str) -> tuple[str, ...] | None:
    """Names of the classes that a checkpoint was trained for, in its order; None for a bare encoder."""
    config = _reading(name, lambda: AutoConfig.from_pretrained(source))
    trained = any(kind.endswith("ForSequenceClassification") for kind in config.architectures or [])
    return tuple(str(config.id2label[i]) for i in range(config.num_labels)) if trained else None


def _reorder(model: PreTrainedModel, order: tuple[int, ...]) -> None:
    """Give a classifier's outputs the order of the data's classes."""
    head: Any = model.classifier
    heads = [module for module in head.modules() if isinstance(module, torch.nn.Linear)]
    with torch.no_grad():
        for tensor in (heads[-1].weight, heads[-1].bias):
            tensor.copy_(tensor[list(order)].clone())


def _length(config: TeacherConfig, model: PreTrainedModel) -> int:
    """Most word pieces that are read of a text: no more than the model has positions for."""
    return min(config.max_length, dissect(model).positions.shape[0])


def _load(
    source: str, name: str, classes: tuple[str, ...], to_train: bool = False
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    names = dict(enumerate(classes))
    # Backwards, torch's fused attention for CPUs takes ten times as long as the plain one.
    plain = {"attn_implementation": "eager"} if to_train and device().type == "cpu" else {}
    model = _reading(
        name,
        lambda: AutoModelForSequenceClassification.from_pretrained(
            source,
            num_labels=len(classes),
            id2label=names,
            label2id={label: index for index, label in names.items()},
            ignore_mismatched_sizes=True,
            dtype=torch.float32,
            **plain,
        ),
    )
    tokenizer = _reading(name, lambda: AutoTokenizer.from_pretrained(source))
    if not tokenizer.is_fast:
        raise slow_tokenizer(type(tokenizer).__name__)
    return model, tokenizer


def _reading(name: str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            "teacher.name",
            f"'{name}' cannot be loaded ({reason}).",
            f"Use {' or '.join(BUNDLED)}, the folder of a checkpoint, or a hub name (needs a network connection).",
        ) from None
