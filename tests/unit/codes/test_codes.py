"""Input codes: what they tie, what they leave alone, and that they travel with a checkpoint."""

from __future__ import annotations

import itertools
import json
import pickle
import random
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from grimp import build_graph
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import ByteLevelBPETokenizer
from transformers import (
    BertTokenizerFast,
    MPNetTokenizerFast,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    RobertaTokenizerFast,
)

from rosearch_engine import resources
from rosearch_engine.codes import PLAIN, make_code, read_code, require_wordnet, synonyms
from rosearch_engine.codes.build import whole_words
from rosearch_engine.codes.canonical import Canonical
from rosearch_engine.codes.clusters import synonym_heads, word_counts, words
from rosearch_engine.codes.tokenizer import wrap
from rosearch_engine.data import Split
from rosearch_engine.errors import UserError
from tests.conftest import elsewhere

# Most frequent first; "form" and "from", "bad" and "bed" are one edit apart.
LEXICON = ["the", "film", "from", "good", "great", "don't", "n't", "form", "bad", "first-class", "bed", "well"]
HEADS = {"movie": "film", "picture": "film", "great": "good", "first-class": "good", "excellent": "good", "10": "ten"}
TEXTS = (
    "A good film, isn't it?",
    "the picture is great ; do n't miss it !",
    "Excellent acting, first-class writing; 10 of 10.",
    "the form of the movie : bad , moving , bad",
)


def split(texts: tuple[str, ...] = TEXTS, pairs: tuple[str, ...] | None = None) -> Split:
    return Split(np.arange(len(texts)), texts, pairs, np.arange(len(texts)) % 2)


def distance(one: str, other: str) -> int:
    """Damerau-Levenshtein distance, restricted, by the textbook's table."""
    table = [[i + j if i * j == 0 else 0 for j in range(len(other) + 1)] for i in range(len(one) + 1)]
    for i, j in itertools.product(range(1, len(one) + 1), range(1, len(other) + 1)):
        same = one[i - 1] == other[j - 1]
        table[i][j] = min(table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + (not same))
        if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
            table[i][j] = min(table[i][j], table[i - 2][j - 2] + 1)
    return table[-1][-1]


def likelihood(typo: str, known: str, lexicon: list[str]) -> tuple[bool, int]:
    """The less the likelier: words that lost a letter or had two swapped first, then by frequency."""
    likely = len(known) > len(typo) or sorted(known) == sorted(typo)
    return not likely, lexicon.index(known)


def likeliest(typo: str, lexicon: list[str]) -> str:
    near = [known for known in lexicon if distance(typo, known) == 1]
    return min(near, key=lambda known: likelihood(typo, known, lexicon), default=typo)


def edited(word: str, kind: int, place: int, letter: str) -> str:
    """One of DeepWordBug's four edits."""
    i = place % len(word)
    if kind == 0:
        return word[:i] + word[i + 1 : i + 2] + word[i] + word[i + 2 :]
    return word[:i] + (letter if kind != 1 else "") + word[i + (kind != 3) :]


# What is tied


def test_words_of_a_star_read_alike_whatever_their_case() -> None:
    read = Canonical(HEADS)
    texts = [f"A {word} one, and 2 more: {word.capitalize()}!" for word in ("good", "great", "first-class")]
    assert {read(text) for text in texts} == {"A good one, and 2 more: good!"}
    assert read("EXCELLENT") == "good"
    assert read("10 movies and a movie") == "ten movies and a film"


def test_what_is_no_word_and_words_without_a_star_stay() -> None:
    read = Canonical(HEADS)
    for text in ("Don't -- it's 3.14%, Bob_s  o'clock\n", "", "…", "日本語 Ünïcödé", "\ud800 x", "great_movie10"):
        assert read(text).replace("good", "great").replace("film", "movie") == text
    assert read("greatest excellently") == "greatest excellently"


def test_misspelt_words_become_the_most_frequent_word_near() -> None:
    read = Canonical({}, LEXICON)
    assert read("the flim frm form, gOod GXreat Graet") == "the film from form, gOod Great Great"
    assert read("do n't do nt dont don’t") == "do n't do nt don't don’t"
    assert read("bd xyzzy fiilmm 1film") == "bd xyzzy fiilmm 1film"
    assert read("first-clas good-flim gоod") == "first-class good-film good", "the last with a Cyrillic o"


