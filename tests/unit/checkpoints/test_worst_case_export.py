"""A student with ledger and input code, exported: attacked again from its files alone, it fares the same."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from rosearch_engine.attack.as_shipped import attack_as_shipped
from rosearch_engine.attack.certificate import Certifier
from rosearch_engine.attack.lexicon import named_lexicon
from rosearch_engine.attack.pieces import Pieces
from rosearch_engine.attack.protocol import example, score
from rosearch_engine.attack.recipes.catalogue import ready_recipe
from rosearch_engine.attack.run import Attacker, Target
from rosearch_engine.attack.victim import Victim
from rosearch_engine.checkpoints.export import export
from rosearch_engine.checkpoints.load import Loaded, load
from rosearch_engine.store import Store
from rosearch_engine.store.rows import ExampleRow, StudentRow
from tests.conftest import Workshop, rosearch

# Runs: one whose students all have one context, and one where each has its own.
RUNS = {
    "alike": ["space.ledger_bound=0.2", "distil.adversary=gradient"],
    "genes": [
        'space.contexts=["free","bounded","invariant"]',
        "space.bounds=[0.3]",
        "space.kappas=[0,0.5]",
        "space.coefficients=3",
        "distil.adversary=gradient",
    ],
}
SETTINGS = [
    "space.vocabulary=words",
    'space.codes=["both"]',
    "distil.epochs=1",
    "teacher.epochs=3",
    "data.limit=800",
    "attack.sentences=10",
    "search.candidates=1",
]


@dataclass(frozen=True)
class Exported:
    """A student as the run has it, and as its files have it."""

    before: Loaded
    facts: StudentRow
    examples: list[ExampleRow]
    folder: Path
    model: Any
    tokenizer: Any

    @property
    def victim(self) -> Victim:
        """What the files alone make."""
        length, temperature = self.tokenizer.model_max_length, self.model.config.calibration_temperature
        return Victim(self.model, self.tokenizer, length, temperature)

    @property
    def targets(self) -> list[Target]:
        return [Target(one["sentence"], str(one["before"]["text"]), one["label"]) for one in self.examples]


@pytest.fixture(scope="module")
def run(made_workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Finished runs of students with a ledger, in a home of their own, which is in force."""
    with made_workshop.entered(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROSEARCH_HOME", str(tmp_path_factory.mktemp("worst")))
        for name, own in RUNS.items():
            settings = itertools.chain(*(("--set", setting) for setting in [*made_workshop.settings, *SETTINGS, *own]))
            answer = rosearch("search", "--run", name, "--json", *settings)
            assert answer.code == 0, answer.err
        yield


@pytest.fixture(scope="module", params=["alike bag", "alike chain", "genes chain bounded", "genes chain invariant"])
def exported(request: pytest.FixtureRequest, run: None, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    # `transformers` keeps a checkpoint's code under the name of its folder.
    name, origin, *context = request.param.split()
    store, folder = Store.read(), tmp_path_factory.mktemp("exported") / request.param.replace(" ", "_")
    students = store.students(store.run(name)["id"])
    wanted = {"code": "both"} | ({"context": context[0]} if context else {})
    facts = next(row for row in students if row["origin"] == origin and wanted.items() <= row["genome"].items())
    assert facts["measurement_id"] is not None
    export(store, name, facts["name"], folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
    before, examples = load(store, name, facts["name"]), store.examples(facts["measurement_id"])
    return Exported(before, facts, examples, folder, model, tokenizer)


def rounded(row: Any) -> Any:
    """A stored sentence without its place in the store, probabilities to a millionth."""
    if isinstance(row, dict):
        return {name: rounded(value) for name, value in row.items() if name not in ("id", "measurement_id")}
    if isinstance(row, list | tuple):
        return [rounded(value) for value in row]
    return round(row, 6) if isinstance(row, float) else row


def test_attacked_again_from_its_files_it_has_the_same_outcomes_and_certificates(exported: Exported) -> None:
    victim, facts = exported.victim, exported.facts
    assert type(exported.model) is not type(exported.before.model), "the code is the checkpoint's own"
    results = Attacker("pwws", 2000, faces=("calibrated", "raw"), one_swap=True).attack(victim, exported.targets)
    certifier = Certifier.of(victim.model, victim.pieces, victim.max_length, named_lexicon("pwws"))
    assert certifier is not None, "its ledger is in its files"
    results = certifier.add_to(results)
    assert [rounded(dict(example(one))) for one in results] == [rounded(dict(one)) for one in exported.examples]
    assert {one["outcome"] for one in exported.examples} > {"held"}, "nothing but one outcome says little"
    said = score(0.5, 1, results, victim.temperature)
    for name in ("held", "calibrated_held", "raw_held", "one_swap_held", "certified", "mean_queries", "temperature"):
        assert getattr(said, name) == facts[name], name
    assert said.certified, "with none certified, this says little"


def test_every_sum_of_a_certificate_is_that_of_before(exported: Exported) -> None:
    lexicon, victim, before = named_lexicon("pwws"), exported.victim, exported.before
    ours = Certifier.of(before.model, before.pieces, before.max_length, lexicon)
    theirs = Certifier.of(victim.model, victim.pieces, victim.max_length, lexicon)
    assert ours is not None
    assert theirs is not None
    texts = [one.text for one in exported.targets] + ["A wel-made fillm, moovie and all", "a good☺film", "good " * 300]
    for label in (0, 1):
        assert theirs.certify(texts, [label] * len(texts)) == ours.certify(texts, [label] * len(texts))


def test_stock_textattack_finds_the_same_on_the_files(exported: Exported) -> None:
    """Nothing of this program between TextAttack and the checkpoint: what it finds is what the raw attack found."""
    recipe = ready_recipe("pwws")
    stock = attack_as_shipped(exported.model, exported.tokenizer, recipe, "standard", exported.targets, 2000, 0)
    for row, one in zip(exported.examples, stock, strict=True):
        assert one.outcome == row["raw_outcome"], row["before"]["text"]
        assert row["raw_queries"] is None or one.queries == row["raw_queries"]


def test_the_pieces_of_a_checkpoint_are_read_after_its_code(exported: Exported) -> None:
    before, own = exported.before.pieces, Pieces(exported.tokenizer, exported.tokenizer.model_max_length)
    texts = ["a moovie of great charrm", "Exceedingly wel-made", "", *(str(one.text) for one in exported.targets)]
    assert own.read(texts) == before.read(texts)
    assert own.words(["moovie", "Charrm", "film"]) == before.words(["moovie", "Charrm", "film"])
    with torch.no_grad():
        asked = [exported.model(**exported.tokenizer(text, return_tensors="pt")).logits[0].numpy() for text in texts]
    assert np.abs(exported.victim.logits(texts) - np.array(asked)).max() < 1e-5


def has_copies(exported: Exported) -> bool:
    """Whether it learnt from adversarial copies: neither a bag of words nor an invariant graph has a use for them."""
    return exported.facts["origin"] != "bag" and not exported.model.config.invariant


def test_the_card_of_an_invariant_graph_proves_the_same(exported: Exported) -> None:
    """The lines on its card, run beside the checkpoint alone, give the margins of the certificates."""
    if not exported.model.config.invariant:
        assert "def worst_margin(words" in (exported.folder / "README.md").read_text()
        return
    code = (exported.folder / "README.md").read_text().split("## Certificates")[1].split("```python")[1].split("```")[0]
    names: dict[str, Any] = {"model": exported.model, "tokenizer": exported.tokenizer}
    exec(code, names)
    lexicon, victim = named_lexicon("pwws"), exported.victim
    certifier = Certifier.of(victim.model, victim.pieces, victim.max_length, lexicon)
    assert certifier is not None
    compared = 0
    for target in exported.targets:
        (proof,) = certifier.certify([target.text], [target.label])
        words = lexicon.words(target.text)
        swaps = {word: lexicon.swaps(word) for word in words if lexicon.swaps(word)}
        read = exported.tokenizer(target.text)["input_ids"]
        own = [exported.tokenizer(word, add_special_tokens=False)["input_ids"] for word in words]
        repeated = any(read.count(ids[0]) > 1 for word, ids in zip(words, own, strict=True) if word in swaps and ids)
        if proof.reason or repeated:
            continue
        try:
            worst = names["worst_margin"](target.text, swaps, target.label, 1 - target.label)
        except AssertionError:
            continue
        assert worst == pytest.approx(proof.worst, abs=1e-3)
        compared += 1
    assert compared > 2


def test_its_card_says_what_refined_copies_did(exported: Exported) -> None:
    (line,) = [
        line for line in (exported.folder / "README.md").read_text().splitlines() if "adversarial copies," in line
    ]
    losses = (exported.facts["training"] or {})["adversarial"]
    assert (losses is None) == (not has_copies(exported))
    assert ("not measured" if losses is None else f"{losses[0]:.2f} / {losses[1]:.2f}") in line
