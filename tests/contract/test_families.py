"""Teachers of every family that the README names, from the folder to a student on the shelf."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tokenizers import ByteLevelBPETokenizer
from transformers import (
    DistilBertConfig,
    DistilBertModel,
    DistilBertTokenizerFast,
    MPNetConfig,
    MPNetModel,
    MPNetTokenizerFast,
    RobertaConfig,
    RobertaModel,
    RobertaTokenizerFast,
)

from rosearch_engine.checkpoints.load import load
from rosearch_engine.config import build
from rosearch_engine.progress import Progress
from rosearch_engine.search.loop import search
from rosearch_engine.store import Store
from rosearch_engine.store.rows import measured
from tests.conftest import Workshop, word_pieces, write_encoder

SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}


def distilbert(folder: Path, sentences: list[str]) -> tuple[Any, Any]:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    (folder / "vocab.txt").write_text("\n".join([*special, *word_pieces(sentences)]), encoding="utf-8")
    tokenizer = DistilBertTokenizerFast(vocab_file=str(folder / "vocab.txt"), model_max_length=512)
    sizes = {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64}
    return tokenizer, lambda: DistilBertModel(DistilBertConfig(len(tokenizer), **sizes))


def mpnet(folder: Path, sentences: list[str]) -> tuple[Any, Any]:
    vocabulary = ["<s>", "<pad>", "</s>", "[UNK]", *word_pieces(sentences), "<mask>"]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    tokenizer = MPNetTokenizerFast(vocab_file=str(folder / "vocab.txt"), model_max_length=512)
    return tokenizer, lambda: MPNetModel(MPNetConfig(len(tokenizer), **SIZES, max_position_embeddings=514))


def roberta(folder: Path, sentences: list[str]) -> tuple[Any, Any]:
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(sentences, vocab_size=1200, special_tokens=special, show_progress=False)
    trained.save_model(str(folder))
    tokenizer = RobertaTokenizerFast(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=512)
    sizes = SIZES | {"max_position_embeddings": 514, "type_vocab_size": 1, "pad_token_id": 1}
    return tokenizer, lambda: RobertaModel(RobertaConfig(len(tokenizer), **sizes))


@pytest.mark.parametrize("family", [distilbert, mpnet, roberta], ids=lambda family: family.__name__)
def test_students_of_a_teacher_of_the_family(
    family: Callable[[Path, list[str]], tuple[Any, Any]], workshop: Workshop, tmp_path: Path
) -> None:
    rows = pd.read_csv(workshop.data)
    sentences, labels = list(rows["sentence"]), list(rows["label"])
    write_encoder(tmp_path, *family(tmp_path, sentences), sentences, labels)
    robust = ['space.codes=["plain","both"]', "search.candidates=1", "data.limit=800"]
    if family is roberta:  # which allows none of them: it must be told, and the rest goes on
        robust += ["space.vocabulary=words", "space.ledger_bound=0.5", "distil.adversary=gradient"]
    settings = [*workshop.settings, f"teacher.name={tmp_path}", *robust]
    store, name = Store.write(), f"family-{family.__name__}"
    run = store.create_run(name, build("standard", settings=settings))
    search(name, Progress())
    students = store.students(run)
    chains = [student for student in students if student["origin"] == "chain"]
    assert len(chains) == 2
    assert all(student["status"] == "done" for student in students)
    told = [event["text"] for event in store.events(run) if "WordPiece" in event["text"]]
    assert len(told) == (1 if family is roberta else 0), "what a tokenizer does not allow is told"
    assert {student["genome"]["code"] for student in chains} == {"plain", "both"}
    assert all(student["accuracy"] > 0.6 for student in measured(students)), "all of them have learned"
    for student in students:
        loaded = load(store, name, student["name"])
        said = loaded.victim.probabilities(sentences).argmax(axis=1)
        assert (said == labels).mean() > 0.6, "and what is on the shelf is what was trained"
