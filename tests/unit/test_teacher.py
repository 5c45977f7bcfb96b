"""The teacher: fine-tuned once, kept whole, its outputs computed once and read from the disk after that."""

from __future__ import annotations

import contextlib
import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import AutoModelForSequenceClassification, GPT2Config, GPT2LMHeadModel

from rosearch_engine.batching import encode_split
from rosearch_engine.check import look_at
from rosearch_engine.config import DataConfig, TeacherConfig
from rosearch_engine.data import Dataset, load
from rosearch_engine.errors import UserError
from rosearch_engine.inference import predict
from rosearch_engine.progress import Progress, Stage, Stopped
from rosearch_engine.sealed import SUMS
from rosearch_engine.teacher import Teacher, _refuse_other_order, obtain, outputs


class Listener(Progress):
    """Remembers the stages."""

    def __init__(self, stop_at: str = "") -> None:
        super().__init__()
        self.stages: list[str] = []
        self._stop_at = stop_at

    def stage(self, name: Stage, total: int = 0, unit: str = "", **facts: Any) -> None:
        self.stages.append(name)
        super().stage(name, total, unit, **facts)

    def advance(self, done: int, /, **facts: Any) -> None:
        if self.facts()["stage"] == self._stop_at and done > 2:
            self.stop()
        super().advance(done, **facts)


def teachers(home: Path) -> list[Path]:
    return list((home / "teachers").glob("*")) if (home / "teachers").exists() else []


def test_an_encoder_is_fine_tuned_once(bench, workshop) -> None:
    config = workshop.config.teacher
    listener = Listener()
    again = obtain(config, bench.data, listener)
    assert "teacher fine-tuning" not in listener.stages
    assert again.folder == bench.teacher.folder
    assert again.folder.parent == workshop.home / "teachers"
    assert (again.validation_logits == bench.teacher.validation_logits).all()
    share = np.bincount(bench.data.validation.labels).max() / len(bench.data.validation)
    assert again.accuracy > share + 0.2, "it must have learnt more than the larger class"


def test_fine_tuning_depends_on_its_seed_alone(bench, workshop, home: Path) -> None:
    short = workshop.config.teacher.model_copy(update={"epochs": 0.2})
    torch.manual_seed(123)
    first = obtain(short, bench.data, Progress())
    torch.manual_seed(456)
    shutil.rmtree(first.folder)
    second = obtain(short, bench.data, Progress())
    other = obtain(short.model_copy(update={"seed": 1}), bench.data, Progress())
    assert first.folder.is_relative_to(home)
    assert (first.validation_logits == second.validation_logits).all()
    assert not (first.validation_logits == other.validation_logits).all()
    assert first.key == second.key != other.key


def test_a_matching_classifier_is_used_as_it_is(bench, workshop, home: Path) -> None:
    listener = Listener()
    found = obtain(TeacherConfig(name=str(bench.teacher.folder)), bench.data, listener)
    assert "teacher fine-tuning" not in listener.stages
    assert found.folder == bench.teacher.folder
    assert teachers(home) == []
    assert found.validation_logits == pytest.approx(bench.teacher.validation_logits)


