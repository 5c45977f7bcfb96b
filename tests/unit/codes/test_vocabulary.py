"""A student's own word pieces: the same reading of what was seen, whatever the teacher's family."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, BertTokenizerFast, MPNetTokenizerFast, PreTrainedTokenizerBase

from rosearch_engine.codes import keep_tokenizer, of_words, read_tokenizer, trimmed
from rosearch_engine.errors import UserError
from rosearch_engine.search.evaluate import student

PIECES = ["film", "plot", "good", "bad", "##s", "##ish", "rare", "f", "i", "l", "m", "##f", "##i", "##l", "##m"]


def tokenizer_of(family: str, folder: Path) -> PreTrainedTokenizerBase:
    special = {
        "bert": ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
        "mpnet": ["<s>", "<pad>", "</s>", "<unk>", "[UNK]", "<mask>"],
    }[family]
    (folder / "vocab.txt").write_text("\n".join([*special, *PIECES]), encoding="utf-8")
    kind = BertTokenizerFast if family == "bert" else MPNetTokenizerFast
    return kind(vocab_file=str(folder / "vocab.txt"), model_max_length=64)


@pytest.mark.parametrize("family", ["bert", "mpnet"])
def test_what_was_seen_reads_as_before(family: str, tmp_path: Path) -> None:
    whole = tokenizer_of(family, tmp_path)
    texts = ["good films", "plot plot"]
    small, kept = trimmed(whole, np.bincount(np.concatenate(whole(texts)["input_ids"])))
    assert len(small) == len(kept) < len(whole)
    for text, pair in [(texts[0], None), (texts[1], texts[0])]:
        mine, theirs = small(text, pair), whole(text, pair)
        assert kept.values[mine["input_ids"]].tolist() == theirs["input_ids"]
        assert mine.get("token_type_ids") == theirs.get("token_type_ids")
    padded = small(["good films", "plot"], padding=True)
    assert padded["input_ids"][1][-1] == small.pad_token_id
    assert padded["attention_mask"][1][-1] == 0
    assert kept.values[small.pad_token_id] == whole.pad_token_id
    assert small.convert_ids_to_tokens(small("rare film")["input_ids"]).count(small.unk_token) == 1
    assert "bad" not in small.get_vocab()


def test_an_unseen_word_falls_apart_into_letters(tmp_path: Path) -> None:
    whole = tokenizer_of("bert", tmp_path)
    small, _ = trimmed(whole, np.bincount(whole("good")["input_ids"]))
    assert small.tokenize("film") == ["f", "##i", "##l", "##m"]


def test_a_kept_tokenizer_comes_back(tmp_path: Path, home: Path) -> None:
    whole = tokenizer_of("bert", tmp_path)
    small, _ = trimmed(whole, np.bincount(whole("good films")["input_ids"]))
    digest = keep_tokenizer(small)
    assert keep_tokenizer(small) == digest
    again = read_tokenizer(digest)
    assert again("good rare films").data == small("good rare films").data
    assert again.model_max_length == 64
    (home / "tokenizers" / digest / "tokenizer.json").write_text("{")
    with pytest.raises(UserError, match="damaged"):
        read_tokenizer(digest)
    with pytest.raises(UserError, match="missing"):
        read_tokenizer("0123456789abcdef")


def test_students_inherit_the_vectors_of_their_own_pieces(bench) -> None:
    assert len(bench.tokenizer) == bench.frame.vocabulary == len(bench.read.pieces)
    assert bench.frame.vocabulary < bench.teacher.frame.vocabulary
    genome = bench.space.chain(1)
    model = student(genome, 0, bench)
    assert model.num_parameters() < bench.teacher.model.num_parameters()
    table = bench.teacher.model.base_model.embeddings.word_embeddings.weight.detach()
    mine = (model.embedding.words.weight @ model.embedding.expand.weight.T).detach()
    reached = torch.nn.functional.cosine_similarity(mine, table[bench.read.pieces.values], dim=1)
    seen = np.flatnonzero(bench.readings["plain"].corpus.counts >= 5)
    assert reached[seen].mean() > 0.6


def test_of_words_every_word_is_one_token_and_all_others_are_unknown(tmp_path: Path) -> None:
    whole = tokenizer_of("bert", tmp_path)
    words, made_of = of_words(whole, ["good films", "unheard-of", "plot"])
    assert words.tokenize("Good plot films unheard-of bad") == [
        "good", "plot", "films", "unheard", "-", "of", words.unk_token,
    ]  # fmt: skip
    assert len(words) == len(made_of)
    for token, number in words.get_vocab().items():
        theirs = made_of.values[made_of.starts[number] : made_of.starts[number + 1]].tolist()
        special = token in whole.all_special_tokens
        assert theirs == (
            [whole.convert_tokens_to_ids(token)] if special else whole(token, add_special_tokens=False)["input_ids"]
        )
    one, two = words("good"), words("good", "plot")
    assert words.convert_ids_to_tokens(one["input_ids"]) == ["[CLS]", "good", "[SEP]"]
    assert words.convert_ids_to_tokens(two["input_ids"]) == ["[CLS]", "good", "[SEP]", "plot", "[SEP]"]
    assert two["token_type_ids"] == [0, 0, 0, 1, 1]
    words.save_pretrained(tmp_path / "words")
    again = AutoTokenizer.from_pretrained(tmp_path / "words")
    assert again("good bad unheard-of films").data == words("good bad unheard-of films").data


def test_only_wordpiece_knows_whole_words(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    other = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE({"a": 0, "<unk>": 1}, [])), unk_token="<unk>")
    with pytest.raises(UserError, match="WordPiece"):
        of_words(other, ["a"])


@pytest.mark.parametrize("family", ["bert", "mpnet"])
def test_every_word_is_one_token_and_any_other_is_unknown(family: str, tmp_path: Path) -> None:
    whole = tokenizer_of(family, tmp_path)
    small, pieces = of_words(whole, ["Good films", "badish, plot", "good"])
    words = ["good", "films", "badish", ",", "plot"]
    assert len(small) == len(pieces)
    for word in words:
        (number,) = small(word, add_special_tokens=False)["input_ids"]
        assert pieces.take(np.array([number]))[0].tolist() == (
            whole(word, add_special_tokens=False)["input_ids"] or [whole.unk_token_id]
        )
    assert small("film", add_special_tokens=False)["input_ids"] == [small.unk_token_id]
    assert {name: getattr(small, name) for name in ("unk_token", "pad_token", "cls_token", "sep_token")} == {
        name: getattr(whole, name) for name in ("unk_token", "pad_token", "cls_token", "sep_token")
    }
    frame = small("good plot", "badish")
    tokens = small.convert_ids_to_tokens(frame["input_ids"])
    assert tokens[0] == whole.cls_token
    assert tokens[-1] == whole.sep_token
    small.save_pretrained(tmp_path / "saved")
    again = AutoTokenizer.from_pretrained(tmp_path / "saved")
    assert again("Good rare, plot", "badish").data == small("Good rare, plot", "badish").data
