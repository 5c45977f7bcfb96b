"""A built student is what its genome says: size, work, shape, start; and no sentence sees its batch mates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    DistilBertConfig,
    ElectraConfig,
    MPNetConfig,
    PreTrainedModel,
    RobertaConfig,
)

from rosearch_engine.config import RunConfig, SpaceConfig
from rosearch_engine.errors import UserError
from rosearch_engine.genome import Frame, Genome, Node, Space, cost
from rosearch_engine.genome.ops import embedding_weights, node_weights
from rosearch_engine.inference import inputs_for
from rosearch_engine.student.anatomy import dissect, frame
from rosearch_engine.student.build import build
from rosearch_engine.student.modeling import RoSearchForSequenceClassification
from tests.property.strategies import FRAME, genomes_in

CLASSES = ("bad", "middling", "good")
SPACE = SpaceConfig()
few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def built(genome: Genome, frame: Frame = FRAME, teacher: PreTrainedModel | None = None, seed: int = 0):
    return build(genome, frame, CLASSES, 0, teacher=teacher, seed=seed).eval()


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def one_of(operation: str, merge: str = "mean", pooling: str = "mean", edges=((0, 1), (1, 2))) -> Genome:
    """A genome whose inner nodes all hold the operation."""
    nodes = [Node(operation, heads=2, feed_forward=24, activation="gelu", teacher_layer=1)] * (max(edges)[1] - 1)
    return Genome.of(width=16, rank=8, pooling=pooling, merge=merge, nodes=nodes, edges=edges)


DIAMOND = ((0, 1), (0, 2), (0, 3), (1, 3), (1, 4), (2, 4), (3, 4))


def assert_costs_agree(genome: Genome, frame: Frame, length: int) -> None:
    model, said = built(genome, frame), cost(genome, frame, length)
    ids = torch.ones((1, length), dtype=torch.long)
    # Attention is counted where it is written out as matrix products; which kernel runs it changes no work.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(ids)
    assert said.weights == count(model)
    assert said.encoder_weights == count(model.operations) + count(model.merges[:-1])
    assert said.flops == counter.get_total_flops()
    assert said.compression == pytest.approx(frame.weights / count(model))
    assert embedding_weights(genome, frame) == count(model.embedding)
    assert node_weights(genome, genome.head, frame) == count(model.classifier) + count(model.merges[-1])


@few
@given(genomes_in())
def test_costs_equal_the_built_model(drawn: tuple[Space, Genome]) -> None:
    assume(not drawn[1].is_bag)
    assert_costs_agree(drawn[1], FRAME, length=7)


@pytest.mark.parametrize("merge", SPACE.merges)
@pytest.mark.parametrize("operation", SPACE.operations)
@pytest.mark.parametrize("types", [0, 2])
def test_costs_of_every_operation_and_merge(operation: str, merge: str, types: int) -> None:
    for edges in (((0, 1), (1, 2)), DIAMOND):
        assert_costs_agree(one_of(operation, merge, edges=edges), replace(FRAME, token_types=types), length=12)


@pytest.mark.parametrize("coefficients", [0, 2])
@pytest.mark.parametrize("context", ["free", "bounded", "invariant"])
def test_costs_in_every_context(context: str, coefficients: int) -> None:
    genome = replace(one_of("conv5"), context=context, bound=0.5 if context == "bounded" else 0.0, kappa=0.4)
    frame = replace(FRAME, coefficients=coefficients, groups={"plain": 70})
    assert_costs_agree(genome, frame, length=9)
    model = built(genome, frame)
    assert (model.ledger is None) == (context == "free")
    assert model.embedding.words.num_embeddings == (70 if context == "invariant" else FRAME.vocabulary)
    assert model.config.coefficients == (coefficients if context == "invariant" else 0)


def disturb(model: torch.nn.Module) -> torch.nn.Module:
    """Random numbers in every weight, so that nothing cancels by a start at zero or one."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return model


