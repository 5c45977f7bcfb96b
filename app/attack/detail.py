"""One attacked sentence in full: the verdict, the proof, the diff, the words' weights, the queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app import access, actions, formats, glossary, state
from app.attack import drawing, results, verdicts
from rosearch_engine.live.client import TOLD

MEANINGS = ("Yes", "No")
FACES = {"Calibrated": "probabilities", "Raw": "raw"}
SURE = st.column_config.ProgressColumn(
    "probability", format="percent", min_value=0, max_value=1, help="Calibrated probability of the original label."
)


def show(result: Mapping[str, Any], classes: Sequence[str], run: str, model: str) -> None:
    """A finished attack: verdict, diff, probabilities, importance, downloads."""
    st.html(verdicts.banner_html(result, classes))
    if hint := verdicts.language_hint(result):
        st.warning(hint, icon=":material/translate:")
    if result["outcome"] == "failed":
        return
    if result["outcome"] == "fooled" and access.may("mark"):
        _ask_meaning(result, run, model)
    if proof := result.get("certificate"):
        _certificate(proof)
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.markdown("**What the attack changed**" if result["outcome"] == "fooled" else "**Closest attempt**")
        st.html(drawing.diff_html(result["words"]))
        if result["importance"]:
            st.markdown(
                "**How much each word matters**",
                help="Change of the label's probability when the word is left out. Stop words count, though the "
                "attack never swaps them.",
            )
            st.html(drawing.importance_html(result["importance"], result["label"]))
    with right:
        st.markdown("**Class probabilities**", help="Probability of each class; the dashed line marks 50%.")
        face = st.segmented_control(
            "Probabilities",
            list(FACES),
            default="Calibrated",
            key=f"face.{model}",
            required=True,
            label_visibility="collapsed",
            help=glossary.GLOSSARY["raw probabilities"],
        )
        which = FACES[face or "Calibrated"]
        st.html(drawing.bars_html(result["before"][which], result["after"][which], classes))
        if len(result.get("lowest", ())) and result["queries"]:
            st.markdown(
                f"**Confidence against queries**  \nProbability of “{state.plain(result['label'])}”",
                help="The lowest that the attack had reached after so many queries.",
            )
            st.html(drawing.curve_html(result["lowest"], result["queries"], result["label"]))
    if "trace" in result:  # one sentence's, not a batch's
        _trace(result["trace"], model)
    with st.container(horizontal=True, vertical_alignment="center"):
        results.downloads({"run": run, "student": model, **result}, [result], f"attack-{model}")
        st.caption(f"{formats.plural(result['queries'], 'query', 'queries')} in {result['seconds']:.1f} s.")


def _trace(trace: Sequence[Mapping[str, Any]], model: str) -> None:
    table = results.trace_table(trace)
    first = "first " if len(table) == TOLD else ""
    title = f"All queries of the attack, in order ({first}{formats.plural(len(table), 'text')})"
    with st.expander(title, icon=":material/list_alt:"):
        config = {"P(label)": SURE}
        st.dataframe(table, hide_index=True, height=260, key=f"trace.{model}", column_config=config)


def _ask_meaning(result: Mapping[str, Any], run: str, model: str) -> None:
    """Whether the changed sentence still means the same: only a person can say, and it is kept with the run."""
    marks = state.store().marks(state.store().run(run)["id"])
    flip = (model, result["original"], result["perturbed"])
    known = {(mark["student"], mark["original"], mark["perturbed"]): mark["kept"] for mark in marks}
    said = known.get(flip)
    answer = st.segmented_control(
        "Does the changed sentence still mean the same?",
        MEANINGS,
        default=None if said is None else MEANINGS[0 if said else 1],
        key=f"meaning.{hash(flip)}",
        help="A flip that changes the meaning proves nothing about robustness. Your answer is saved with the run.",
    )
    if answer is not None and (answer == MEANINGS[0]) != said:
        actions.mark(run, model, result["recipe"], *flip[1:], answer == MEANINGS[0])
        st.rerun()
    if marks:
        kept = sum(mark["kept"] for mark in marks)
        st.caption(
            f"Your verdicts in this run so far: {kept} of {formats.plural(len(marks), 'flip')} kept the meaning."
        )


def _certificate(proof: Mapping[str, Any]) -> None:
    """What can be proved of a sentence, and how far each of its words can move the margin."""
    if proof["refuted"]:
        st.error(state.plain(proof["says"]), icon=":material/bug_report:")
        return
    icon = ":material/verified:" if proof["certified"] else ":material/shield_question:"
    said = proof["says"][0].upper() + proof["says"][1:]
    st.caption(f"{icon} {state.plain(said)}.", help=glossary.GLOSSARY["certificate"])
    if proof["reason"] or not proof["moves"]:
        return
    title = "Why it is proved" if proof["certified"] else "Why it is not proved"
    with st.expander(f"{title}: how far each word could move", icon=":material/balance:", expanded=proof["certified"]):
        st.html(drawing.proof_html(proof))
        bound = "the graph's bound; " if proof["needed"] else ""
        st.caption(f"In logits. Bars: the most that a word's worst swap can take from the margin; {bound}the rest.")
