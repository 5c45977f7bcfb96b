"""What the program takes for granted of every operation, from the draw to the exported checkpoint.

A new one joins by its name in the registry. One that is not of the program is there too: that of the example, which is
one file and was made known by `register`.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from app.architecture import drawing
from app.architecture.drawing import families
from app.search import forms
from rosearch_engine import operations
from rosearch_engine.checkpoints.export import write_checkpoint
from rosearch_engine.config import SpaceConfig, build
from rosearch_engine.genome import Genome, Node, Space, cost
from rosearch_engine.genome.features import features, words
from rosearch_engine.genome.operators import crossover, mutate, sample
from rosearch_engine.operations import Operation, operation, register, unregister
from rosearch_engine.student import anatomy
from rosearch_engine.student.build import build as build_student
from tests.conftest import elsewhere
from tests.property.strategies import FRAME
from tests.property.test_genomes import assert_in_space, shuffled
from tests.unit.distil import test_distil as distilling
from tests.unit.student import test_student as students

TOY = "average"
BUILT_IN = operations.names()
CLASSES = ("bad", "middling", "good")
IDS = [[5, 6, 7, 8, 9, 10], [11, 3, 11, 4, 11, 2]]

pytestmark = pytest.mark.parametrize("name", [*BUILT_IN, TOY])


@pytest.fixture(scope="module", autouse=True)
def toy() -> Iterator[None]:
    """The example's operation, registered as its readers do it: by importing its file."""
    importlib.import_module("examples.add_an_operation")
    yield
    unregister(TOY)
    del sys.modules["examples.add_an_operation"]


def space_of(*names: str, **more: Any) -> Space:
    return Space.of(SpaceConfig(operations=names, **more), FRAME)


def drawn(name: str, count: int = 12) -> list[Genome]:
    """Random genomes, all of whose inner nodes hold the operation."""
    rng = np.random.default_rng(0)
    return [sample(space_of(name, max_nodes=4), rng) for _ in range(count)]


def student(genome: Genome, seed: int = 0) -> Any:
    return build_student(genome, FRAME, CLASSES, 0, teacher=None, seed=seed).eval()


def test_it_is_registered_by_its_name_alone(name: str) -> None:
    known = operation(name)
    assert known.name == name
    assert name in operations.names()
    assert known in operations.operations()
    register(known)
    with pytest.raises(ValueError, match=f"'{name}' already"):
        register(Operation(**{**vars(known), "title": "Another"}))


def test_only_what_was_registered_is_forgotten(name: str) -> None:
    known = operation(name)
    if name in BUILT_IN:
        with pytest.raises(ValueError, match="built in"):
            unregister(name)
    else:
        unregister(name)
        assert operations.names() == BUILT_IN
        register(known)
    assert operation(name) is known


def test_settings_and_the_form_take_its_name(name: str) -> None:
    assert build("standard", settings=[f'space.operations=["{name}"]']).space.operations == (name,)
    (item, _) = get_args(SpaceConfig.model_fields["operations"].annotation)
    assert name in forms._options(item)


def test_genomes_with_it_are_drawn_crossed_and_mutated(name: str) -> None:
    space, rng = space_of(name, max_nodes=4), np.random.default_rng(1)
    genomes = drawn(name)
    assert len({genome.digest for genome in genomes}) > 1
    for genome in genomes:
        child, _ = mutate(genome, space, rng)
        for one in (genome, child, crossover(genome, child, space, rng)):
            assert_in_space(one, space)
            assert {node.operation for node in one.nodes} == {name}
            assert shuffled(one, rng) == one
        for node in genome.nodes:
            own = {gene for gene, value in vars(node).items() if value and gene != "operation"}
            assert own == operation(name).genes


def test_mutations_lead_to_it_and_away(name: str) -> None:
    other = next(one for one in BUILT_IN if one != name)
    space, rng = space_of(name, other, max_nodes=2), np.random.default_rng(0)
    said = {mutate(sample(space, rng), space, rng)[1].split(": ")[-1] for _ in range(200)}
    assert {f"{other} became {name}", f"{name} became {other}"} <= said


def test_it_costs_what_its_module_does(name: str) -> None:
    for genome in drawn(name):
        students.assert_costs_agree(genome, FRAME, length=7)


@pytest.mark.parametrize("pooling", SpaceConfig().poolings)
def test_a_sentence_does_not_see_its_batch_mates(name: str, pooling: str) -> None:
    students.test_a_sentence_does_not_see_its_batch_mates(name, "gates", pooling)


