"""Small students of every make, written in each form: what is read back says what the student says."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from rosearch_engine.attack.certificate import Certifier
from rosearch_engine.attack.lexicon import named_lexicon
from rosearch_engine.attack.protocol import example
from rosearch_engine.attack.run import Attacker, Target
from rosearch_engine.attack.victim import Victim
from rosearch_engine.checkpoints.export import write_checkpoint
from rosearch_engine.checkpoints.forms import FILES, FORMS, Form, chosen
from rosearch_engine.checkpoints.read import read_form
from rosearch_engine.errors import UserError
from rosearch_engine.genome import Genome, Node
from rosearch_engine.operations import names
from rosearch_engine.student.build import random_student
from rosearch_engine.student.modeling import bigram_key, bigram_slot
from tests.conftest import Workshop, sentences
from tests.property.strategies import FRAME

pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
pytest.importorskip("onnxscript", reason="the extra `onnx` is not installed")

CLASSES = ("bad", "good")
GRAPH: dict[str, Any] = {"width": 32, "rank": 16, "pooling": "mean", "merge": "gates"}
EVERY = [Node(name, heads=2, feed_forward=24, activation="gelu", teacher_layer=1) for name in names()[:6]]
# Each node reads the one before, and the last ones several.
EDGES = [(at, at + 1) for at in range(7)] + [(0, 3), (2, 6), (1, 7)]
INVARIANT: dict[str, Any] = {"ledger_bound": 0.0, "invariant": True, "coefficients": 2, "ties_in_graph": True}


@dataclass(frozen=True)
class Written:
    """A student in memory, its files, texts for it, and what is read from the files."""

    model: Any
    folder: Path
    texts: list[Any]
    read: dict[Form, Victim]

    def logits(self, form: Form, texts: list[Any] | None = None) -> np.ndarray:
        return self.read[form].logits(self.texts if texts is None else texts)


@pytest.fixture(scope="module", params=["every operation", "invariant, pairs", "bag", "bigrams"])
def written(request: pytest.FixtureRequest, made_workshop: Workshop, tmp_path_factory: Any) -> Written:
    from rosearch_engine.checkpoints.onnx_write import write_int8, write_onnx

    tokenizer = AutoTokenizer.from_pretrained(made_workshop.encoder, model_max_length=64)
    frame = replace(FRAME, vocabulary=len(tokenizer), classes=2)
    texts: list[Any] = sorted(sentences()["sentence"][:300], key=len)[:100]
    if request.param == "every operation":
        genome = Genome.of(**GRAPH, nodes=EVERY, edges=EDGES)
    elif request.param == "bag":
        genome, frame = Genome.bag("plain"), replace(frame, ledger_bound=0.2)
    elif request.param == "bigrams":
        genome = Genome.bag("plain", bigrams=499)
    else:
        genome, frame = Genome.of(**GRAPH, nodes=EVERY[:2], edges=[(0, 1), (1, 2), (2, 3)]), replace(frame, **INVARIANT)
        texts = list(zip(texts, texts[1:] + texts[:1], strict=True))
    model = random_student(genome, frame, CLASSES, 0).eval()
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(3)
        for weights in model.parameters():
            weights.add_(torch.randn_like(weights) * 0.1)
        if frame.invariant:
            # Every two tokens are of one group: what a swap between them leaves as it is.
            model.embedding.heads.copy_(torch.arange(len(tokenizer)) // 2 * 2)
        if genome.bigrams:
            for text in texts[:40]:
                ids = torch.tensor(tokenizer(text)["input_ids"])
                model.ledger.keys[bigram_slot(ids[:-1], ids[1:], 498)] = bigram_key(ids[:-1], ids[1:])
    model.config.calibration_temperature = 1.5
    # `transformers` keeps a checkpoint's code under the name of its folder.
    folder = tmp_path_factory.mktemp("forms") / f"forms_{request.param.split(',')[0].replace(' ', '_')}"
    write_checkpoint(model, tokenizer, folder)
    write_onnx(model, folder / FILES["onnx"])
    write_int8(folder / FILES["onnx"], folder / FILES["int8"])
    return Written(model, folder, texts, {form: read_form(folder, form) for form in FORMS})


def test_onnx_says_what_the_student_says(written: Written) -> None:
    own = written.logits("safetensors")
    assert own.std() > 0.05, "of logits all alike, this says little"
    assert np.abs(written.logits("onnx") - own).max() < 1e-4
    # The lengths and batch sizes that occur are the file's own affair: one alone, short and cut.
    for text in (written.texts[0], written.texts[:3][-1]):
        assert np.abs(written.logits("onnx", [text]) - written.logits("safetensors", [text])).max() < 1e-4
    bare = written.read["onnx"].model
    with torch.no_grad():
        for shape in ((1, 1), (3, 64)):
            ids = torch.full(shape, 7)
            assert torch.allclose(bare(ids).logits, written.model(ids).logits, atol=1e-4)


def test_int8_is_near_and_no_sentence_sees_its_batch(written: Written) -> None:
    """One scale for a whole batch would make a sentence's result another among other sentences."""
    together, own = written.logits("int8"), written.logits("onnx")
    alone = np.concatenate([written.logits("int8", [text]) for text in written.texts[:12]])
    assert np.abs(together[:12] - alone).max() < 1e-4
    assert np.abs(together - own).max() < 0.15 * own.std() + 1e-6
    if written.model.has_graph:
        assert (written.folder / FILES["int8"]).stat().st_size < (written.folder / FILES["onnx"]).stat().st_size
        assert np.abs(together - own).max() > 1e-4, "nothing was rounded"