@pytest.mark.parametrize("pooling", SPACE.poolings)
@pytest.mark.parametrize("merge", SPACE.merges)
@pytest.mark.parametrize("operation", SPACE.operations)
def test_a_sentence_does_not_see_its_batch_mates(operation: str, merge: str, pooling: str) -> None:
    torch.manual_seed(0)
    model = disturb(built(one_of(operation, merge, pooling, DIAMOND)))
    sentences = [torch.randint(1, 1000, (1, length)) for length in (3, 9, 1, 17)]
    longest = 20
    ids = torch.zeros((len(sentences), longest), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, sentence in enumerate(sentences):
        ids[row, : sentence.shape[1]], mask[row, : sentence.shape[1]] = sentence[0], 1
    with torch.no_grad():
        together = model(ids, attention_mask=mask).logits
        alone = torch.cat([model(sentence).logits for sentence in sentences])
        # Whatever stands in the padding must not matter either.
        noisy = model(torch.where(mask.bool(), ids, 7), attention_mask=mask).logits
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(together, noisy, rtol=0, atol=0)
    assert (alone - alone[0]).abs().max() > 1e-3, "sentences that all get the same logits would prove nothing"


@few
@given(genomes_in())
def test_padding_leaves_any_student_alone(drawn: tuple[Space, Genome]) -> None:
    _, genome = drawn
    assume(not genome.is_bag)
    model, ids = built(genome), torch.tensor([[5, 6, 7, 8, 0, 0, 0]])
    with torch.no_grad():
        said = model(ids, attention_mask=(ids > 0).long(), output_hidden_states=True)
        alone = model(ids[:, :4], output_hidden_states=True)
    assert said.logits.shape == (1, 3)
    assert len(said.hidden_states) == len(genome.nodes) + 1
    torch.testing.assert_close(said.logits, alone.logits, rtol=1e-5, atol=1e-5)
    for padded, state in zip(said.hidden_states, alone.hidden_states, strict=True):
        torch.testing.assert_close(padded[:, :4], state, rtol=1e-5, atol=1e-4)


def test_equal_seeds_build_equal_students_and_leave_the_dice_alone() -> None:
    genome = one_of("transformer")
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    first, second, third = built(genome, seed=1), built(genome, seed=1), built(genome, seed=2)
    assert torch.equal(before, torch.random.get_rng_state())
    same = [torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True)]
    other = [torch.equal(a, b) for a, b in zip(first.parameters(), third.parameters(), strict=True)]
    assert all(same)
    assert not all(other)


def test_gates_start_as_the_mean() -> None:
    ids = torch.tensor([[4, 5, 6]])
    gates, mean = built(one_of("conv3", "gates", edges=DIAMOND)), built(one_of("conv3", "mean", edges=DIAMOND))
    mean.load_state_dict({name: value for name, value in gates.state_dict().items() if not name.endswith("gates")})
    with torch.no_grad():
        torch.testing.assert_close(gates(ids).logits, mean(ids).logits)


def test_it_is_an_ordinary_transformers_model() -> None:
    model = built(one_of("transformer"))
    ids, labels = torch.tensor([[4, 5, 6], [7, 8, 9]]), torch.tensor([0, 2])
    said = model(ids, labels=labels)
    assert said.loss.item() == pytest.approx(torch.nn.functional.cross_entropy(said.logits, labels).item())
    loss, logits = model(ids, labels=labels, return_dict=False)
    assert torch.equal(loss, said.loss)
    assert torch.equal(logits, said.logits)
    assert model.config.id2label == {0: "bad", 1: "middling", 2: "good"}


TINY = {"vocab_size": 120, "num_labels": 3}
FAMILIES: dict[str, Callable[[], object]] = {
    "bert": lambda: BertConfig(
        **TINY, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=48
    ),
    "roberta": lambda: RobertaConfig(
        **TINY,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=514,
        type_vocab_size=1,
    ),
    "mpnet": lambda: MPNetConfig(
        **TINY,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=514,
    ),
    "distilbert": lambda: DistilBertConfig(**TINY, dim=32, n_layers=3, n_heads=4, hidden_dim=48),
}


def tiny_teacher(family: str) -> PreTrainedModel:
    torch.manual_seed(0)
    return disturb(AutoModelForSequenceClassification.from_config(FAMILIES[family]())).eval()  # type: ignore[return-value]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_taken_apart(family: str) -> None:
    teacher = tiny_teacher(family)
    found = frame(teacher, 3)
    assert (found.vocabulary, found.positions, found.width, found.layers) == (120, 512, 32, 3)
    assert (found.heads, found.head_size, found.feed_forward, found.classes) == (4, 8, 48, 3)
    assert found.weights == count(teacher)
    layers = [module for name, module in teacher.named_modules() if name.endswith(("layer.0", "layer.1", "layer.2"))]
    assert sum(map(count, layers)) <= found.encoder_weights <= sum(map(count, layers)) + 32 * 4