@pytest.mark.parametrize("family", students.FAMILIES)
def test_it_inherits_if_it_says_so(name: str, family: str) -> None:
    """What comes from the teacher is alike for all seeds; what is drawn is not."""
    teacher = students.tiny_teacher(family)
    frame = anatomy.frame(teacher, 3)
    genome = sample(Space.of(SpaceConfig(operations=(name,), max_nodes=1), frame), np.random.default_rng(0))
    first, second = (build_student(genome, frame, CLASSES, 1, teacher=teacher, seed=seed) for seed in (1, 2))
    pairs = zip(first.operations.parameters(), second.operations.parameters(), strict=True)
    alike = [torch.equal(mine, theirs) for mine, theirs in pairs]
    if alike:
        assert all(alike) == operation(name).inherits
    assert hasattr(operation(name).load(), "inherit") == operation(name).inherits
    if operation(name).inherits:
        assert "teacher_layer" in operation(name).genes, "it would not be known which layer"


def test_a_student_of_it_learns_from_its_teacher(name: str, bench: Any) -> None:
    node = Node(name, heads=2, feed_forward=32, activation="gelu", teacher_layer=1)
    genome = Genome.of(width=16, rank=8, pooling="mean", merge="mean", nodes=[node], edges=[(0, 1), (1, 2)])
    model = distilling.student(bench, genome=genome, inherit=True)
    before = {key: value.clone() for key, value in model.operations.state_dict().items()}
    far = distilling.distance(bench, model)
    training = distilling.train(bench, model)
    assert training.curve[-1][1] < training.curve[0][1]
    assert distilling.distance(bench, model) < 0.9 * far
    assert not [key for key, value in model.operations.state_dict().items() if torch.equal(value, before[key])]


def test_it_is_pictured(name: str) -> None:
    known = operation(name)
    assert families()[known.family.name] == known.family, "another family has its name"
    for genome in drawn(name, count=4):
        assert sum(box.weights or 0 for box in drawing.boxes(genome, FRAME)) == cost(genome, FRAME).weights
        picture = ElementTree.fromstring(drawing.svg(genome, FRAME))
        own = [g for g in picture.iter() if g.get("class") == "node" and 0 < int(g.get("data-id", 0)) < genome.head]
        assert len(own) == len(genome.nodes)
        for group, node in zip(own, genome.nodes, strict=True):
            said = [part.text for part in group.iter() if part.text]
            assert known.title in said
            assert known.sizes(node, genome.width) in said
            (body,) = (part for part in group.iter() if part.get("class") == "body")
            for colour in (known.family.back, known.family.line, f"--st-{known.family.colour}-"):
                assert colour in body.get("style", "")


def test_statistics_count_it_and_have_words_for_it(name: str) -> None:
    for genome in drawn(name, count=4):
        assert features(genome)[f"n_{name}"] == len(genome.nodes)
        assert set(features(genome)) == set(words())
    assert words()[f"n_{name}"].name == operation(name).several


ASK = """
import json, sys
try:
    import rosearch_engine
    sys.exit("the engine is here, so that loading without it cannot be tried")
except ModuleNotFoundError:
    pass
import torch
from transformers import AutoModelForSequenceClassification
said = {}
for name, folder in json.loads(sys.argv[1]).items():
    model = AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True).eval()
    with torch.no_grad():
        said[name] = model(torch.tensor(json.loads(sys.argv[2]))).logits.tolist()
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def exported(toy: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """A student of each operation, and what their checkpoints say where the project is not."""
    place = tmp_path_factory.mktemp("exported")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]")))
    made: dict[str, Any] = {}
    folders: dict[str, str] = {}
    for name in operations.names():
        made[name] = student(max(drawn(name), key=lambda genome: len(genome.edges)))
        students.disturb(made[name])
        folders[name] = str(place / f"of_{name}")
        Path(folders[name]).mkdir()
        write_checkpoint(made[name], tokenizer, Path(folders[name]))
    # One Python asks them all: each would import torch and transformers anew.
    said = json.loads(elsewhere(ASK, json.dumps(folders), json.dumps(IDS), folder=place))
    return made, said


def test_its_checkpoint_answers_alike_without_the_project(
    name: str, exported: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    made, said = exported
    with torch.no_grad():
        mine = made[name](torch.tensor(IDS)).logits
    assert np.abs(np.array(said[name]) - mine.numpy()).max() == 0.0
    assert (mine[0] - mine[1]).abs().max() > 1e-3