def test_the_ledger_is_not_rounded(written: Written) -> None:
    if written.model.ledger is None:
        assert written.read["int8"].model.ledger is None
        return
    for form in ("onnx", "int8"):
        ledger: Any = written.read[form].model.ledger
        assert torch.equal(ledger.evidence, written.model.ledger.evidence)
        assert torch.equal(ledger.bias, written.model.ledger.bias)
        if ledger.bigrams is not None:
            assert torch.equal(ledger.bigrams.weight, written.model.ledger.bigrams.weight)
            assert torch.equal(ledger.keys, written.model.ledger.keys)


def test_attacked_from_its_files_each_form_fares_the_same(written: Written, workshop: Workshop) -> None:
    said = written.logits("safetensors").argmax(axis=1)
    targets = [Target(row, text, int(said[row])) for row, text in enumerate(written.texts[:6])]
    found: dict[str, list[Any]] = {}
    for name, form in (*((form, form) for form in FORMS), ("int8 again", "int8")):
        victim = written.read[form]
        results = Attacker("pwws", 150, faces=("calibrated", "raw"), one_swap=True).attack(victim, targets)
        certifier = Certifier.of(victim.model, victim.pieces, victim.max_length, named_lexicon("pwws"))
        assert (certifier is None) == (written.model.ledger is None)
        found[name] = [example(one) for one in (certifier.add_to(results) if certifier else results)]
    for mine, theirs in zip(found["safetensors"], found["onnx"], strict=True):
        for name in ("outcome", "queries", "raw_outcome", "raw_queries", "swaps", "flips", "certified"):
            assert mine[name] == theirs[name], name
        assert mine["after"]["text"] == theirs["after"]["text"]
    assert found["int8"] == found["int8 again"]
    assert not any(row["certified"] and row["outcome"] == "fooled" for rows in found.values() for row in rows)
    assert {row["outcome"] for row in found["onnx"]} != {"held"}, "nothing but one outcome says little"


def test_what_cannot_be_had_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen([]) == ["safetensors"]
    assert chosen(["int8", "safetensors", "int8"]) == ["safetensors", "int8"]
    with pytest.raises(UserError, match="'gguf' is not a form"):
        chosen(["gguf"])
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match=r"not installed: onnxruntime\. .*\[onnx\]"):
        chosen(["onnx"])
    assert chosen(["safetensors"]) == ["safetensors"]


def test_a_damaged_or_missing_file_is_said(written: Written, tmp_path: Path) -> None:
    folder = tmp_path / "copied"
    shutil.copytree(written.folder, folder)
    whole = (folder / FILES["onnx"]).read_bytes()
    for damage in (whole[: len(whole) // 2], b"", b"\xff" * 100):
        (folder / FILES["onnx"]).write_bytes(damage)
        with pytest.raises(UserError, match="cannot be read"):
            read_form(folder, "onnx")
    (folder / FILES["int8"]).unlink()
    with pytest.raises(UserError, match="does not contain"):
        read_form(folder, "int8")
