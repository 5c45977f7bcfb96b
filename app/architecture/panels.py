"""What stands beside the picture: the legend, a node's genes, the student's, its origin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from app import state, words
from app.architecture.drawing import boxes, families, whole
from app.formats import count
from rosearch_engine.genome import Frame, Genome
from rosearch_engine.store.rows import MeasuredStudent, RunRow, StudentRow

MERGES = {"mean": "mean", "gates": "learned gates"}
CODES = {
    "plain": "none",
    "synonyms": "mapped to a synonym-cluster representative",
    "characters": "spell-corrected to a known word one edit away",
    "both": "spell-corrected, then mapped to a synonym-cluster representative",
}

CONTEXTS = {
    "none": "no graph: the ledger decides alone, a bag of words",
    "free": "the graph reads every word and says what it likes; nothing is proved",
    "bounded": "the graph reads every word, and may move a class score by at most B beside the ledger",
    "invariant": "the graph reads of each word only its class of swaps, so no swap changes what it says",
}

BESIDE = {
    "Ledger": "one number per word and class, added up; trained on its exact worst case under all swaps",
    "Sum": "adds what the graph says to what the words say; the certificate is the worst case of this sum",
}

POOLINGS = {"cls": "first token", "mean": "mean over tokens", "max": "max over tokens"}


def frame_of(run: RunRow) -> Frame | None:
    """The frame a run's students share, once its teacher is known."""
    return Frame(**run["frame"]) if run["frame"] else None


def legend() -> None:
    """The operation families and their colours."""
    with st.container(horizontal=True, gap="small"):
        for family in families().values():
            st.badge(family.title, color=family.colour)


def node_panel(genome: Genome, frame: Frame | None, number: int | None) -> None:
    """Everything about one node."""
    if number is None:
        st.info("Click a node to see its genes.", icon=":material/touch_app:")
        return
    box = boxes(genome, frame)[number]
    st.subheader(box.title, anchor=False)
    facts = {"Sizes": box.shape}
    if box.weights is not None:
        facts["Parameters"] = f"{box.weights:,}"
    if box.teacher_layer:
        facts["Teacher layer"] = f"{box.teacher_layer}, which initialises and supervises it"
    names = {other.number: f"{other.title} ({other.number})" for other in boxes(genome, frame)}
    edges = whole(genome, frame).edges
    inputs, outputs = [a for a, b in edges if b == number], [b for a, b in edges if a == number]
    if inputs:
        joined = f"{MERGES[genome.merge]} of " if box.merge else ""
        facts["Input"] = joined + ", ".join(names[a] for a in inputs)
    if outputs:
        facts["Feeds"] = ", ".join(names[b] for b in outputs)
    if about := BESIDE.get(box.title):
        facts["What it does"] = about
    _facts(facts)


def student_panel(student: MeasuredStudent, genome: Genome) -> None:
    """The genes that hold for the whole student."""
    st.markdown("**The whole student**")
    trained = {} if genome.kappa is None else {"Kappa": f"{genome.kappa:g}, the weight of the worst case in training"}
    if genome.is_bag:
        bigrams = {"Bigrams": f"a table of {genome.bigrams:,} rows"} if genome.bigrams else {}
        _facts({"Input code": CODES[genome.code], **bigrams, **trained, "Parameters": count(student["weights"])})
        return
    context = {"Context": CONTEXTS[genome.context]} if genome.context else {}
    if genome.bound:
        context["Bound B"] = f"{genome.bound:g}"
    _facts(
        {
            "Width": f"{genome.width}",
            "Input code": CODES[genome.code],
            "Embedding": f"factorised, rank {genome.rank}",
            "Merge rule": f"{MERGES[genome.merge]}, then layer norm",
            "Pooling": POOLINGS[genome.pooling],
            **context,
            **trained,
            "Parameters": f"{count(student['weights'])}, {count(student['encoder_weights'])} of them in the encoder",
            "FLOPs": f"{count(student['flops'])} per 32-token sentence",
        }
    )


def lineage(student: MeasuredStudent, everyone: Sequence[StudentRow]) -> None:
    """Where a student came from, with a way to its parents and children."""
    by_number = {other["number"]: other for other in everyone}
    parents = [by_number[number] for number in dict.fromkeys(student["parents"]) if number in by_number]
    children = [other for other in everyone if student["number"] in other["parents"]]
    st.markdown(f"**Origin**: {words.ORIGINS.get(student['origin'], student['origin'])}")
    if student["change"]:
        st.caption(state.plain(student["change"]))
    for title, family in (("Parents", parents), ("Children", children)):
        shown = [other for other in family if other["status"] == "done"][:8]
        if not shown:
            continue
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(title, width="content")
            for other in shown:
                if st.button(other["name"], key=f"{title}.{other['name']}", help=words.summary(other), type="tertiary"):
                    state.choose(student=other["name"])
                    st.rerun()


def _facts(facts: Mapping[str, str]) -> None:
    for name, value in facts.items():
        left, right = st.columns([2, 5], wrap=False, gap="small")
        left.caption(name)
        right.markdown(state.plain(value))
