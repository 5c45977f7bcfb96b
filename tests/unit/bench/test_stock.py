"""What our distillation is timed against: `Trainer` with the teacher in its loop, in both dresses."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from rosearch_engine.batching import encode
from rosearch_engine.bench import distil, stock
from rosearch_engine.bench.stock import StockRun, distil_with_trainer
from rosearch_engine.device import device
from rosearch_engine.distil.losses import soft_targets
from rosearch_engine.errors import UserError
from rosearch_engine.inference import predict
from rosearch_engine.progress import Progress
from rosearch_engine.student.modeling import RoSearchConfig, RoSearchForSequenceClassification
from tests.conftest import make_encoder

MAX_LENGTH = 24
BATCH = 16


@dataclass(frozen=True)
class Lesson:
    """Sentences, and a teacher who knows their classes."""

    texts: list[str]
    labels: np.ndarray
    tokenizer: PreTrainedTokenizerBase
    teacher: PreTrainedModel

    def distance(self, student: PreTrainedModel) -> float:
        """Kullback-Leibler distance to the teacher."""
        sentences = encode(self.texts, None, self.tokenizer, MAX_LENGTH)
        said, right = (torch.from_numpy(predict(model, sentences)) for model in (student, self.teacher))
        return soft_targets(said, right, 1.0).item()


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Lesson:
    draw = random.Random(0)
    words = (["dull", "stale", "bland", "noisy"], ["warm", "funny", "fresh", "clever"])
    labels = [n % 2 for n in range(320)]
    frames = ["the plot is {} and rather {}", "a {} film , at times even {} , as my friends thought", "{} and {}"]
    texts = [draw.choice(frames).format(*draw.sample(words[label], 2)) for label in labels]
    folder = tmp_path_factory.mktemp("lesson") / "encoder"
    make_encoder(folder, texts, labels)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        teacher = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=2).to(device())
        optimiser = torch.optim.Adam(teacher.parameters(), lr=3e-3)
        coded = tokenizer(texts, padding=True, return_tensors="pt").to(device())
        for _ in range(15):
            said = teacher(**coded, labels=torch.tensor(labels, device=device()))
            optimiser.zero_grad()
            said.loss.backward()
            optimiser.step()
    return Lesson(texts, np.array(labels), tokenizer, teacher.eval())


@dataclass
class Heard:
    """What a model read and how it multiplied while a student was trained; validations are not heard."""

    widths: set[int] = field(default_factory=set)
    dtypes: set[torch.dtype] = field(default_factory=set)
    batches: int = 0


@contextmanager
def listen(model: Any) -> Iterator[Heard]:
    heard = Heard()

    def before(_: Any, __: Any, inputs: dict[str, torch.Tensor]) -> None:
        if not torch.is_inference_mode_enabled():
            heard.widths.add(inputs["input_ids"].shape[1])
            heard.batches += 1

    def after(_: Any, __: Any, said: torch.Tensor) -> None:
        if not torch.is_inference_mode_enabled():
            heard.dtypes.add(said.dtype)

    ears = model.register_forward_pre_hook(before, with_kwargs=True), model.classifier.register_forward_hook(after)
    yield heard
    for ear in ears:
        ear.remove()


def new_student(lesson: Lesson) -> RoSearchForSequenceClassification:
    node = {"operation": "transformer", "heads": 2, "feed_forward": 32, "activation": "gelu", "teacher_layer": 1}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return RoSearchForSequenceClassification(
            RoSearchConfig(
                vocab_size=len(lesson.tokenizer),
                hidden_size=16,
                embedding_rank=8,
                head_size=8,
                max_position_embeddings=32,
                nodes=[node],
                edges=[[0, 1], [1, 2]],
                num_labels=2,
            )
        )


def train(lesson: Lesson, student: RoSearchForSequenceClassification, **changes: Any) -> StockRun:
    settings: dict[str, Any] = {
        "epochs": 2,
        "batch": BATCH,
        "learning_rate": 1e-2,
        "temperature": 2.0,
        "hard_weight": 0.2,
        "max_length": MAX_LENGTH,
        "modern": False,
        "stop_at": None,
        "seed": 0,
        "validate_every": 15,
    }
    data = (lesson.texts, lesson.labels, lesson.texts[:50], lesson.labels[:50])
    return distil_with_trainer(student, lesson.teacher, *data, lesson.tokenizer, **settings | changes)


@pytest.mark.parametrize("modern", [False, True])
def test_both_learn_and_leave_the_teacher_alone(
    lesson: Lesson, modern: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    student = new_student(lesson)
    far = lesson.distance(student)
    weights = {name: value.clone() for name, value in lesson.teacher.state_dict().items()}
    run = train(lesson, student, modern=modern)
    assert lesson.distance(student) < 0.2 * far
    assert run.curve[-1].accuracy > 0.9
    assert all(torch.equal(value, weights[name]) for name, value in lesson.teacher.state_dict().items())
    assert [point.steps for point in run.curve] == [15, 30, 40]
    assert [point.seconds for point in run.curve] == sorted(point.seconds for point in run.curve)
    assert capfd.readouterr() == ("", "")


def test_the_one_pads_to_the_maximum_in_float32(lesson: Lesson) -> None:
    student = new_student(lesson)
    with listen(student) as learnt, listen(lesson.teacher) as asked:
        run = train(lesson, student, epochs=1)
    assert learnt == asked == Heard({MAX_LENGTH}, {torch.float32}, len(lesson.texts) // BATCH)
    assert run.curve[-1].tokens == len(lesson.texts) * MAX_LENGTH
    assert not run.bfloat16


def test_the_other_pads_to_the_longest_in_bfloat16(lesson: Lesson, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stock, "has_fast_bfloat16", lambda where: True)
    student = new_student(lesson)
    with listen(student) as learnt, listen(lesson.teacher) as asked:
        run = train(lesson, student, epochs=1, modern=True)
    assert learnt == asked
    assert max(learnt.widths) < MAX_LENGTH
    assert learnt.dtypes == {torch.bfloat16}
    assert learnt.batches == len(lesson.texts) // BATCH
    assert run.curve[-1].tokens < len(lesson.texts) * MAX_LENGTH
    assert run.bfloat16


def test_no_bfloat16_where_the_machine_is_slow_at_it(lesson: Lesson, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stock, "has_fast_bfloat16", lambda where: False)
    student = new_student(lesson)
    with listen(student) as learnt:
        run = train(lesson, student, epochs=0.5, modern=True)
    assert learnt.dtypes == {torch.float32}
    assert max(learnt.widths) < MAX_LENGTH
    assert not run.bfloat16


def test_nothing_of_the_one_is_left_for_the_next(lesson: Lesson, monkeypatch: pytest.MonkeyPatch) -> None:
    """`Trainer` hands its precision on in an environment variable, seeds all dice and wraps the model."""
    monkeypatch.setattr(stock, "has_fast_bfloat16", lambda where: True)
    before = dict(os.environ)
    dice = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # type: ignore[index]
    student = new_student(lesson)
    train(lesson, student, epochs=0.1, modern=True)
    assert dict(os.environ) == before
    assert dice == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())  # type: ignore[index]
    assert not student.training
    coded = lesson.tokenizer(lesson.texts[:4], padding=True, return_tensors="pt").to(device())
    with listen(student) as asked:
        student(**coded)
    assert asked.dtypes == {torch.float32}
    with listen(student) as learnt:
        train(lesson, student, epochs=0.1)
    assert learnt.dtypes == {torch.float32}


def test_it_stops_at_the_accuracy_asked_for(lesson: Lesson) -> None:
    stopped = train(lesson, new_student(lesson), stop_at=0.9, epochs=50, validate_every=5)
    assert [point.accuracy >= 0.9 for point in stopped.curve] == [False] * (len(stopped.curve) - 1) + [True]
    assert stopped.curve[-1].steps < 50 * len(lesson.texts) / BATCH
    never = train(lesson, new_student(lesson), stop_at=1.01, epochs=1.5)
    assert never.curve[-1].steps == 30


def test_equal_seeds_go_the_same_way(lesson: Lesson) -> None:
    students = [new_student(lesson) for _ in range(3)]
    for student, seed in zip(students, (1, 1, 2), strict=True):
        train(lesson, student, epochs=0.5, seed=seed)
    first, second, other = (student.classifier.weight for student in students)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("change", [{"hard_weight": 5.0}, {"temperature": 8.0}, {"group_by_length": True}])
def test_every_setting_counts(lesson: Lesson, change: dict[str, Any]) -> None:
    plain, changed = new_student(lesson), new_student(lesson)
    train(lesson, plain, epochs=0.2)
    train(lesson, changed, epochs=0.2, **change)
    assert not torch.equal(plain.classifier.weight, changed.classifier.weight)


def test_a_teacher_without_token_types(lesson: Lesson) -> None:
    sizes = {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32, "vocab_size": len(lesson.tokenizer)}
    teacher = DistilBertForSequenceClassification(DistilBertConfig(**sizes))
    run = train(replace(lesson, teacher=teacher), new_student(lesson), epochs=0.2)
    assert run.curve[-1].steps == 4


def test_without_accelerate_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distil, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install accelerate"):
        distil.bench_distil(1.0, naive=False, progress=Progress())
