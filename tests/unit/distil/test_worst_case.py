"""Students that see the worst case: the table of swaps, the exact worst case, the adversary."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from rosearch_engine.attack.certificate import Certifier
from rosearch_engine.attack.lexicon import Lexicon
from rosearch_engine.attack.pieces import Pieces
from rosearch_engine.config import build as settings_of
from rosearch_engine.distil.adversary import Adversary
from rosearch_engine.distil.bag import WorstCase, train_bag
from rosearch_engine.distil.loop import Distillation
from rosearch_engine.errors import UserError
from rosearch_engine.genome import Genome, cost
from rosearch_engine.inference import predict
from rosearch_engine.progress import Progress
from rosearch_engine.search.context import Context, prepare
from rosearch_engine.search.evaluate import student
from rosearch_engine.student.build import build_bag

WORST = [
    "space.vocabulary=words",
    "space.ledger_bound=0.5",
    "distil.adversary=gradient",
    'space.codes=["plain","both"]',
    "distil.epochs=1",
]


@pytest.fixture(scope="module")
def context(made_workshop: Any) -> Context:
    """The workshop with whole words, a ledger and the adversary."""
    with made_workshop.entered():
        return prepare(settings_of("standard", None, [*made_workshop.settings, *WORST]), Progress())


@pytest.fixture
def lexicon(workshop: Any) -> Lexicon:
    return Lexicon("pwws")


def test_a_lexicon_is_the_attacks_own_word_for_word(lexicon: Lexicon) -> None:
    """In whole sentences, TextAttack offers for each word just what the lexicon says, in its case too."""
    from textattack.shared import AttackedText

    from rosearch_engine.attack.recipes.build import assemble
    from rosearch_engine.attack.recipes.catalogue import ready_recipe
    from rosearch_engine.attack.task import Question

    attack = assemble(ready_recipe("pwws"), "standard", Question())
    for text in ("Too good to be only a film .", "the films were too long, No ?", "A well-known, feel-good plot"):
        whole = AttackedText(text)
        offered: dict[int, set[str]] = {place: set() for place in range(len(whole.words))}
        for swap in attack.get_transformations(whole, original_text=whole):
            (place,) = swap.attack_attrs["newly_modified_indices"]
            offered[place].add(text_of(swap, whole, place))
        assert lexicon.words(text) == list(whole.words)
        for place, word in enumerate(whole.words):
            assert offered[place] == set(lexicon.swaps(word)), word
    assert lexicon.swaps("too") == ()
    assert "also" in lexicon.swaps("Too")


def text_of(swap: Any, whole: Any, place: int) -> str:
    """What stands in the text now where the word stood: the rest of both texts is the same."""
    before, word = whole.text, whole.words[place]
    begin = whole.word_boundary(place) if hasattr(whole, "word_boundary") else position(before, whole.words, place)
    return swap.text[begin : len(swap.text) - (len(before) - begin - len(word))]


def position(text: str, words: list[str], place: int) -> int:
    begin = 0
    for number, word in enumerate(words):
        begin = text.index(word, begin)
        if number == place:
            return begin
        begin += len(word)
    raise AssertionError


def test_a_lexicon_keeps_what_it_knows_and_survives_a_damaged_file(workshop: Any, tmp_path: Any) -> None:
    file = tmp_path / "lexicons" / "pwws.json.gz"
    first = Lexicon("pwws", file)
    swaps = first.swaps("films")
    first.keep()
    assert Lexicon("pwws", file)._known == {"films": swaps}
    file.write_bytes(file.read_bytes()[:20])
    assert Lexicon("pwws", file).swaps("films") == swaps


def test_a_recipe_that_looks_at_the_whole_sentence_is_no_lexicon(workshop: Any) -> None:
    with pytest.raises(UserError, match="more than the word"):
        Lexicon("deepwordbug")


def test_places_point_at_the_words(context: Context, lexicon: Lexicon) -> None:
    reading = context.readings["plain"]
    corpus, names = reading.corpus, context.tokenizer.convert_ids_to_tokens
    swaps = corpus.swaps
    assert swaps is not None
    assert (swaps.places >= 0).mean() > 0.2
    for place in np.flatnonzero(swaps.places >= 0)[:200]:
        form = int(swaps.places[place])
        first = swaps.options.values[swaps.options.starts[form]]
        own = swaps.tokens.values[swaps.tokens.starts[first] : swaps.tokens.starts[first + 1]]
        assert own.tolist() == [corpus.sentences.ids[place]], names(own.tolist())
        candidates = swaps.candidates.values[swaps.candidates.starts[form] : swaps.candidates.starts[form + 1]]
        assert corpus.special.unknown not in candidates
        assert own[0] not in candidates


def test_the_exact_worst_case_is_that_of_every_combination(context: Context, lexicon: Lexicon) -> None:
    corpus = context.readings["plain"].corpus
    assert corpus.swaps is not None
    draw = torch.Generator().manual_seed(0)
    table = torch.randn(len(context.read.pieces), 3, generator=draw)
    sizes = [combinations(corpus.swaps, row) for row in range(300)]
    rows = np.array([row for row, size in enumerate(sizes) if 4 < size < 3_000][:12])
    assert len(rows) == 12
    labels = torch.randint(3, (len(rows),), generator=draw)
    lost = WorstCase(corpus.swaps, torch.device("cpu")).losses(table, rows, labels)
    for place, row in enumerate(rows):
        own = int(labels[place])
        values = [
            [table[corpus.swaps.tokens.take(np.array([option]))[0]].sum(dim=0) for option in options]
            for options in options_of(corpus.swaps, int(row))
        ]
        before = sum((each[0] for each in values), torch.zeros(3))
        worst = torch.full((3,), torch.inf)
        for chosen in itertools.product(*values):
            said = sum(chosen, torch.zeros(3)) - before
            worst = torch.minimum(worst, said[own] - said)
        assert torch.allclose(lost[place], worst, atol=1e-4)


def options_of(swaps: Any, row: int) -> list[list[int]]:
    forms, _ = swaps.forms.take(np.array([row]))
    return [swaps.options.take(np.array([form]))[0].tolist() for form in forms]


def combinations(swaps: Any, row: int) -> int:
    return int(np.prod([float(len(options)) for options in options_of(swaps, row)]))


def test_a_bag_trained_on_its_worst_case_holds_and_is_the_same_again(context: Context) -> None:
    corpus = context.readings["plain"].corpus
    assert corpus.swaps is not None
    size = len(context.read.pieces), len(context.data.classes)
    labels = torch.from_numpy(corpus.labels).long()
    rows = np.arange(len(labels))
    shares = []
    for kappa in (0.0, 0.5, 0.5):
        bag = train_bag(corpus, *size, kappa, seed=1)
        model = build_bag(bag, context.frame, context.data.classes, context.pad)
        logits = torch.from_numpy(predict(model, corpus.sentences))
        lost = WorstCase(corpus.swaps, torch.device("cpu")).losses(bag.table, rows, labels)
        margins = logits.gather(1, labels[:, None]) - logits + lost
        margins[rows, labels] = torch.inf
        shares.append((margins.min(dim=1).values > 0).float().mean().item())
        assert (logits.argmax(dim=1) == labels).float().mean() > 0.7
        assert bag.table[corpus.special.unknown].abs().sum() == 0
    assert shares[1] > shares[0] + 0.1
    assert shares[1] == shares[2]


def test_no_combination_of_swaps_flips_a_certified_sentence(context: Context, lexicon: Lexicon) -> None:
    """Of a bag and of a student with a graph: at random, greedily, and exhaustively where sentences are short."""
    from rosearch_engine.attack.victim import Victim

    reading = context.readings["plain"]
    model = student(context.space.chain(1), 0, context)
    bag = context.bag(Genome.bag("plain"))
    assert bag is not None
    alone = build_bag(bag, context.frame, context.data.classes, context.pad)
    split, rng = context.data.search_attack, np.random.default_rng(0)
    for one in (alone.eval(), model.eval()):
        victim = Victim(one, context.tokenizer, 128, 1.0, pieces=Pieces(context.tokenizer, 128, reading.code))
        proofs = Certifier(one, reading.pieces, 128, lexicon).certify(split.texts, split.labels.tolist())
        proved = [place for place, proof in enumerate(proofs) if proof.certified]
        assert len(proved) > 5, "nothing is proved, and nothing tested"
        tries = 0
        for place in proved:
            text, label = split.texts[place], int(split.labels[place])
            words = lexicon.words(text)
            options = [(word, *lexicon.swaps(word)) for word in words]
            worst = [next((m.swap for m in proofs[place].moves if m.word == word and m.swap), word) for word in words]
            texts = {swapped(text, words, worst)}
            every = int(np.prod([float(len(some)) for some in options]))
            if every <= 400:
                texts |= {swapped(text, words, list(chosen)) for chosen in itertools.product(*options)}
            for _ in range(40):
                texts.add(swapped(text, words, [some[int(rng.integers(len(some)))] for some in options]))
            logits = victim.logits(sorted(texts))
            assert (logits.argmax(axis=1) == label).all(), text
            tries += len(texts)
        assert tries > 200


def swapped(text: str, words: list[str], chosen: list[str]) -> str:
    """The text with each of its words replaced, in their order."""
    parts, begin = [], 0
    for word, new in zip(words, chosen, strict=True):
        place = text.index(word, begin)
        parts += [text[begin:place], new]
        begin = place + len(word)
    return "".join([*parts, text[begin:]])


def test_a_certificate_says_which_word_moves_how_far(context: Context, lexicon: Lexicon) -> None:
    reading = context.readings["plain"]
    trained = context.bag(Genome.bag("plain"))
    assert trained is not None
    bag = build_bag(trained, context.frame, context.data.classes, context.pad)
    certifier = Certifier(bag, reading.pieces, 128, lexicon)
    split = context.data.search_attack
    for proof in certifier.certify(split.texts, split.labels.tolist()):
        assert proof.worst == pytest.approx(proof.margin - sum(move.loss for move in proof.moves), abs=1e-6)
        assert proof.certified == (not proof.reason and proof.worst > proof.needed + 1e-3)
    (glued,) = certifier.certify(["a good☺film"], [1])
    assert not glued.certified
    assert "with its neighbour" in glued.reason
    (long,) = certifier.certify(["a good film " * 200], [1])
    assert not long.certified
    assert "maximum length" in long.reason


def test_the_adversary_takes_the_swap_of_the_highest_first_order(context: Context) -> None:
    reading = context.readings["plain"]
    corpus = reading.corpus
    assert corpus.swaps is not None
    model = student(context.space.chain(1), 0, context).train()
    config = context.config.distil.model_copy(update={"unknown_share": 0.0})
    adversary = Adversary(model, corpus.sentences, corpus.swaps, corpus.special, config, seed=0)
    rows = np.arange(6)
    batch = corpus.sentences.batch(rows, torch.device("cpu"))
    labels = torch.from_numpy(corpus.labels[rows]).long()
    torch.nn.functional.cross_entropy(model(**batch).logits, labels).backward()
    ids, copy = batch["input_ids"], adversary.copies(rows, batch)["input_ids"]
    assert (ids != copy).any()
    states, felt = adversary._states, adversary._ledger_logits
    assert states is not None
    assert states.grad is not None
    assert felt.grad is not None
    assert model.ledger is not None
    for sentence, place in itertools.product(range(6), range(ids.shape[1])):
        inside = place < corpus.sentences.lengths[rows[sentence]]
        form = int(corpus.swaps.places[corpus.sentences.starts[rows[sentence]] + place]) if inside else -1
        if form < 0:
            assert ids[sentence, place] == copy[sentence, place]
            continue
        options = [int(ids[sentence, place]), *corpus.swaps.candidates.take(np.array([form]))[0].tolist()]
        scores = []
        for token in options:
            changed = ids.clone()
            changed[sentence, place] = token
            with torch.no_grad():
                moved = model.embedding(changed, batch["token_type_ids"])[sentence, place]
                said = model.ledger.table.weight[token]
            scores.append(float(moved @ states.grad[sentence, place] + said @ felt.grad[sentence]))
        assert scores[options.index(int(copy[sentence, place]))] == pytest.approx(max(scores), abs=1e-5)


def test_unknown_words_never_replace_what_frames_a_sentence(context: Context) -> None:
    corpus = context.readings["plain"].corpus
    assert corpus.swaps is not None
    model = student(context.space.chain(1), 0, context).train()
    config = context.config.distil.model_copy(update={"unknown_share": 0.5})
    adversary = Adversary(model, corpus.sentences, corpus.swaps, corpus.special, config, seed=0)
    rows = np.arange(16)
    batch = corpus.sentences.batch(rows, torch.device("cpu"))
    model(**batch).logits.sum().backward()
    copy = adversary.copies(rows, batch)["input_ids"]
    special = torch.isin(batch["input_ids"], torch.tensor(corpus.special.protected))
    assert (copy[special] == batch["input_ids"][special]).all()
    words = (batch["attention_mask"] > 0) & ~special
    assert 0.3 < (copy[words] == corpus.special.unknown).float().mean() < 0.7


def test_a_graph_moves_no_logit_further_than_its_bound(context: Context) -> None:
    for code in ("plain", "both"):
        model = student(context.space.chain(1, code), 0, context).eval()
        with torch.no_grad():
            model.classifier.weight *= 1e3
        batch = context.readings[code].corpus.sentences.batch(np.arange(20), torch.device("cpu"))
        with torch.no_grad():
            said = model(**batch)
        assert said.ledger is not None
        moved = (said.logits - said.ledger).abs()
        assert moved.max() <= 0.5 + 1e-5
        assert moved.max() > 0.4
        assert cost(context.space.chain(1, code), context.frame).weights == model.num_parameters()


def test_beside_a_ledger_the_graph_reads_synonyms_alike_and_the_ledger_does_not(context: Context) -> None:
    model = student(context.space.chain(1, "both"), 0, context).eval()
    heads = model.embedding.heads
    assert heads is not None
    tied = torch.flatten(torch.nonzero(heads != torch.arange(len(heads))))
    assert len(tied) > 50
    with torch.no_grad():
        one, other = (model(torch.tensor([[int(token)]])) for token in (tied[0], heads[tied[0]]))
    assert torch.equal(one.context, other.context)
    assert not torch.equal(one.ledger, other.ledger)


def test_training_against_the_adversary_is_decided_by_its_seed_and_leaves_the_ledger(
    context: Context, workshop: Any
) -> None:
    def trained(stretches: tuple[int, ...]) -> dict[str, torch.Tensor]:
        model = student(context.space.chain(1), 3, context)
        training = Distillation(model, context.readings["plain"].corpus, context.config.distil, 3)
        for until in (*stretches, training.steps):
            training.run(until, Progress())
        return model.state_dict()

    whole, cut = trained(()), trained((3, 7))
    for name, value in whole.items():
        assert torch.equal(value, cut[name]), name
    ledger = context.ledger(context.space.chain(1))
    assert ledger is not None
    assert torch.equal(whole["ledger.table.weight"], ledger.table)


def test_the_adversary_changes_what_is_learnt(context: Context, workshop: Any) -> None:
    def trained(adversary: str) -> torch.Tensor:
        model = student(context.space.chain(1), 3, context)
        config = context.config.distil.model_copy(update={"adversary": adversary, "epochs": 0.3})
        training = Distillation(model, context.readings["plain"].corpus, config, 3)
        training.run(training.steps, Progress())
        return model.classifier.weight.detach()

    assert not torch.equal(trained("off"), trained("gradient"))