@pytest.mark.parametrize("family", FAMILIES)
def test_a_whole_layer_is_inherited_whole(family: str) -> None:
    """A student as wide as its teacher computes the teacher's first layer from the teacher's own embedding."""
    teacher = tiny_teacher(family)
    facts = frame(teacher, 3)
    node = Node("transformer", heads=4, feed_forward=48, activation="gelu", teacher_layer=1)
    genome = Genome.of(width=32, rank=32, pooling="mean", merge="mean", nodes=[node], edges=[(0, 1), (1, 2)])
    student = build(genome, facts, CLASSES, 1, teacher=teacher, seed=0).eval()
    ids = torch.tensor([[5, 17, 40, 8, 99, 23]])
    student.config.layer_norm_eps = getattr(teacher.config, "layer_norm_eps", 1e-12)
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    with torch.no_grad():
        theirs = teacher(**inputs_for(teacher, batch), output_hidden_states=True).hidden_states
        mine = student(ids, output_hidden_states=True).hidden_states
    torch.testing.assert_close(mine[0], theirs[0], rtol=1e-3, atol=1e-3)
    if family != "mpnet":  # its relative attention bias has no place in a student
        torch.testing.assert_close(mine[1], theirs[1], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_smaller_student_inherits_parts_of_its_teacher(family: str) -> None:
    teacher = tiny_teacher(family)
    nodes = [
        Node("transformer", heads=2, feed_forward=16, activation="relu", teacher_layer=3),
        Node("attention", heads=1, teacher_layer=2),
        Node("feed_forward", feed_forward=24, activation="silu", teacher_layer=1),
        Node("conv5", activation="gelu", teacher_layer=2),
    ]
    edges = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]
    genome = Genome.of(width=16, rank=8, pooling="cls", merge="gates", nodes=nodes, edges=edges)
    student: Any = build(genome, frame(teacher, 3), CLASSES, 1, teacher=teacher, seed=0)
    layers = dissect(teacher).layers
    for mine, theirs in (
        (student.operations[0].attention.query, layers[2].query),
        (student.operations[0].feed_forward.inner, layers[2].inner),
        (student.operations[1].value, layers[1].value),
        (student.operations[2].outer, layers[0].outer),
    ):
        # Each number of the student's matrix stands in the teacher's.
        assert torch.isin(mine.weight, theirs.weight).all()
    assert not torch.isin(student.operations[3].pointwise.weight, layers[1].inner.weight).any()


def test_an_unknown_family_is_refused() -> None:
    stranger = AutoModelForSequenceClassification.from_config(
        ElectraConfig(**TINY, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    )
    with pytest.raises(UserError, match="'electra' are not supported"):
        dissect(stranger)


def test_every_chain_of_the_default_space_can_be_built() -> None:
    space = Space.of(RunConfig().space, FRAME)
    for layers in range(1, 7):
        model = built(space.chain(layers))
        assert isinstance(model, RoSearchForSequenceClassification)
        assert len(model.operations) == layers


@pytest.mark.parametrize("embeddings", [False, True], ids=["linear", "and embeddings"])
def test_a_quantised_student_answers(embeddings: bool) -> None:
    from torch.ao.quantization import float_qparams_weight_only_qconfig, quantize_dynamic

    model = built(one_of("transformer"))
    ids = torch.randint(1, FRAME.vocabulary, (3, 7), generator=torch.Generator().manual_seed(0))
    wanted: Any = {torch.nn.Linear: torch.ao.quantization.default_dynamic_qconfig}
    if embeddings:
        wanted[torch.nn.Embedding] = float_qparams_weight_only_qconfig
    small = quantize_dynamic(model, wanted)
    with torch.no_grad():
        before, after = model(ids).logits, small(ids).logits
    assert after.shape == before.shape
    torch.testing.assert_close(after, before, atol=0.2, rtol=0.2)