def test_after_spelling_come_synonyms_and_synonyms_are_known_words() -> None:
    read = Canonical(HEADS, LEXICON)
    assert read("a Graet mvoie, a moive") == "a good mvoie, a moive", "a word outside the lexicon is no target"
    assert read("excellent") == "good"
    assert Canonical({"goad": "prod"}, LEXICON)("goad prod") == "prod prod", "not misspelt for 'good'"


def test_special_tokens_are_no_words() -> None:
    read = Canonical({"unk": "film", "mask": "hide", "cls": "film"}, ["punk"])
    for text in ("a [UNK] film", "<mask> and </s>", "[CLS]x[SEP]"):
        assert read(text) == text
    assert read("unk mask [Mask]") == "film hide [hide]"


@pytest.mark.parametrize(
    ("heads", "lexicon"),
    [({"a": "b", "b": "c"}, []), ({"a": "B"}, []), ({"a": "two words"}, []), ({}, ["Film"]), ({}, [""]), ({}, ["-a"])],
)
def test_a_rule_that_would_not_settle_is_refused(heads: dict[str, str], lexicon: list[str]) -> None:
    with pytest.raises(ValueError, match=r"is not one lower-case word|is a head and has one"):
        Canonical(heads, lexicon)


WORDS = st.lists(st.sampled_from(["a", "b", "c", "o", "t", "'t", "-o"]), min_size=1, max_size=6).map(
    lambda parts: "".join(parts).strip("'-")
)


@st.composite
def rules(draw: st.DrawFn) -> Canonical:
    lexicon = draw(st.lists(WORDS, max_size=20, unique=True))
    own = draw(st.lists(WORDS, min_size=1, max_size=5, unique=True))
    members = draw(st.lists(WORDS.filter(lambda word: word not in own), max_size=10, unique=True))
    return Canonical({word: draw(st.sampled_from(own)) for word in members}, lexicon)


@settings(max_examples=200, deadline=None)
@given(rules(), st.lists(WORDS | st.text(max_size=6) | st.sampled_from([" ", "-", "'", "’", "A", "[UNK]", "İ", "ß"])))
def test_reading_twice_changes_nothing_more(read: Canonical, pieces: list[str]) -> None:
    for text in ("".join(pieces), " ".join(pieces), " ".join(pieces).title()):
        once = read(text)
        assert read(once) == once
        assert Canonical(read.heads, read.lexicon)(once) == once, "whatever was read before"


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.text("abcdot", min_size=1, max_size=7), min_size=1, max_size=40, unique=True),
    st.data(),
)
def test_every_edit_of_a_known_word_comes_back_to_it_or_to_a_likelier_one(
    lexicon: list[str], data: st.DataObject
) -> None:
    word = data.draw(st.sampled_from(lexicon))
    typo = edited(word, data.draw(st.integers(0, 3)), data.draw(st.integers(0, 6)), data.draw(st.sampled_from("aotz")))
    read = Canonical({}, lexicon)(typo)
    if typo in lexicon or len(typo) < 3:
        assert read == typo
    else:
        assert likelihood(typo, read, lexicon) <= likelihood(typo, word, lexicon)
        assert read == likeliest(typo, lexicon)


def test_a_word_far_from_all_stays() -> None:
    rng = random.Random(0)
    lexicon = ["".join(rng.choices("abcd", k=rng.randint(1, 6))) for _ in range(60)]
    lexicon = list(dict.fromkeys(lexicon))
    read, near = Canonical({}, lexicon), 0
    for letters in itertools.islice(itertools.product("abcd", repeat=5), 0, None, 3):
        word = "".join(letters)
        expected = word if word in lexicon else likeliest(word, lexicon)
        assert read(word) == expected
        near += expected != word
    assert 20 < near < 320


def test_a_rule_is_the_same_after_json_and_pickle() -> None:
    read = Canonical(HEADS, LEXICON)
    assert read("the flim") == "the film"
    for copy in (Canonical.from_dict(json.loads(json.dumps(read.to_dict()))), pickle.loads(pickle.dumps(read))):
        assert copy.to_dict() == read.to_dict()
        assert [copy(text) for text in TEXTS] == [read(text) for text in TEXTS]
    with pytest.raises(ValueError, match="rules"):
        Canonical.from_dict(read.to_dict() | {"rules": 0})


# Stars of synonyms


@pytest.fixture
def wordnet(workshop) -> None:
    require_wordnet("space.codes")


