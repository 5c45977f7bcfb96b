"""What the tests share: real sentences, a tiny teacher, a finished tiny run, and the command line in this process.

Nothing here asks a network. The user's own home folder is read for what `make fetch` brought, and never written.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

# Before torch is imported, here and in every child: equal sums need an equal number of threads.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
# No run comes along, here and in every child: a test that is about the recorded one brings it itself.
os.environ["ROSEARCH_RECORDED"] = ""
# Tables have room, whatever terminal the tests were started from: rich looks once, when it is first imported.
os.environ["COLUMNS"] = "200"

import pandas as pd
import pytest
from filelock import FileLock

from rosearch_engine import resources
from rosearch_engine.config import RunConfig, build

ROOT = Path(__file__).resolve().parents[1]
# What `make fetch` brought, and `make test` therefore has.
FETCHED = Path(os.environ.get("ROSEARCH_HOME") or "~/.rosearch").expanduser() / "resources"
# Published data sets that few machines have: they add cases (`make test-added`), and no other test may need them.
SHARED = ROOT.parent / "shared" / "data"
added = pytest.mark.added
CALM = "calm"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder for one test."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("ROSEARCH_HOME", str(folder))
    monkeypatch.delenv("ROSEARCH_STORE", raising=False)
    monkeypatch.delenv("ROSEARCH_WEIGHTS", raising=False)
    return folder


@pytest.fixture(autouse=True)
def _same_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that Streamlit's AppTest runs takes the place of `__main__`, which spawned processes would then run."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


def fetched(name: str) -> Path:
    """The folder of a resource that `make fetch` brings; the test fails where it is not there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROSEARCH_HOME", str(FETCHED.parent))
        found = next(status for status in resources.status() if status.name == name)
    if found.source != "here" or found.path is None:
        pytest.fail(f"{name} is not in {FETCHED}: make fetch", pytrace=False)
    return found.path