def test_a_classifier_of_other_classes_is_fine_tuned(bench, workshop, home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "three"
    three = AutoModelForSequenceClassification.from_pretrained(workshop.encoder, num_labels=3)
    three.save_pretrained(folder)
    bench.teacher.tokenizer.save_pretrained(folder)
    listener = Listener()
    found = obtain(TeacherConfig(name=str(folder), epochs=0.1), bench.data, listener)
    assert "teacher fine-tuning" in listener.stages
    assert found.frame.classes == 2
    assert found.validation_logits.shape[1] == 2


def test_stopping_leaves_no_half_of_a_teacher(bench, workshop, home: Path) -> None:
    with pytest.raises(Stopped):
        obtain(workshop.config.teacher, bench.data, Listener(stop_at="teacher fine-tuning"))
    assert teachers(home) == []


def test_outputs_are_what_the_teacher_says(bench, workshop) -> None:
    said = bench.readings["plain"].corpus.teacher
    sentences = encode_split(bench.data.distillation, bench.teacher.tokenizer, bench.teacher.max_length)
    assert isinstance(said.logits, np.memmap)
    assert isinstance(said.hidden, np.memmap)
    assert said.logits.shape == (len(bench.data.distillation), 2)
    # Written in bfloat16 where the machine has it fast.
    np.testing.assert_allclose(said.logits, predict(bench.teacher.model, sentences), rtol=0.05, atol=0.1)
    row = 7
    batch = sentences.batch([row], torch.device("cpu"))
    with torch.no_grad():
        states = bench.teacher.model(**batch, output_hidden_states=True).hidden_states
    means = np.stack([state[0].mean(dim=0).numpy() for state in states])
    np.testing.assert_allclose(said.hidden[row], means, rtol=0.05, atol=0.05)


def test_outputs_are_computed_once(bench, workshop) -> None:
    listener, corpus = Listener(), bench.readings["plain"].corpus
    sentences = encode_split(bench.data.distillation, bench.teacher.tokenizer, bench.teacher.max_length)
    again = outputs(bench.teacher, sentences, listener)
    assert listener.stages == []
    assert (again.logits == corpus.teacher.logits).all()
    fewer = encode_split(bench.data.validation, bench.teacher.tokenizer, 128)
    outputs(bench.teacher, fewer, listener)
    assert listener.stages == ["teacher outputs"]


@pytest.mark.parametrize("told", [True, False], ids=["with digests", "without digests"])
@pytest.mark.parametrize("damage", ["no bytes", "cut", "one file is gone", "a flipped bit"])
def test_damaged_outputs_are_made_again(damage: str, told: bool, bench, workshop, home: Path) -> None:
    """What a power cut leaves; outputs of earlier versions have no digests."""
    sentences = encode_split(bench.data.validation, bench.teacher.tokenizer, 128)
    listener = Listener()
    logits = np.array(outputs(bench.teacher, sentences, listener).logits)
    (folder,) = (home / "outputs").iterdir()
    file = folder / "logits.npy"
    whole = file.read_bytes()
    if not told:
        (folder / SUMS).unlink()
    if damage == "one file is gone":
        file.unlink()
    elif damage == "a flipped bit":
        file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 0x40]))
    else:
        file.write_bytes(b"" if damage == "no bytes" else whole[: len(whole) // 2])
    again = outputs(bench.teacher, sentences, listener)
    if told or damage != "a flipped bit":  # without digests, nobody can know
        assert (again.logits == logits).all()
        assert listener.stages == ["teacher outputs", "teacher outputs"]


def test_what_is_no_teacher_is_said_in_plain_words(bench, workshop, home: Path, tmp_path: Path) -> None:
    def refusal(folder: Path) -> UserError:
        with pytest.raises(UserError) as caught:
            obtain(TeacherConfig(name=str(folder)), bench.data, Progress())
        assert caught.value.field == "teacher.name"
        return caught.value

    assert "does not exist" in refusal(tmp_path / "nowhere").problem

    empty = tmp_path / "empty"
    empty.mkdir()
    refusal(empty)

    damaged = tmp_path / "damaged"
    shutil.copytree(bench.teacher.folder, damaged)
    weights = (damaged / "model.safetensors").read_bytes()
    (damaged / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    assert "not what was written" in refusal(damaged).problem
    (damaged / SUMS).unlink()
    assert "cannot be loaded" in refusal(damaged).problem
    (damaged / "model.safetensors").write_bytes(b"")
    refusal(damaged)

    broken = tmp_path / "broken"
    shutil.copytree(bench.teacher.folder, broken)
    (broken / "config.json").write_text("{")
    refusal(broken)

    wordless = tmp_path / "wordless"
    shutil.copytree(bench.teacher.folder, wordless)
    for name in ("tokenizer.json", "vocab.txt"):
        (wordless / name).unlink(missing_ok=True)
    refusal(wordless)

    stranger = tmp_path / "stranger"
    shutil.copytree(bench.teacher.folder, stranger)
    GPT2LMHeadModel(GPT2Config(vocab_size=50, n_embd=8, n_layer=1, n_head=1)).save_pretrained(stranger)
    assert "gpt2" in refusal(stranger).problem
    assert teachers(home) == []


HOSTILE = """
from pathlib import Path
Path({mark!r}).touch()
from transformers import BertConfig, BertForSequenceClassification, BertModel, BertTokenizerFast
"""


class _Touches:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


HOSTILE_KINDS = ("pickled weights", "a model of its own", "a config of its own", "a tokenizer of its own")


@pytest.mark.parametrize("kind", HOSTILE_KINDS)
def test_nothing_in_a_teachers_folder_is_executed(
    kind: str, bench, workshop, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, mark = tmp_path / "hostile", tmp_path / "executed"
    shutil.copytree(bench.teacher.folder, folder)
    (folder / SUMS).unlink()
    (folder / "own.py").write_text(HOSTILE.format(mark=str(mark)))
    monkeypatch.syspath_prepend(folder)
    if kind == "pickled weights":
        (folder / "model.safetensors").unlink()
        (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"classifier.weight": _Touches(mark)}))
    else:
        file = folder / ("tokenizer_config.json" if "tokenizer" in kind else "config.json")
        own = {
            "a model of its own": {"AutoModelForSequenceClassification": "own.BertForSequenceClassification"},
            "a config of its own": {"AutoConfig": "own.BertConfig"},
            "a tokenizer of its own": {"AutoTokenizer": [None, "own.BertTokenizerFast"]},
        }[kind]
        file.write_text(json.dumps(json.loads(file.read_text()) | {"auto_map": own}))
    settings = TeacherConfig(name=str(folder), epochs=0.1)
    for use in (lambda: look_at(settings), lambda: obtain(settings, bench.data, Progress())):
        with contextlib.suppress(UserError):  # read without it, or refused
            use()
    assert not mark.exists()


def test_what_a_hostile_teacher_holds_would_be_noticed(tmp_path: Path) -> None:
    """Else the test before would find nothing whatever was executed."""
    marks = [tmp_path / name for name in ("pickle", "code")]
    pickle.loads(pickle.dumps(_Touches(marks[0])))
    exec(HOSTILE.format(mark=str(marks[1])), {})
    assert all(mark.exists() for mark in marks)


def test_the_checkpoint_names_the_classes(bench, workshop) -> None:
    config = json.loads((bench.teacher.folder / "config.json").read_text())
    assert config["id2label"] == {str(i): name for i, name in enumerate(bench.data.classes)}


def turned_classifier(teacher: Teacher, folder: Path, order: list[int], names: list[str] | None = None) -> Path:
    """A teacher with its classes in another order, and these names of them in its config."""
    model = AutoModelForSequenceClassification.from_pretrained(teacher.folder)
    with torch.no_grad():
        model.classifier.weight.copy_(model.classifier.weight[order].clone())
        model.classifier.bias.copy_(model.classifier.bias[order].clone())
    model.config.id2label = dict(enumerate(names or [f"LABEL_{i}" for i in range(len(order))]))
    model.config.label2id = {name: number for number, name in model.config.id2label.items()}
    model.save_pretrained(folder)
    teacher.tokenizer.save_pretrained(folder)
    return folder


def test_names_of_classes_win_over_their_places(bench, home: Path, tmp_path: Path) -> None:
    turned = turned_classifier(bench.teacher, tmp_path / "turned", [1, 0], [*reversed(bench.data.classes)])
    listener = Listener()
    found = obtain(TeacherConfig(name=str(turned)), bench.data, listener)
    assert "teacher fine-tuning" not in listener.stages
    assert found.accuracy == bench.teacher.accuracy
    np.testing.assert_allclose(found.validation_logits, bench.teacher.validation_logits, atol=1e-5)
    config = json.loads((found.folder / "config.json").read_text())
    assert config["id2label"] == {str(i): name for i, name in enumerate(bench.data.classes)}
    assert found.folder != turned, "the checkpoint that was given stays as it is"


def test_another_order_without_names_is_refused(bench, home: Path, tmp_path: Path) -> None:
    turned = turned_classifier(bench.teacher, tmp_path / "turned", [1, 0])
    with pytest.raises(UserError, match="another order") as error:
        obtain(TeacherConfig(name=str(turned)), bench.data, Progress())
    assert error.value.field == "teacher.name"
    assert f"{bench.teacher.accuracy:.0%}" in error.value.problem


@pytest.fixture
def three(workshop, bench, tmp_path: Path) -> Dataset:
    """Three classes, of which one has more sentences than the others together."""
    texts = bench.data.distillation.texts[:400]
    labels = [["contradiction", "entailment", "neutral"][max(0, i % 5 - 2)] for i in range(400)]
    pd.DataFrame({"text": texts, "label": labels}).to_csv(tmp_path / "three.csv", index=False)
    return load(DataConfig(name=str(tmp_path / "three.csv"), validation=100))


@pytest.mark.parametrize("order", [[2, 0, 1], [1, 2, 0], [0, 2, 1]])
def test_three_classes_are_brought_into_the_datas_order(
    order: list[int], three: Dataset, workshop, home: Path, tmp_path: Path
) -> None:
    """Of two classes, an order and its inverse are one."""
    taught = obtain(TeacherConfig(name=str(workshop.encoder), epochs=0.1), three, Progress())
    turned = turned_classifier(taught, tmp_path / "turned", order, [three.classes[i] for i in order])
    found = obtain(TeacherConfig(name=str(turned)), three, Progress())
    np.testing.assert_allclose(found.validation_logits, taught.validation_logits, atol=1e-5)


@pytest.mark.parametrize("order", [[2, 0, 1], [0, 2, 1]])
def test_without_names_another_order_is_told_by_the_best_one(order: list[int], three: Dataset) -> None:
    """Also where most sentences are right all the same, since they are of one class."""
    right = np.eye(3)[three.validation.labels]
    _refuse_other_order(right, three, "mine")
    with pytest.raises(UserError, match="on 100% if its classes are taken in another order"):
        _refuse_other_order(right[:, order], three, "mine")


def test_texts_are_cut_to_the_positions_there_are(bench, workshop, home: Path, tmp_path: Path) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(bench.teacher.folder)
    few = model.bert.embeddings.position_embeddings.weight[:12].clone()
    model.bert.embeddings.position_embeddings = torch.nn.Embedding.from_pretrained(few)
    model.config.max_position_embeddings = 12
    model.save_pretrained(tmp_path / "short", state_dict=without_buffers(model))
    bench.teacher.tokenizer.save_pretrained(tmp_path / "short")
    found = obtain(TeacherConfig(name=str(tmp_path / "short"), max_length=128), bench.data, Progress())
    assert found.max_length == found.frame.positions == 12


def without_buffers(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    kept = {name for name, _ in model.named_parameters()}
    return {name: tensor for name, tensor in model.state_dict().items() if name in kept}


@pytest.mark.parametrize("told", [True, False], ids=["model resized", "model not resized"])
def test_tokens_that_were_added_to_a_tokenizer(told: bool, bench, workshop, home: Path, tmp_path: Path) -> None:
    from transformers import AutoModel, AutoTokenizer

    from rosearch_engine.search.context import prepare

    model, tokenizer = AutoModel.from_pretrained(workshop.encoder), AutoTokenizer.from_pretrained(workshop.encoder)
    tokenizer.add_tokens(["[user]", "[url]"])
    if told:
        model.resize_token_embeddings(len(tokenizer))
    model.save_pretrained(tmp_path / "more")
    tokenizer.save_pretrained(tmp_path / "more")
    rows = [f"[user] {text} [url],{label}" for text, label in zip(
        [text.replace(",", " ").replace('"', " ") for text in bench.data.distillation.texts[:200]],
        bench.data.distillation.labels[:200], strict=True)]  # fmt: skip
    (tmp_path / "users.csv").write_text("\n".join(["text,label", *rows]))
    for vocabulary in ("seen", "words"):
        config = workshop.config.model_copy(
            update={
                "teacher": TeacherConfig(name=str(tmp_path / "more"), epochs=0.1),
                "space": workshop.config.space.model_copy(update={"vocabulary": vocabulary}),
                "data": workshop.config.data.model_copy(update={"name": str(tmp_path / "users.csv")}),
            }
        )
        context = prepare(config, Progress())
        assert {"[user]", "[url]"} <= set(context.tokenizer.get_vocab())
        assert "[user]" in context.tokenizer.tokenize("[user] a film")