def test_synonyms_are_those_of_the_attack(wordnet: None) -> None:
    assert {"flick", "movie", "pic", "picture"} <= set(synonyms("film"))
    assert "moving_picture" not in synonyms("film")
    assert "run" in synonyms("ran"), "NLTK's morphy finds it"
    assert synonyms("Film") == sorted({*synonyms("film"), "film"}), "the case of a word is the attack's own matter"
    assert synonyms("xyzzy") == synonyms("") == []


def test_a_star_ties_less_frequent_words_to_its_head(wordnet: None) -> None:
    counts = {"film": 9, "movie": 7, "good": 8, "picture": 2, "ran": 1, "xyzzy": 1}
    heads = synonym_heads(counts)
    assert heads["movie"] == heads["picture"] == heads["flick"] == heads["pic"] == "film"
    assert not set(heads) & set(heads.values())
    assert not {"film", "good", "xyzzy"} & set(heads)
    near = {word: {*map(str.lower, synonyms(word))} for word in (*heads, *heads.values())}
    assert all(head in near[word] or word in near[head] for word, head in heads.items())
    assert synonym_heads(dict(reversed(counts.items()))) == heads
    assert synonym_heads({}) == {}
    read = Canonical(heads)
    assert read("The Picture was good") == read("the flick was good".capitalize()) == "The film was good"


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_the_words_of_any_text_make_a_lexicon(text: str) -> None:
    read = Canonical({}, dict.fromkeys(words(text)))
    assert read(text) == text


def test_words_are_counted_as_they_are_read() -> None:
    assert words("Isn’t it first-class, 10 of 10?") == ["isn't", "it", "first-class", "10", "of", "10"]
    assert word_counts(["a A b", "a"]) == {"a": 3, "b": 1}


# The tokenizer


def bert(folder: Path, kind: type[PreTrainedTokenizerFast] = BertTokenizerFast) -> PreTrainedTokenizerBase:
    special = {"bert": ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], "mpnet": ["<s>", "<pad>", "</s>", "[UNK]"]}
    letters = sorted(set("".join(TEXTS).lower()) - {" "})
    vocabulary = [*special["mpnet" if kind is MPNetTokenizerFast else "bert"], *letters, *(f"##{a}" for a in letters)]
    if kind is MPNetTokenizerFast:
        vocabulary.append("<mask>")
    vocabulary += [word for word in dict.fromkeys([*LEXICON, *HEADS.values()]) if word not in vocabulary]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    return kind(vocab_file=str(folder / "vocab.txt"), model_max_length=64)


def mpnet(folder: Path) -> PreTrainedTokenizerBase:
    return bert(folder, MPNetTokenizerFast)


def roberta(folder: Path) -> PreTrainedTokenizerBase:
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(
        TEXTS * 5, vocab_size=350, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"], show_progress=False
    )
    trained.save_model(str(folder))
    return RobertaTokenizerFast(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=64)


MAKERS = [bert, mpnet, roberta]


@pytest.fixture(params=MAKERS, ids=lambda make: make.__name__)
def plain(request: pytest.FixtureRequest, tmp_path: Path) -> PreTrainedTokenizerBase:
    return request.param(tmp_path)


@pytest.fixture
def rule() -> Canonical:
    return Canonical(HEADS, LEXICON)


def test_token_numbers_are_those_of_the_canonical_text(plain: PreTrainedTokenizerBase, rule: Canonical) -> None:
    ours = wrap(plain, rule)
    texts = [*TEXTS, "a flim [UNK] Graet", "", "Don't"]
    read = [rule(text) for text in texts]
    assert read != texts
    mixed = {"padding": True, "truncation": True, "max_length": 12}
    for asked in ({}, mixed, {"padding": "max_length", "max_length": 16}, {"add_special_tokens": False}):
        assert dict(ours(texts, **asked)) == dict(plain(read, **asked))
        assert dict(ours(texts, texts[::-1], **asked)) == dict(plain(read, read[::-1], **asked))
    for text, canonical in zip(texts, read, strict=True):
        assert dict(ours(text)) == dict(plain(canonical))
        assert dict(ours(text, text_pair=texts[0])) == dict(plain(canonical, text_pair=read[0]))
        assert ours.encode(text, texts[1]) == plain.encode(canonical, read[1])
        assert dict(ours.encode_plus(text)) == dict(plain.encode_plus(canonical))
        assert ours.tokenize(text) == plain.tokenize(canonical)
    pairs = list(zip(texts, texts[::-1], strict=True))
    canonical_pairs = list(zip(read, read[::-1], strict=True))
    assert dict(ours.batch_encode_plus(pairs)) == dict(plain.batch_encode_plus(canonical_pairs))
    assert ours.decode(ours.encode(TEXTS[1])) == plain.decode(plain.encode(rule(TEXTS[1])))
    assert ours.pad_token_id == plain.pad_token_id
    assert (ours.padding_side, ours.model_max_length, len(ours)) == (plain.padding_side, 64, len(plain))


