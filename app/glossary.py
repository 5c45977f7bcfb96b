"""The app's words on the screen: help on the headers of tables, and all terms in one list."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

GLOSSARY = {
    "clean accuracy": "Share of unmodified sentences that are classified correctly.",
    "after attack": "Share of ALL attacked sentences that hold: classified correctly before and after the attack, and "
    "not flipped by any single swap. Sentences that were wrong to begin with count as lost. Measured on calibrated and "
    "on raw logits; the lower figure counts. The interval is a 95% Wilson interval.",
    "held out": "After-attack accuracy on sentences that no search has seen, averaged over several training seeds: the "
    "figure to quote. Figures from the search itself are optimistic, because the best of many students is picked.",
    "union": "Share of held-out sentences that survive every attack, on words and on characters. Robustness to a "
    "single attack is not robustness.",
    "calibrated": "Accuracy after the attack alone, with the student's confidence calibrated by temperature scaling.",
    "raw": "Accuracy after the attack alone, on uncalibrated logits. A value far above the calibrated one means that "
    "overconfidence starves the attack of its signal; it is not robustness.",
    "one swap": "Share of ALL attacked sentences that no single swap of the recipe can flip. Every swap is checked, so "
    "the student's confidence makes no difference.",
    "compression": "Teacher parameters divided by student parameters, all included: embedding, encoder, classifier.",
    "encoder compression": "Teacher encoder parameters divided by student encoder parameters, without embedding and "
    "classifier, as some papers count them.",
    "latency": "Median time per sentence on the machine that ran the search, in the calmest of some rounds. Disturbed: "
    "other work ran on the machine all the while.",
    "success rate": "Share of initially correct sentences that the attack turned wrong.",
    "mean queries": "Average number of model queries the attack made per sentence. More means harder to fool.",
    "front": "Pareto-optimal students: no other student is at least as good in robustness, accuracy and size and "
    "better in one of them. Robustness is after-attack accuracy, or the certified share in a run that searched for it.",
    "knee": "The best compromise: the student on the Pareto front that is closest to the best value of every "
    "objective.",
    "hypervolume": "How much of the space of robustness x accuracy x saved parameters the Pareto front covers. It is "
    "measured from a fixed reference point (0, 0, 0), so runs can be compared; it can only grow.",
    "floor": "Clean accuracy a student must exceed to count: by default, half of the teacher's lead over always "
    "predicting the most frequent class. A student that gives every sentence the same answer cannot be fooled and "
    "would look robust.",
    "student": "A small model with one architecture, distilled from the teacher and then attacked.",
    "students per hour": "Throughput over the last ten students, training and attack included.",
    "time left": "Remaining students times the average duration of the last ten. It changes when the search moves to "
    "larger or smaller students, and with other load on this machine.",
    "teacher": "The large pre-trained model that every student is distilled from.",
    "chain": "A plain chain of transformer layers, measured first as a baseline for the search.",
    "bag": "A worst-case bag of words: one weight per word and class, summed, trained against its exact worst case "
    "under word swaps. It has no graph. As a baseline, every student has to beat it; a search may also find such "
    "students, with other weights of the worst case (kappa).",
    "certified": "Share of ALL attacked sentences that provably cannot be flipped by any combination of the attack's "
    "swaps. The proof uses the student's weights, not a search, and needs a ledger (a sum over words).",
    "loss on copies": "Mean loss on training sentences whose words the adversary swapped in one gradient step / after "
    "three more steps. If the second is far above the first, the student has only learned to resist one gradient step.",
    "certificate": "What can be proved about a sentence. The worst effect of all swaps together on a sum over words is "
    "known exactly; if the remaining margin exceeds what the graph can change, no attack with these swaps can flip it.",
    "query budget": "Maximum number of model queries per sentence. The attack gives up when it is used up.",
    "queries": "How often the attack queried the model about this sentence.",
    "time limit": "The attack on a model stops after this many seconds; you see what it has found so far.",
    "verdict": "Fooled: the attack changed the prediction. Held: the attack failed, or ran out of queries. Proved: no "
    "combination of the attack's swaps can change the prediction. Does not hold: the attack missed a single swap that "
    "changes it. Already wrong: misclassified before the attack, which counts as lost. Nothing to attack: no word can "
    "be swapped.",
    "changes": "The words that the attack changed.",
    "prediction": "The class that the model predicts.",
    "labels of a batch": "The correct class, by name or number. Without labels, the model's own prediction counts as "
    "correct: only changed predictions are counted, and clean accuracy is unknown.",
    "single swaps": "How many different sentences one swap of the recipe can make from this one. All were checked.",
    "flipping": "How many of a sentence's single swaps change the prediction.",
    "raw verdict": "The same attack on the model's raw logits, without calibration.",
    "temperature": "The number a model's logits are divided by, fitted on validation sentences so that about 80% of "
    "the predictions made with 80% confidence are correct.",
    "calibrated probabilities": "The model's probability for the label after temperature scaling. The attack uses "
    "these.",
    "raw probabilities": "Calibrated: after temperature scaling, as the attack sees them. Raw: as the model outputs "
    "them. The predicted class is the same; only the confidence differs.",
    "success curve": "Share of ALL attacked sentences lost within a given number of queries per sentence. Sentences "
    "that were wrong to begin with are lost at 0 queries. A curve that stays lower, or rises later, means harder to "
    "fool.",
    "interval": "95% Wilson confidence interval of a share: how far it may be off by chance, given the number of "
    "sentences.",
    "n": "Number of sentences or students behind a figure. The more, the narrower the interval.",
    "dominated": "Another student is at least as good in robustness, accuracy and size, and better in one of them.",
    "rung": "A step of the fidelity ladder: each student is first trained and attacked on a small budget, and only the "
    "better ones get the full training and the full attack.",
    "spearman": "Spearman's rank correlation: +1 if two measures rank the students in the same order, -1 in the "
    "opposite order, 0 if the rankings are unrelated.",
    "gap": "After-attack accuracy on raw logits minus after-attack accuracy on calibrated logits: how much "
    "overconfidence alone hampers the attack.",
    "input code": "How a student normalises its input words: not at all, by mapping them to a synonym-cluster "
    "representative, by correcting spelling, or both.",
    "origin": "Where an architecture comes from: a baseline (bag of words or plain chain), a random sample, a mutation "
    "or a crossover.",
    "digest": "A short identifier of the architecture: equal architectures have equal digests.",
    "parameters": "Trainable parameters, all included: embedding, encoder, classifier.",
}
# Terms whose title differs from their key in `GLOSSARY`.
TITLES = {
    "after attack": "After-attack accuracy",
    "held out": "Held-out sentences",
    "union": "All attacks together (union)",
    "calibrated": "After-attack accuracy, calibrated",
    "raw": "After-attack accuracy, raw logits",
    "raw verdict": "Verdict on raw logits",
    "one swap": "Robust to every single swap",
    "encoder compression": "Encoder compression",
    "compression": "Compression",
    "success rate": "Attack success rate",
    "mean queries": "Mean queries per sentence",
    "chain": "Plain chain",
    "bag": "Bag of words",
    "certified": "Certified share",
    "loss on copies": "Loss on adversarial copies",
    "n": "n",
    "gap": "Gap (raw minus calibrated)",
    "spearman": "Spearman's correlation",
    "interval": "95% interval",
    "flipping": "Flipping swaps",
    "labels of a batch": "Labels of your sentences",
    "raw probabilities": "Calibrated and raw probabilities",
}

# Columns whose name is not the term itself.
COLUMNS = {
    "verdict": "verdict",
    "changes": "changes",
    "queries": "queries",
    "label": "labels of a batch",
    "prediction": "prediction",
    "prediction before": "prediction",
    "prediction after": "prediction",
    "confidence before": "calibrated probabilities",
    "confidence after": "calibrated probabilities",
    "raw logits": "raw verdict",
    "single swaps": "single swaps",
    "flipping": "flipping",
    "certified": "certificate",
    "words changed": "changes",
}

SHARES = ("confidence before", "confidence after")


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


@st.dialog("Glossary", width="large", icon=":material/dictionary:")
def _all() -> None:
    asked = st.text_input("Find", key="glossary.find", placeholder="a term") or ""
    found = entries(asked)
    if not found:
        st.info("No entry matches.", icon=":material/search_off:")
    for name in sorted(found, key=str.lower):
        st.markdown(f"**{name}**: {found[name]}")


def entries(asked: str = "") -> dict[str, str]:
    """The terms that have what was asked in their name or meaning."""
    known = {title(term): text for term, text in GLOSSARY.items()}
    return {name: text for name, text in known.items() if asked.lower() in f"{name} {text}".lower()}
