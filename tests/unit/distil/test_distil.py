"""Distillation of real sentences: the losses as published, the loop moves them, seeds decide all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from rosearch_engine.config import DistilConfig
from rosearch_engine.distil.loop import Distillation, Diverged, supervised_nodes
from rosearch_engine.distil.losses import hidden_states, relations, soft_targets
from rosearch_engine.genome import Genome, Node
from rosearch_engine.inference import predict
from rosearch_engine.progress import Progress, Stopped
from rosearch_engine.student.build import build

CONFIG = DistilConfig(epochs=1, tokens=640, learning_rate=3e-3)
NODES = [
    Node("transformer", heads=2, feed_forward=32, activation="gelu", teacher_layer=1),
    Node("conv3", activation="relu", teacher_layer=2),
    Node("identity"),
]
GENOME = Genome.of(
    width=16, rank=8, pooling="mean", merge="gates", nodes=NODES, edges=[(0, 1), (1, 2), (0, 3), (2, 4), (3, 4)]
)


def student(bench, seed: int = 0, genome: Genome = GENOME, inherit: bool = False):
    teacher = bench.teacher.model if inherit else None
    return build(
        genome, bench.frame, bench.data.classes, bench.pad, teacher=teacher, seed=seed, pieces=bench.read.pieces
    )


def train(bench, model, config: DistilConfig = CONFIG, seed: int = 0, corpus=None, progress=None):
    training = Distillation(model, corpus or bench.readings["plain"].corpus, config, seed)
    return training.run(training.steps, progress or Progress())


def distance(bench, model) -> float:
    """Kullback-Leibler distance to the teacher on the distillation sentences."""
    corpus = bench.readings["plain"].corpus
    mine = torch.from_numpy(predict(model, corpus.sentences))
    return soft_targets(mine, torch.from_numpy(np.array(corpus.teacher.logits)), 1.0).item()


def test_soft_targets_as_published() -> None:
    """Hinton et al. 2015: T squared times the divergence of the softened distributions."""
    draw = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(5, 3, generator=draw), torch.randn(5, 3, generator=draw)
    for temperature in (1.0, 4.0):
        p, q = (teacher / temperature).softmax(-1), (student / temperature).softmax(-1)
        expected = temperature**2 * (p * (p.log() - q.log())).sum(-1).mean()
        assert soft_targets(student, teacher, temperature).item() == pytest.approx(expected.item(), rel=1e-5)
    assert soft_targets(teacher, teacher, 2.0).item() == pytest.approx(0.0, abs=1e-6)
    assert soft_targets(teacher + 7, teacher, 2.0).item() == pytest.approx(0.0, abs=1e-5)


def test_soft_targets_gradient_keeps_its_size() -> None:
    student = torch.tensor([[0.3, -0.2]], requires_grad=True)
    teacher = torch.tensor([[0.1, 0.2]])
    sizes = [torch.autograd.grad(soft_targets(student, teacher, t), student)[0].norm().item() for t in (1.0, 10.0)]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.1)


def test_hidden_states_distance_is_of_unit_vectors() -> None:
    a = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    assert hidden_states(a, 5 * a).item() == pytest.approx(0.0, abs=1e-6)
    assert hidden_states(a, -a).item() == pytest.approx(4.0)
    assert hidden_states(a, a.flip(1)).item() == pytest.approx(2.0)


def test_relations_see_likenesses_alone() -> None:
    """Tung & Mori 2019: turned, scaled or of another width, equal likenesses are equal."""
    draw = torch.Generator().manual_seed(0)
    states = torch.randn(6, 4, generator=draw)
    turn, _ = torch.linalg.qr(torch.randn(4, 4, generator=draw))
    wider = torch.cat([3 * states @ turn + 1, torch.ones(6, 3)], dim=1)
    assert relations(wider, states).item() == pytest.approx(0.0, abs=1e-5)
    assert relations(torch.randn(6, 4, generator=draw), states).item() > 0.1


def test_identity_nodes_imitate_no_layer(bench) -> None:
    layers = [node["teacher_layer"] for node in GENOME.as_dict()["nodes"]]
    assert supervised_nodes(student(bench)) == [(n, layer) for n, layer in enumerate(layers, start=1) if layer]


def test_training_moves_the_loss_and_every_weight(bench, workshop) -> None:
    model = student(bench)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    far = distance(bench, model)
    training = train(bench, model, CONFIG.model_copy(update={"epochs": 5}))
    assert training.steps == len(bench.readings["plain"].corpus.plan(CONFIG.tokens, 5, seed=0))
    assert training.curve[-1][0] == training.steps
    steps = [step for step, _ in training.curve]
    assert steps == sorted(set(steps))
    assert np.mean([loss for _, loss in training.curve[-5:]]) < 0.8 * np.mean([loss for _, loss in training.curve[:5]])
    assert distance(bench, model) < 0.8 * far
    still = [name for name, value in model.state_dict().items() if torch.equal(value, before[name])]
    assert still == []
    assert not model.training


def test_equal_seeds_give_equal_students_bit_by_bit(bench, workshop) -> None:
    torch.manual_seed(1)
    first = student(bench)
    train(bench, first, seed=5)
    torch.manual_seed(2)
    np.random.seed(2)
    second = student(bench)
    state = torch.random.get_rng_state()
    train(bench, second, seed=5)
    assert torch.equal(state, torch.random.get_rng_state()), "training must not disturb the dice of others"
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name


def test_a_training_in_stretches_is_the_same_training(bench, workshop) -> None:
    """The fidelity ladder trains a student in stretches: the top must not know."""
    whole, cut = student(bench), student(bench)
    train(bench, whole, seed=5)
    training = Distillation(cut, bench.readings["plain"].corpus, CONFIG, 5)
    for until in (3, 4, training.steps):
        done = training.run(until, Progress())
        assert done.steps == until
        predict(cut, bench.readings["plain"].validation)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, cut.state_dict()[name]), name


def test_other_seeds_give_other_students(bench, workshop) -> None:
    first, second = student(bench), student(bench)
    short = CONFIG.model_copy(update={"epochs": 0.1})
    train(bench, first, short, seed=5)
    train(bench, second, short, seed=6)
    assert not torch.equal(first.classifier.weight, second.classifier.weight)


@pytest.mark.parametrize(
    "change", [{"hidden_weight": 0.0}, {"hard_weight": 0.0}, {"temperature": 8.0}, {"hard_weight": 5.0}]
)
def test_every_weight_of_the_loss_counts(bench, workshop, change: dict[str, float]) -> None:
    short = CONFIG.model_copy(update={"epochs": 0.1})
    plain, changed = student(bench), student(bench)
    train(bench, plain, short)
    train(bench, changed, short.model_copy(update=change))
    assert not torch.equal(plain.classifier.weight, changed.classifier.weight)


def test_a_graph_without_a_supervised_node_trains_too(bench, workshop) -> None:
    only = Genome.of(
        width=16, rank=8, pooling="max", merge="mean", nodes=[Node("identity")], edges=[(0, 1), (0, 2), (1, 2)]
    )
    model = student(bench, genome=only)
    far = distance(bench, model)
    train(bench, model)
    assert distance(bench, model) < far


def test_the_teachers_word_is_followed_not_the_labels(bench, workshop) -> None:
    """Turned around, the teacher makes the student learn the opposite classes."""
    corpus = bench.readings["plain"].corpus
    turned = replace(corpus, teacher=replace(corpus.teacher, logits=-np.asarray(corpus.teacher.logits)))
    model = student(bench, inherit=True)
    train(bench, model, CONFIG.model_copy(update={"epochs": 2, "hard_weight": 0.0}), corpus=turned)
    sentences = bench.readings["plain"].validation
    assert (predict(model, sentences).argmax(1) == bench.data.validation.labels).mean() < 0.3


def test_an_inherited_start_is_nearer_to_the_teacher(bench, workshop) -> None:
    whole = Node("transformer", heads=4, feed_forward=64, activation="gelu", teacher_layer=1)
    chain = Genome.of(
        width=32,
        rank=32,
        pooling="mean",
        merge="mean",
        nodes=[whole, Node("transformer", 4, 64, "gelu", 2)],
        edges=[(0, 1), (1, 2), (2, 3)],
    )
    short = CONFIG.model_copy(update={"epochs": 0.5})
    heir, stranger = student(bench, genome=chain, inherit=True), student(bench, genome=chain)
    train(bench, heir, short)
    train(bench, stranger, short)
    assert distance(bench, heir) < distance(bench, stranger)


def test_a_loss_that_is_no_number_is_told(bench, workshop) -> None:
    corpus = bench.readings["plain"].corpus
    broken = replace(corpus, teacher=replace(corpus.teacher, logits=np.full_like(corpus.teacher.logits, np.nan)))
    with pytest.raises(Diverged, match="diverged"):
        train(bench, student(bench), corpus=broken)


def test_it_stops_when_asked(bench, workshop) -> None:
    class Impatient(Progress):
        def advance(self, done: int, /, **facts: Any) -> None:
            self.stop()
            super().advance(done, **facts)

    with pytest.raises(Stopped):
        train(bench, student(bench), progress=Impatient())