def test_texts_split_into_words_are_read_word_by_word(tmp_path: Path, rule: Canonical) -> None:
    tokenizer = bert(tmp_path)
    ours = wrap(tokenizer, rule)
    asked = {"is_split_into_words": True}
    split_up = ["the", "flim", "first-class"]
    read = ["the", "film", "good"]
    assert dict(ours(split_up, **asked)) == dict(tokenizer(read, **asked))
    assert dict(ours([split_up, ["movie"]], **asked)) == dict(tokenizer([read, ["film"]], **asked))
    assert dict(ours(split_up, ["movie"], **asked)) == dict(tokenizer(read, ["film"], **asked))
    assert ours(split_up, **asked).word_ids() == [None, 0, 1, 2, None]


def test_offsets_into_another_text_are_not_given(tmp_path: Path, rule: Canonical) -> None:
    with pytest.raises(ValueError, match="offsets"):
        wrap(bert(tmp_path), rule)("a movie", return_offsets_mapping=True)


def test_wrapping_leaves_the_tokenizer_as_it_was(plain: PreTrainedTokenizerBase, rule: Canonical) -> None:
    before = plain(TEXTS, truncation=True, max_length=5, padding=True)
    ours = wrap(plain, rule)
    assert len(ours("movie " * 50)["input_ids"]) > 50, "what the last call asked for is not kept"
    assert plain(TEXTS, truncation=True, max_length=5, padding=True) == before
    assert pickle.loads(pickle.dumps(ours))("a flim") == ours("a flim")


ELSEWHERE = """
import json, sys
try:
    import rosearch_engine
    sys.exit("the engine is here, so that loading without it cannot be tried")
except ModuleNotFoundError:
    pass
from transformers import AutoTokenizer
texts, asked = json.loads(sys.argv[1]), {"padding": True, "truncation": True}
for folder in sys.argv[2:]:
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
    tokenizer.save_pretrained(folder + "-again")
    copy = AutoTokenizer.from_pretrained(folder + "-again", trust_remote_code=True)
    try:
        AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        refused = ""
    except ValueError as error:
        refused = str(error)
    print(json.dumps({
        "ids": tokenizer(texts, **asked)["input_ids"], "pairs": dict(tokenizer(texts, texts[::-1], **asked)),
        "again": copy(texts, **asked)["input_ids"], "length": tokenizer.model_max_length, "refused": refused,
        "side": tokenizer.padding_side, "mask": tokenizer.mask_token,
    }))
"""


@pytest.mark.slow
def test_it_loads_where_the_engine_is_not(rule: Canonical, tmp_path: Path) -> None:
    texts, expected = [*TEXTS, "a flim [UNK] Graet"], []
    for make in MAKERS:
        (tmp_path / "plain" / make.__name__).mkdir(parents=True)
        plain = make(tmp_path / "plain" / make.__name__)
        folder, ours = tmp_path / make.__name__, wrap(plain, rule)
        ours("a flim", truncation=True, max_length=4)
        ours.save_pretrained(folder)
        files = {path.name for path in folder.iterdir()}
        assert {"words.json", "tokenizer.json", "tokenizer.py", "canonical.py"} <= files
        told = json.loads((folder / "tokenizer_config.json").read_text())
        assert told["auto_map"] == {"AutoTokenizer": ["tokenizer.CanonicalTokenizer", None]}
        assert str(tmp_path) not in "".join(path.read_text() for path in folder.glob("*.json"))
        asked = {"padding": True, "truncation": True}
        expected.append({
            "ids": plain([rule(text) for text in texts], **asked)["input_ids"],
            "pairs": dict(ours(texts, texts[::-1], **asked)),
            "again": ours(texts, **asked)["input_ids"],
            "length": 64,
            "side": plain.padding_side,
            "mask": plain.mask_token,
        })  # fmt: skip
    folders = [str(tmp_path / make.__name__) for make in MAKERS]
    answer = elsewhere(ELSEWHERE, json.dumps(texts), *folders, folder=tmp_path)
    said = [json.loads(line) for line in answer.splitlines()]
    assert all("trust_remote_code" in one.pop("refused") for one in said), "never read as a plain one in silence"
    assert said == expected


