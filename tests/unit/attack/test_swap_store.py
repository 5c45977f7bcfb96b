"""What does not depend on the victim is worked out once, kept, and given back as it was."""

from __future__ import annotations

import contextlib
import sqlite3
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rosearch_engine.attack.imports import remembered_words, textattack
from rosearch_engine.attack.pieces import Pieces, Text, whole
from rosearch_engine.attack.run import Attacker, Result, Target
from rosearch_engine.attack.swap_store import SwapStore
from rosearch_engine.attack.victim import Victim
from rosearch_engine.search.context import targets


def some(bench, count: int) -> list[Target]:
    return targets(bench.data.search_attack.head(count), bench.data.columns)


def facts(results: Sequence[Result]) -> list[tuple[Any, ...]]:
    return [(r.outcome, r.after.text, r.queries, r.raw and (r.raw.outcome, r.raw.queries), r.swaps) for r in results]


def attack(victim: Victim, sentences: list[Target], swap_store: SwapStore) -> list[tuple[Any, ...]]:
    attacker = Attacker("pwws", 2000, faces=("calibrated", "raw"), one_swap=True, swap_store=swap_store)
    return facts(attacker.attack(victim, sentences))


@pytest.fixture
def victim(bench, workshop) -> Victim:
    return Victim(bench.teacher.model, bench.teacher.tokenizer, 128, temperature=2.0)


def test_the_second_attack_works_nothing_out_again(bench, victim: Victim, tmp_path: Path) -> None:
    file, sentences = tmp_path / "candidates.db", some(bench, 8)
    first = SwapStore("pwws", file)
    expected = attack(victim, sentences, first)
    assert first.misses > 0
    # A new process, as it were: only the file is left.
    second = SwapStore("pwws", file)
    assert attack(victim, sentences, second) == expected
    assert second.misses == 0
    assert second.hits == first.hits + first.misses
    assert attack(victim, sentences, SwapStore("pwws")) == expected, "and without any memory"


def test_another_student_finds_its_first_swaps_there(bench, victim: Victim, tmp_path: Path) -> None:
    sentences = some(bench, 8)
    file = tmp_path / "candidates.db"
    attack(victim, sentences, SwapStore("pwws", file))
    other = Victim(victim.model, victim.tokenizer, 6, temperature=1.0)  # reads other words, so it goes other ways
    fresh = attack(other, sentences, SwapStore("pwws"))
    known = SwapStore("pwws", file)
    assert attack(other, sentences, known) == fresh
    assert known.hits > 10 * known.misses


def test_recipes_do_not_mix(bench, victim: Victim, tmp_path: Path) -> None:
    file = tmp_path / "candidates.db"
    attack(victim, some(bench, 3), SwapStore("pwws-standard-1", file))
    other = SwapStore("pwws-strict-2", file)
    attack(victim, some(bench, 3), other)
    assert other.misses > 0


@pytest.mark.parametrize("content", [b"", b"no database at all " * 400])
def test_a_spoilt_file_costs_time_and_nothing_else(bench, victim: Victim, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "candidates.db"
    file.write_bytes(content)
    assert attack(victim, some(bench, 3), SwapStore("pwws", file)) == attack(victim, some(bench, 3), SwapStore("pwws"))


@pytest.mark.parametrize(
    "found", [bytes.fromhex("00112233"), b"", zlib.compress(b"[7]"), zlib.compress(b"{}")[:-1], zlib.compress(b"7"), 7]
)
def test_a_damaged_row_is_worked_out_anew_and_mended(bench, victim: Victim, tmp_path: Path, found: Any) -> None:
    file, sentences = tmp_path / "candidates.db", some(bench, 4)
    expected = attack(victim, sentences, SwapStore("pwws", file))
    with contextlib.closing(sqlite3.connect(file)) as rows, rows:
        rows.execute("UPDATE states SET found = ?", (found,))
    damaged = SwapStore("pwws", file)
    assert attack(victim, sentences, damaged) == expected
    assert damaged.misses > 0
    mended = SwapStore("pwws", file)
    assert attack(victim, sentences, mended) == expected
    assert mended.misses == 0


def test_a_file_that_disappears_meanwhile_harms_nothing(bench, victim: Victim, tmp_path: Path) -> None:
    file, sentences = tmp_path / "deep" / "candidates.db", some(bench, 4)
    swap_store = SwapStore("pwws", file)
    expected = attack(victim, sentences, SwapStore("pwws"))
    for left in file.parent.iterdir():
        left.unlink()
    assert attack(victim, sentences, swap_store) == expected


@pytest.fixture(scope="module")
def both(made_workshop) -> Any:
    """TextAttack's way to split a text into words, and the one that remembers."""
    with made_workshop.entered():
        textattack()
    from textattack.shared import utils

    theirs = utils.words_from_text
    with remembered_words():
        ours = utils.words_from_text
    assert utils.words_from_text is theirs
    assert ours is not theirs
    return theirs, ours


@settings(deadline=None)
@given(text=st.text(max_size=80) | st.lists(st.text(max_size=9), max_size=9).map(" ".join))
def test_remembered_words_are_textattacks_own(both, text: str) -> None:
    theirs, ours = both
    assert ours(text) == theirs(text)
    assert ours(text) == theirs(text), "and once more, from memory"


@pytest.mark.parametrize("text", ["这部电影 is fine", "o'clock 'quoted' -dash- @home", "日本", "it's\ta\nline"])
def test_remembered_words_of_other_scripts(both, text: str) -> None:
    theirs, ours = both
    assert ours(text) == theirs(text)


def test_pieces_are_the_tokenizers(bench, workshop) -> None:
    tokenizer = bench.teacher.tokenizer
    texts = [str(t.text) for t in some(bench, 30)]
    texts += ["", "  ", "x" * 400, "word " * 300, "日本 \ud83d 😀", texts[0]]
    pieces = Pieces(tokenizer, 64)
    for _ in range(2):
        keys = pieces.read(texts)
        coded = pieces.encoded(keys)
        for row, text in enumerate(texts):
            mine = coded.ids[coded.starts[row] : coded.starts[row + 1]].tolist()
            assert mine == tokenizer(whole(text), truncation=True, max_length=64)["input_ids"]
    assert pieces.misses == len(set(texts))
    assert pieces.hits == 2 * len(texts) - pieces.misses - 1
    assert keys[30] == keys[31], "the empty and the blank text read alike"


def test_pieces_of_pairs_keep_their_sides(bench, workshop) -> None:
    tokenizer, texts = bench.teacher.tokenizer, [str(t.text) for t in some(bench, 20)]
    pairs: list[Text] = [*zip(texts[:10], texts[10:], strict=True), ("a " * 100, "b " * 100)]
    pieces = Pieces(tokenizer, 64)
    coded = pieces.encoded(pieces.read(pairs))
    for row, pair in enumerate(pairs):
        expected = tokenizer(*pair, truncation=True, max_length=64)
        part = slice(coded.starts[row], coded.starts[row + 1])
        assert coded.ids[part].tolist() == expected["input_ids"]
        assert coded.types[part].tolist() == expected["token_type_ids"]


def test_the_memory_of_texts_is_bounded(bench, workshop) -> None:
    pieces = Pieces(bench.teacher.tokenizer, 64, remembered=10)
    texts = [f"film number {n}" for n in range(50)]
    assert pieces.read(texts) == pieces.read(texts)
    assert pieces.misses >= 90, "the last ten are remembered, no more"
