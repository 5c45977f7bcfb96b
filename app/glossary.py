"""The app's words on the screen: help on the headers of tables, and all terms in one list."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

GLOSSARY = {
    "clean accuracy": "Share of sentences classified correctly when nobody has touched them.",
    "after attack": "Share of ALL attacked sentences that hold: classified correctly, also after the attack, and no "
    "single swap flips them. One that was wrong from the start counts as lost. Of the calibrated and the raw student "
    "the smaller figure. The interval is Wilson's, at 95%.",
    "held out": "After-attack accuracy on sentences that no search saw, averaged over several trainings: the figure to "
    "quote. The best of many students looks better at search time than it is.",
    "union": "Share of held-out sentences that survive every attack that was tried: by words and by characters. One "
    "attack's figure is not robustness.",
    "calibrated": "What the attack alone leaves, once the student's confidence is set right by one temperature.",
    "raw": "What the attack alone leaves on the student's own logits. Far above the calibrated figure, it shows "
    "confidence that blinds the attack, not robustness.",
    "one swap": "Share of ALL attacked sentences that no single swap of the recipe flips: every one was asked. "
    "Confidence cannot change it.",
    "compression": "Teacher's weights divided by the student's, everything counted: word table, encoder, classifier.",
    "encoder compression": "Teacher's encoder weights divided by the student's, without word table and classifier, as "
    "some papers count it.",
    "latency": "Median time for one sentence on the machine that ran the search.",
    "success rate": "Share of the sentences that were right before the attack and wrong after it.",
    "mean queries": "How often the attack had to ask the model per sentence. More means harder to fool.",
    "front": "Students that no other student beats in robustness, accuracy and size at once.",
    "knee": "The best compromise: the student on the front that is nearest to the best of everything.",
    "hypervolume": "How much of the space of robustness x accuracy x saved weights the front covers. "
    "Measured from a fixed point (0, 0, 0), so runs compare; it can only grow.",
    "floor": "Clean accuracy that a student must exceed to count: half of the teacher's edge over always giving the "
    "most frequent answer, unless the run's settings say otherwise. A student that answers every sentence alike cannot "
    "be fooled, and would look robust.",
    "student": "A small model of one architecture, trained on the teacher's answers and then attacked.",
    "students an hour": "At the pace of the last ten students: training, attack and all.",
    "time left": "Students to come times the seconds that the last ten took. It changes as the search finds larger or "
    "smaller students, and with what else this machine does.",
    "teacher": "The large pre-trained model that every student learns from.",
    "chain": "A plain chain of transformer layers, scored first as a baseline for the search.",
    "bag": "A worst-case bag of words: one weight a word and class, added up, trained on the exact worst that swaps "
    "can do to it. It has no graph. Every student has to beat it.",
    "certified": "The share of ALL attacked sentences that no combination of the attack's swaps can flip: proved from "
    "the student's weights, not tried. Only students with a ledger, a sum over words, can prove anything.",
    "certificate": "What can be proved of a sentence. The worst that all swaps together can do to a sum over words is "
    "known exactly; where its margin stays above what the graph may move, no attack with these swaps can flip it.",
    "query budget": "Most model queries one sentence may cost. The attack gives up when it is used.",
    "queries": "How often the attack asked the model about this sentence.",
    "time limit": "The attack on a model is stopped after so many seconds; what it has found is shown.",
    "verdict": "Fooled: the attack changed the model's mind. Held: it gave up. Budget used: it ran out of queries, "
    "which counts as held. A swap flips it: the attack missed what a single swap can do, so it does not hold. Already "
    "wrong: nothing left to attack, which counts as lost.",
    "changes": "The words that the attack changed.",
    "said": "The class that the model says.",
    "labels of a batch": "The right class, by name or number. Without labels the model's own answer counts as right: "
    "then only changes of mind are counted, and its accuracy is not known.",
    "single swaps": "How many sentences one swap of the recipe can make of this one. All of them were asked.",
    "flipping": "How many of all single swaps of a sentence change the model's mind.",
    "raw verdict": "The same attack on the model's own logits, without calibration.",
    "temperature": "The one number that a model's logits are divided by, fitted on validation sentences, so that of "
    "the answers it is 80% sure of about 80% are right.",
    "calibrated probabilities": "How sure the model is of the label, after its confidence was set right by one "
    "temperature. The attack saw these.",
    "raw probabilities": "Calibrated: confidence set right by one temperature, as the attack saw it. Raw: as the model "
    "itself says it. Both name the same class; only how sure they are differs.",
    "success curve": "The share of ALL attacked sentences that are lost once the attack may ask so many queries about "
    "each. Those wrong from the start are lost at 0 queries. A curve further down and to the right is harder to fool.",
    "interval": "Wilson's interval of a share at 95%: how far chance alone may have moved it, with so many sentences.",
    "n": "How many sentences or students a figure rests on. The more, the narrower its interval.",
    "dominated": "Another student is at least as good in robustness, accuracy and size, and better in one.",
    "rung": "A step of the fidelity ladder: a student is trained and attacked a little first, and only the better ones "
    "get the whole training and the full attack.",
    "spearman": "Spearman's rank correlation: +1 if two figures put the students in the same order, -1 in the opposite "
    "one, 0 if neither says anything of the other.",
    "gap": "After the attack on the raw logits, less after the attack on the calibrated student: how much confidence "
    "alone blinds the attack.",
    "input code": "How a student reads a word: plainly, as the head of its group of synonyms, with misspelt words "
    "mended, or both.",
    "origin": "Where an architecture comes from: a bag of words or a plain chain, drawn at random, a mutation, or "
    "crossed from two parents.",
    "digest": "A short name of the architecture itself: equal architectures have equal digests.",
    "weights": "Trainable numbers, everything counted: word table, encoder, classifier.",
}
# Terms that are written otherwise than their key in `GLOSSARY`.
TITLES = {
    "after attack": "After-attack accuracy",
    "held out": "Held-out sentences",
    "union": "All attacks together (union)",
    "calibrated": "After the attack alone (calibrated)",
    "raw": "Raw logits",
    "raw verdict": "Verdict on raw logits",
    "one swap": "No single swap flips (one-swap)",
    "encoder compression": "Encoder alone, times smaller",
    "compression": "Times smaller (compression)",
    "success rate": "Attack success rate",
    "mean queries": "Queries a sentence",
    "chain": "Plain chain",
    "bag": "Bag of words",
    "certified": "Certified share",
    "n": "n",
    "gap": "Raw less calibrated (gap)",
    "spearman": "Spearman's correlation",
    "interval": "95% interval",
    "flipping": "Flipping swaps",
    "labels of a batch": "Labels of one's own sentences",
    "raw probabilities": "Calibrated and raw",
}

# Columns whose name is not the term itself.
COLUMNS = {
    "verdict": "verdict",
    "changes": "changes",
    "queries": "queries",
    "label": "labels of a batch",
    "said": "said",
    "said before": "said",
    "said after": "said",
    "sure before": "calibrated probabilities",
    "sure after": "calibrated probabilities",
    "raw logits": "raw verdict",
    "single swaps": "single swaps",
    "flipping": "flipping",
    "certified": "certificate",
    "words changed": "changes",
}

SHARES = ("sure before", "sure after")


def title(term: str) -> str:
    """A term as it is written at the head of its meaning."""
    return TITLES.get(term, term.capitalize())


def of(*terms: str) -> str:
    """The meanings of some terms, one a paragraph, for help on hover."""
    return "\n\n".join(f"**{title(term)}**: {GLOSSARY[term]}" for term in terms)


def columns(table: pd.DataFrame) -> dict[str, Any]:
    """Help for the columns of a table that have a word in the glossary; shares in percent."""
    found: dict[str, Any] = {}
    for name in map(str, table):
        term = GLOSSARY.get(COLUMNS.get(name, name))
        if name in SHARES:
            found[name] = st.column_config.NumberColumn(format="%.0f%%", help=term)
        elif term:
            found[name] = st.column_config.Column(help=term)
    return found


def button() -> None:
    """Opens the list of terms."""
    if st.button("Glossary", icon=":material/dictionary:", type="tertiary", key="glossary"):
        _all()


@st.dialog("What the words mean", width="large", icon=":material/dictionary:")
def _all() -> None:
    asked = st.text_input("Find", key="glossary.find", placeholder="a word") or ""
    found = entries(asked)
    if not found:
        st.info("No term has this word.", icon=":material/search_off:")
    for name in sorted(found, key=str.lower):
        st.markdown(f"**{name}**: {found[name]}")


def entries(asked: str = "") -> dict[str, str]:
    """The terms that have what was asked in their name or meaning."""
    known = {title(term): text for term, text in GLOSSARY.items()}
    return {name: text for name, text in known.items() if asked.lower() in f"{name} {text}".lower()}