def test_without_its_words_it_is_not_loaded(tmp_path: Path, rule: Canonical) -> None:
    ours = wrap(bert(tmp_path), rule)
    ours.save_pretrained(tmp_path / "student")
    back = type(ours).from_pretrained(tmp_path / "student")
    assert back("a flim") == ours("a flim")
    (tmp_path / "student" / "words.json").unlink()
    with pytest.raises(ValueError, match=r"words\.json is missing"):
        type(ours).from_pretrained(tmp_path / "student")


def test_what_travels_imports_nothing_else() -> None:
    graph = build_graph("rosearch_engine", include_external_packages=True)

    def imported(name: str) -> set[str]:
        return graph.find_modules_directly_imported_by(f"rosearch_engine.codes.{name}") - set(sys.stdlib_module_names)

    assert imported("canonical") == set()
    assert imported("tokenizer") == {"transformers", "rosearch_engine.codes.canonical"}


# A run's codes


def test_a_code_is_kept_and_comes_back(home: Path, plain: PreTrainedTokenizerBase) -> None:
    code = make_code("characters", split())
    assert make_code("characters", split()) == code
    back = read_code(code.digest)
    assert (back.name, back.digest) == ("characters", code.digest)
    text = "the pitcure is graet"
    assert back.read(text) == code.read(text) == "the picture is great"
    assert back.wrap(plain)(text) == plain("the picture is great")
    assert [path.name for path in (home / "codes").iterdir()] == [f"{code.digest}.json.gz"]
    assert make_code("characters", split(TEXTS[:2])).digest != code.digest


def test_words_of_the_tokenizer_are_known_too(home: Path, plain: PreTrainedTokenizerBase) -> None:
    known = whole_words(plain)
    assert {"the", "bad"} <= set(known)
    assert all(word.isalpha() and word == word.lower() and len(word) > 2 for word in known)
    assert len(set(known)) == len(known)
    texts = ("a tha",) * 4
    assert make_code("characters", split(texts)).read("xad tho") == "xad tha"
    code = make_code("characters", split(texts), plain)
    assert code.read("xad tho the") == "bad tha the", "the sentences' own words come first"


def test_a_plain_code_changes_and_keeps_nothing(home: Path, tmp_path: Path) -> None:
    assert make_code("plain", split()) is PLAIN
    assert PLAIN.read("Graet  flim") == "Graet  flim"
    tokenizer = bert(tmp_path)
    assert PLAIN.wrap(tokenizer) is tokenizer
    assert len(PLAIN.digest) == 16
    assert not (home / "codes").exists()


def test_second_sentences_count_too(home: Path) -> None:
    assert make_code("characters", split(pairs=("splendid",) * 4)).read("splndid") == "splendid"
    assert make_code("characters", split()).read("splndid") == "splndid"


def test_synonyms_and_both(wordnet: None) -> None:
    tied, both = make_code("synonyms", split()), make_code("both", split())
    texts = ("the picture is graet", "the film is great")
    assert tied.read(texts[0]) != tied.read(texts[1])
    assert both.read(texts[0]) == both.read(texts[1]) == tied.read(texts[1])
    paired = make_code("synonyms", split(pairs=TEXTS))
    assert paired.read("the picture") == tied.read("the picture")


def test_a_code_that_cannot_be_read_is_told(home: Path) -> None:
    code = make_code("characters", split())
    path = home / "codes" / f"{code.digest}.json.gz"
    whole = path.read_bytes()
    for damage in (whole[: len(whole) // 2], b"", b"\xff" * 100, whole[:40] + b"\0" + whole[41:]):
        path.write_bytes(damage)
        with pytest.raises(UserError, match="cannot be read"):
            read_code(code.digest)
    make_code("characters", split())
    assert read_code(code.digest) == code, "made again"
    with pytest.raises(UserError, match="cannot be read"):
        read_code("0123456789abcdef")


def test_a_missing_wordnet_is_told_by_the_field_that_needs_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = replace(resources.RESOURCES["wordnet"], places=())
    monkeypatch.setitem(resources.RESOURCES, "wordnet", nowhere)
    with pytest.raises(UserError) as told:
        make_code("both", split())
    assert told.value.field == "space.codes"
    assert "fetch wordnet" in told.value.remedy
