"""What of an operation's file travels with a checkpoint."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from rosearch_engine import operations
from rosearch_engine.checkpoints.export import write_checkpoint
from rosearch_engine.checkpoints.portable import portable
from rosearch_engine.errors import UserError
from rosearch_engine.operations import unregister
from rosearch_engine.student.build import random_student
from tests.conftest import ROOT
from tests.property.strategies import FRAME
from tests.unit.student.test_modules import CLASSES, chain_of

BOTH = '''"""A module and its operation."""

from __future__ import annotations

import math
import statistics
from typing import Any

import torch
from rosearch_engine.operations import Genes, Operation, register

SCALE = math.sqrt(2)


@torch.no_grad()
def helper(weights: Any) -> Any:
    return weights * SCALE


class Module:
    def forward(self, x):
        weights = helper(x)
        return weights


def weights(node: Genes, width: int, head_size: int) -> int:
    return width


def doubled(width):
    return statistics.mean([weights(None, width, 1)]) * 2


ONE = Operation(name="one", weights=weights)
register(ONE)

if __name__ == "__main__":
    print(ONE)
'''


def names_in(source: str) -> set[str]:
    tree = ast.parse(source)
    found = {one.name for one in tree.body if isinstance(one, ast.FunctionDef | ast.ClassDef)}
    return found | {alias.name for one in ast.walk(tree) if isinstance(one, ast.Import) for alias in one.names}


def test_what_hangs_on_the_project_stays_behind() -> None:
    left = portable(BOTH)
    assert names_in(left) == {"math", "torch", "helper", "Module"}, "a local name that is lost elsewhere is no matter"
    assert "rosearch_engine" not in left
    assert "__main__" not in left
    assert "@torch.no_grad()\ndef helper" in left
    assert "SCALE = math.sqrt(2)\n" in left
    assert portable(left) == left


def test_a_file_that_needs_nothing_of_the_project_stays_as_it_is() -> None:
    files = [*(ROOT / "rosearch_engine" / "operations").glob("*_module.py")]
    assert files
    for source in (file.read_text(encoding="utf-8") for file in files):
        assert portable(source) == source
    unused = "import math\nimport torch\n\n\n\n\n\nONE = torch.ones(1)"
    assert portable(unused) == unused


def test_an_import_inside_a_function_counts() -> None:
    source = (
        "import torch\n\n\ndef a():\n    from rosearch_engine.front import front\n\n    return front\n\n\nX = torch\n"
    )
    assert names_in(portable(source)) == {"torch"}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for the file of an operation of one's own."""
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in set(operations.names()) - BUILT_IN:
        unregister(name)


BUILT_IN = set(operations.names())
TOKENIZER = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]")))


@pytest.mark.parametrize(
    ("file", "changed", "problem"),
    [
        ("modeling", None, "name is taken"),
        ("needs_the_project", ("super().__init__()", "super().__init__(); register"), "needs rosearch_engine"),
    ],
)
def test_a_module_that_cannot_travel_is_refused(
    own: Path, file: str, changed: tuple[str, str] | None, problem: str
) -> None:
    shutil.copy(ROOT / "examples" / "add_an_operation.py", own / f"{file}.py")
    if changed:
        source = (own / f"{file}.py").read_text(encoding="utf-8")
        (own / f"{file}.py").write_text(source.replace(*changed), encoding="utf-8")
    import_module(file)
    student = random_student(chain_of("average"), FRAME, CLASSES, 0)
    with pytest.raises(UserError, match=problem):
        write_checkpoint(student, TOKENIZER, own / "checkpoint")