def elsewhere(script: str, *arguments: str, folder: Path) -> str:
    """What a script prints in a Python that does not know this project, without a network, in an empty folder.

    The script must end with "the engine is here" if it can import `rosearch_engine`: then nothing would be proved.
    Where the project was installed into the same environment, it is hidden.
    """
    hidden = "import sys; sys.modules['rosearch_engine'] = None\n"
    place = folder / "elsewhere"
    place.mkdir()
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    answer = subprocess.run(
        [sys.executable, "-I", "-c", hidden + script, *arguments],
        cwd=place,
        env=kept | {"HF_HOME": str(folder / "hf"), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def spearman_interval(x: Any, y: Any, resamples: int) -> tuple[float, float]:
    """SciPy's percentile bootstrap of Spearman's correlation: what ours are held against."""
    from scipy import stats

    found = stats.bootstrap(
        (x, y),
        lambda a, b: stats.spearmanr(a, b).statistic,
        paired=True,
        vectorized=False,
        method="percentile",
        n_resamples=resamples,
        rng=1,
    ).confidence_interval
    return float(found.low), float(found.high)


@dataclass(frozen=True)
class Workshop:
    """A home folder that outlives a test, real sentences, an encoder to fine-tune, and settings for a tiny run."""

    home: Path
    data: Path
    encoder: Path
    nltk_data: str

    @cached_property
    def environment(self) -> dict[str, str]:
        return {"ROSEARCH_HOME": str(self.home), "NLTK_DATA": self.nltk_data}

    @cached_property
    def settings(self) -> list[str]:
        """Settings of a run that takes seconds and leaves nothing out."""
        return [
            f"data.name={self.data}",
            "data.validation=150",
            "data.search_attack=60",
            "data.held_out=60",
            f"teacher.name={self.encoder}",
            "teacher.epochs=6",
            "teacher.learning_rate=0.003",
            "distil.epochs=2",
            "distil.tokens=640",
            "distil.learning_rate=0.003",
            "space.max_nodes=3",
            "space.ranks=[8,16]",
            'space.codes=["plain"]',
            "space.vocabulary=seen",
            "space.ledger_bound=null",
            "space.context=bounded",
            "space.contexts=[]",
            "space.kappas=[]",
            "distil.copies=0",
            "distil.adversary=off",
            "attack.recipe=pwws",
            "attack.sentences=12",
            "search.chains=1",
            "search.population=2",
            "search.candidates=5",
        ]

    @cached_property
    def config(self) -> RunConfig:
        return build("standard", None, self.settings)

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            patch.delenv("ROSEARCH_STORE", raising=False)
            patch.delenv("ROSEARCH_WEIGHTS", raising=False)
            yield


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever needs the workshop takes its time: `make test-fast` goes without."""
    for item in items:
        if "made_workshop" in getattr(item, "fixturenames", ()):
            item.add_marker("slow")


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first test process to ask for it fills, and all others wait for. It is not to be changed."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    made = folder.with_suffix(".made")
    with FileLock(folder.with_suffix(".lock")):
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            made.touch()
    return folder


@pytest.fixture(scope="session")
def materials(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with sentences, and an encoder that knows their words."""

    def make(folder: Path) -> None:
        rows = sentences()
        rows.to_csv(folder / "sentences.csv", index=False)
        make_encoder(folder / "encoder", list(rows["sentence"]), list(rows["label"]))

    return once(tmp_path_factory, "materials", make)


@pytest.fixture(scope="session")
def made_workshop(
    request: pytest.FixtureRequest, materials: Path, tmp_path_factory: pytest.TempPathFactory
) -> Workshop:
    """A workshop of this test process's own, with the calm run in it if a test of the session wants it."""
    nltk_data = fetched("stopwords").parents[1]
    assert fetched("wordnet").parents[1] == nltk_data

    def at(home: Path) -> Workshop:
        return Workshop(home, materials / "sentences.csv", materials / "encoder", str(nltk_data))

    def search(home: Path) -> None:
        with at(home).entered():
            settings = [part for setting in at(home).settings for part in ("--set", setting)]
            answer = rosearch("search", "--run", CALM, "--json", *settings)
            assert answer.code == 0, answer.err

    home = tmp_path_factory.mktemp("workshop") / "home"
    if any("_calm" in getattr(item, "fixturenames", ()) for item in request.session.items):
        copy_home(once(tmp_path_factory, "calm", search), home)
    return at(home)


def copy_home(home: Path, to: Path) -> None:
    """The same home folder once more, to be written to."""
    shutil.copytree(home, to, ignore=shutil.ignore_patterns("*.db*"))
    for database in home.glob("*.db"):
        with closing(sqlite3.connect(database)) as whole, closing(sqlite3.connect(to / database.name)) as own:
            whole.backup(own)


@pytest.fixture
def workshop(made_workshop: Workshop) -> Iterator[Workshop]:
    """The workshop, with its home folder in force during the test."""
    with made_workshop.entered():
        yield made_workshop


@pytest.fixture(scope="session")
def bench(made_workshop: Workshop) -> Any:
    """The workshop's data, fine-tuned teacher, its outputs and a ready attack, as a search prepares them."""
    from rosearch_engine.progress import Progress
    from rosearch_engine.search.context import prepare

    with made_workshop.entered():
        return prepare(made_workshop.config, Progress())


@pytest.fixture(scope="session")
def chain(bench: Any) -> Any:
    """A student: a plain chain of one layer that starts from the workshop's teacher. Change a copy only."""
    from rosearch_engine.student.build import build as build_student

    return build_student(
        bench.space.chain(1), bench.frame, bench.data.classes, bench.pad,
        teacher=bench.teacher.model, seed=0, pieces=bench.read.pieces,
    ).eval()  # fmt: skip


@pytest.fixture
def student(bench: Any, chain: Any, workshop: Workshop) -> Any:
    """The chain as an attack sees it."""
    from rosearch_engine.attack.victim import Victim

    return Victim(chain, bench.tokenizer, 512, temperature=1.0)


@pytest.fixture(scope="session")
def _calm(made_workshop: Workshop) -> str:
    return CALM


@pytest.fixture
def calm(_calm: str, workshop: Workshop) -> str:
    """Name of a run that was searched to its end without a disturbance, by the command line."""
    return _calm


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def rosearch(*arguments: str) -> Answer:
    """Run a command of the command line in this process."""
    from rosearch_engine.cli import main

    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr(sys, "argv", ["rosearch", *arguments])
        patch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as end:
            main()
    code = end.value.code
    return Answer(code if isinstance(code, int) else 0 if code is None else 1, out.getvalue(), err.getvalue())


def make_encoder(folder: Path, sentences: list[str], labels: list[int]) -> None:
    """Write a BERT of two layers x 32 without a classifier, and its own vocabulary."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir(parents=True)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    (folder / "vocab.txt").write_text("\n".join([*special, *word_pieces(sentences)]), encoding="utf-8")
    tokenizer = BertTokenizerFast(vocab_file=str(folder / "vocab.txt"), model_max_length=512)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    write_encoder(folder, tokenizer, lambda: BertModel(BertConfig(len(tokenizer), **sizes)), sentences, labels)


def word_pieces(sentences: list[str]) -> list[str]:
    """Letters and the most frequent words. By hand: a trained vocabulary breaks ties anew in every process."""
    counts = Counter(re.findall(r"\w+|[^\w\s]", " ".join(sentences).lower()))
    letters = sorted(set("".join(counts)))
    words = sorted((word for word in counts if len(word) > 1), key=lambda word: (-counts[word], word))[:1800]
    return [*letters, *(f"##{one}" for one in letters), *words]


def write_encoder(folder: Path, tokenizer: Any, make: Any, sentences: list[str], labels: list[int]) -> None:
    """Write tokenizer and encoder of width 32.

    Its word vectors are those of a bag-of-words classifier, so that a few passes of fine-tuning suffice.
    """
    import torch

    tokenizer.save_pretrained(folder)
    coded = tokenizer(sentences, padding=True, return_tensors="pt")["input_ids"]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        bag = torch.nn.EmbeddingBag(len(tokenizer), 32, padding_idx=tokenizer.pad_token_id)
        classifier = torch.nn.Linear(32, 2)
        optimiser = torch.optim.Adam([*bag.parameters(), *classifier.parameters()], lr=0.05)
        for _ in range(30):
            loss = torch.nn.functional.cross_entropy(classifier(bag(coded)), torch.tensor(labels))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        model = make()
        model.get_input_embeddings().weight.data.copy_(bag.weight)
    model.save_pretrained(folder)


def sentences() -> pd.DataFrame:
    """2,000 of the embedded movie reviews, none of them long, with their class as a number."""
    rows = pd.read_csv(fetched("movie-reviews") / "movie-reviews.tsv", sep="\t", quoting=3, keep_default_na=False)
    short = rows[rows["text"].map(lambda text: len(text.split())).between(6, 20)]
    drawn = short.drop_duplicates("text").sample(2000, random_state=0)
    return pd.DataFrame({"sentence": drawn["text"], "label": (drawn["label"] == "positive").astype(int)})
