"""However a student comes into being, the modules of its operations are there."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from rosearch_engine import spawn
from rosearch_engine.genome import Genome, Node
from rosearch_engine.operations import names
from rosearch_engine.student.build import random_student, student_config
from rosearch_engine.student.modeling import RoSearchForSequenceClassification
from tests.property.strategies import FRAME

CLASSES = ("bad", "middling", "good")
IDS = torch.tensor([[5, 6, 7, 8]])

# Each in a Python of its own, where nothing was imported before.
WAYS = {
    "constructed": """
from rosearch_engine.student.modeling import RoSearchConfig, RoSearchForSequenceClassification
model = RoSearchForSequenceClassification(RoSearchConfig.from_pretrained(folder))
model.load_state_dict(load_file(f"{folder}/model.safetensors"))
""",
    "from_pretrained": """
from rosearch_engine.student.modeling import RoSearchForSequenceClassification
model = RoSearchForSequenceClassification.from_pretrained(folder)
""",
    "unpickled": """
model = pickle.loads(open(f"{folder}/model.pickle", "rb").read())
type(model)(model.config)
""",
}
ASK = """
import pickle, sys
import torch
from safetensors.torch import load_file
folder = sys.argv[1]
{way}
with torch.no_grad():
    said = model.eval()(torch.tensor({ids})).logits
torch.save(said, sys.argv[2])
"""


def chain_of(*operations: str) -> Genome:
    """A chain with one node of each operation."""
    nodes = [Node(name, heads=2, feed_forward=24, activation="gelu", teacher_layer=1) for name in operations]
    edges = [(place, place + 1) for place in range(len(nodes) + 1)]
    return Genome.of(width=16, rank=8, pooling="mean", merge="mean", nodes=nodes, edges=edges)


@pytest.mark.parametrize("way", WAYS)
def test_a_student_is_whole_in_a_python_that_imported_nothing_before(way: str, tmp_path: Path) -> None:
    model = random_student(chain_of(*names()), FRAME, CLASSES, 0).eval()
    model.save_pretrained(tmp_path)
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(model))
    script, answer = ASK.format(way=WAYS[way], ids=IDS.tolist()), tmp_path / "answer.pt"
    command = [sys.executable, "-c", script, str(tmp_path), str(answer)]
    ended = subprocess.run(command, env=spawn.environment(), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    with torch.no_grad():
        assert torch.equal(torch.load(answer), model(IDS).logits)


def test_an_operation_that_nobody_knows_is_named() -> None:
    config = student_config(chain_of("identity"), FRAME, CLASSES, 0)
    config.nodes = [config.nodes[0] | {"operation": "lstm"}]
    with pytest.raises(KeyError, match="lstm"):
        RoSearchForSequenceClassification(config)
