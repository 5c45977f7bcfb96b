"""TextAttack's recipes that cannot run here: what each lacks, and the nearest that can."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Unavailable:
    """A recipe of TextAttack that cannot run here.

    Attributes:
        factory: name of its class in `textattack.attack_recipes`.
        lacks: what is missing, or why it has no place here, in words.
        instead: names of the recipes nearest to it, the nearest first; empty where none is like it.
    """

    name: str
    title: str
    kind: str
    source: str
    factory: str
    lacks: tuple[str, ...]
    instead: tuple[str, ...] = ()


_VECTORS = "the counter-fitted vectors from TextAttack's server"
_USE = "the Universal Sentence Encoder, through TensorFlow Hub"
_MASKED_LM = "the masked language model bert-base-uncased, from the hub"
_LOOK_ALIKES = "a list of look-alike characters, which TextAttack 0.3.11 does not include"
_FOOLERS = ("textfooler-vectors-minilm", "textfooler-map-minilm", "textfooler-ppdb-minilm")
_OTHER_GOAL = "a changed class as its goal"
UNAVAILABLE: dict[str, Unavailable] = {
    recipe.name: recipe
    for recipe in (
        Unavailable(
            "textfooler",
            "TextFooler",
            "swaps words for counter-fitted neighbours",
            "Jin et al. 2020, AAAI",
            "TextFoolerJin2019",
            (_VECTORS, _USE),
            _FOOLERS,
        ),
        Unavailable(
            "textbugger",
            "TextBugger",
            "misspells words or swaps them for neighbours",
            "Li et al. 2019, NDSS",
            "TextBuggerLi2018",
            (_VECTORS, _USE, _LOOK_ALIKES),
            ("textbugger-map-minilm",),
        ),
        Unavailable(
            "iga",
            "IGA",
            "genetic search over counter-fitted neighbours",
            "Wang et al. 2021, UAI",
            "IGAWang2019",
            (_VECTORS,),
            ("iga-map",),
        ),
        Unavailable(
            "alzantot",
            "Alzantot's genetic attack",
            "genetic search over counter-fitted neighbours",
            "Alzantot et al. 2018, EMNLP",
            "GeneticAlgorithmAlzantot2018",
            (_VECTORS, "the Google 1 Billion Words language model, which runs in TensorFlow"),
            ("iga-map",),
        ),
        Unavailable(
            "faster-alzantot",
            "Faster Alzantot",
            "genetic search over counter-fitted neighbours",
            "Jia et al. 2019, EMNLP",
            "FasterGeneticAlgorithmJia2019",
            (_VECTORS, "the Learning To Write language model, from TextAttack's server"),
            ("iga-map",),
        ),
        Unavailable(
            "kuleshov",
            "Kuleshov's attack",
            "greedy over counter-fitted neighbours, under a language model",
            "Kuleshov et al. 2018",
            "Kuleshov2017",
            (_VECTORS, "the language model GPT-2, from the hub"),
            _FOOLERS,
        ),
        Unavailable(
            "pso",
            "PSO",
            "particle swarm over HowNet's sememes",
            "Zang et al. 2020, ACL",
            "PSOZang2020",
            ("HowNet's candidates, from TextAttack's server", "flair's part-of-speech tagger, from the hub"),
            ("leap",),
        ),
        Unavailable(
            "bae",
            "BAE",
            "swaps words for what a masked language model proposes",
            "Garg and Ramakrishnan 2020, EMNLP",
            "BAEGarg2019",
            (_MASKED_LM, _USE),
            _FOOLERS,
        ),
        Unavailable(
            "bert-attack",
            "BERT-Attack",
            "swaps words for what a masked language model proposes",
            "Li et al. 2020, EMNLP",
            "BERTAttackLi2020",
            (_MASKED_LM, _USE),
            _FOOLERS,
        ),
        Unavailable(
            "clare",
            "CLARE",
            "replaces, inserts and merges words by a masked language model",
            "Li et al. 2021, NAACL",
            "CLARE2020",
            ("the masked language model distilroberta-base, from the hub", _USE),
            _FOOLERS,
        ),
        Unavailable(
            "a2t",
            "A2T",
            "swaps words for counter-fitted neighbours, ranked by gradient",
            "Yoo and Qi 2021, EMNLP Findings",
            "A2TYoo2021",
            (_VECTORS, "the sentence encoder stsb-distilbert-base, from the hub", "the victim's gradients"),
            _FOOLERS,
        ),
        Unavailable(
            "hotflip",
            "HotFlip",
            "swaps the two words that the gradient points to",
            "Ebrahimi et al. 2018, ACL",
            "HotFlipEbrahimi2017",
            (_VECTORS, "a victim whose tokens are words (TextAttack's own LSTM only)", "the victim's gradients"),
            _FOOLERS,
        ),
        Unavailable(
            "checklist",
            "CheckList",
            "changes names, places, numbers and contractions",
            "Ribeiro et al. 2020, ACL",
            "CheckList2020",
            ("flair's named-entity tagger, from the hub",),
            ("pwws",),
        ),
        Unavailable(
            "french",
            "French recipe",
            "swaps French words, names and places",
            "TextAttack",
            "FrenchRecipe",
            ("the French part of Open Multilingual WordNet", "flair's French named-entity tagger, from the hub"),
            ("pwws",),
        ),
        Unavailable(
            "spanish",
            "Spanish recipe",
            "swaps Spanish words, names and places",
            "TextAttack",
            "SpanishRecipe",
            ("the Spanish part of Open Multilingual WordNet", "flair's multilingual named-entity tagger, from the hub"),
            ("pwws",),
        ),
        Unavailable(
            "chinese",
            "Chinese recipe",
            "swaps Chinese words and characters",
            "TextAttack",
            "ChineseRecipe",
            ("OpenHowNet's data, from its server", "a Chinese masked language model, from the hub"),
        ),
        Unavailable(
            "bad-characters",
            "Bad Characters",
            "invisible and look-alike characters, by differential evolution",
            "Boucher et al. 2022, IEEE S&P",
            "BadCharacters2021",
            (f"{_OTHER_GOAL} (it offers a given class, a sum of logits, entities or a translation)", _LOOK_ALIKES),
            ("textbugger-map-minilm", "deepwordbug"),
        ),
        Unavailable(
            "input-reduction",
            "Input reduction",
            "drops words while the class stays",
            "Feng et al. 2018, EMNLP",
            "InputReductionFeng2018",
            (f"{_OTHER_GOAL} (it looks for the shortest text of the same class)",),
        ),
        Unavailable(
            "seq2sick",
            "Seq2Sick",
            "makes a translation share no word with the first one",
            "Cheng et al. 2020, AAAI",
            "Seq2SickCheng2018BlackBox",
            (f"{_OTHER_GOAL} (it attacks models that write text)",),
        ),
        Unavailable(
            "morpheus",
            "Morpheus",
            "inflects words so that a translation gets worse",
            "Tan et al. 2020, ACL",
            "MorpheusTan2020",
            (f"{_OTHER_GOAL} (it attacks models that write text)",),
        ),
    )
}
