"""A word swapped by hand: what would the models say if the sentence read so?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import streamlit as st

from app import actions, state
from app.attack import drawing, models
from rosearch_engine.data.own import BETWEEN
from rosearch_engine.errors import UserError
from rosearch_engine.store.rows import RunRow

WITHIN = 60.0  # seconds to wait for an answer: a batch's next handful may come first


def panel(
    run: RunRow, held: Mapping[str, Any], done: Mapping[str, Mapping[str, Any]], titles: Mapping[str, str]
) -> None:
    """Pick a word, say another, see every model's answer; further swaps add up until they are taken back."""
    result = next(iter(done.values()))
    words = result["original"].split()
    places = [place for place, word in enumerate(words) if word != BETWEEN]
    if not places:
        return
    with st.container(border=True):
        st.markdown("**What if you say it otherwise?**", help="Your swap, not the attack's: any word may be swapped.")
        swaps = _swaps(result["original"])
        options = {option["index"]: option["swaps"] for option in result.get("options") or ()}
        left, right, third = st.columns([2, 2, 1], vertical_alignment="bottom")
        weights = {word["index"]: word["score"] for word in result["importance"]}
        # What the attack would go for: of the words that it may swap, the one that speaks most for the label.
        first = max(places, key=lambda at: (at in options, weights.get(at, 0.0)))
        place = left.selectbox(
            "Word",
            places,
            index=places.index(first),
            format_func=lambda at: f"{at + 1}. {words[at]}",
            key=f"what_if.word.{hash(result['original'])}",
        )
        said = right.selectbox(
            "Say instead",
            options.get(place, []),
            index=None,
            placeholder="pick a synonym or type",
            accept_new_options=True,
            key=f"what_if.say.{hash(result['original'])}.{place}",
        )
        pressed = third.button("What if?", icon=":material/swap_horiz:", key="what_if", width="stretch")
        word = (said or "").strip()
        if pressed and not word:
            st.warning("**Say instead**: it is empty. Pick a synonym or type a word.", icon=":material/edit:")
        elif pressed:
            swaps[place] = word
        if not swaps:
            return
        now = [swaps.get(at, word) for at, word in enumerate(words)]
        steps = [
            {"op": "same" if old == new else "swap", "before": old, "after": new}
            for old, new in zip(words, now, strict=True)
        ]
        st.html(drawing.diff_html(steps))
        try:
            _answers(run, held, done, titles, " ".join(now))
        except UserError as error:
            state.show_error(error)
        if st.button("Take the swaps back", icon=":material/undo:", key="what_if.reset"):
            st.session_state["what_if.swaps"] = (result["original"], {})
            st.rerun()


def _swaps(original: str) -> dict[int, str]:
    """The reader's swaps in this sentence so far, by place."""
    held: tuple[str, dict[int, str]] = st.session_state.get("what_if.swaps", ("", {}))
    if held[0] != original:
        st.session_state["what_if.swaps"] = held = (original, {})
    return held[1]


def _answers(
    run: RunRow, held: Mapping[str, Any], done: Mapping[str, Mapping[str, Any]], titles: Mapping[str, str], now: str
) -> None:
    """Each model's row: the probability of what was right, before and after.

    Raises:
        UserError: if a model cannot be asked, or does not answer in time.
    """
    known: dict[tuple[str, str, str], dict[str, Any]] = st.session_state.setdefault("what_if.answers", {})
    if any((run["name"], model, now) not in known for model in done):
        known.clear()
        text = now if held["pair"] is None else tuple(now.split(f" {BETWEEN} ", 1))
        with st.spinner("Asking …"):
            known |= {(run["name"], model, now): answer for model, answer in _ask(run["name"], done, text).items()}
    rows = []
    for model, result in done.items():
        answer = known[run["name"], model, now]
        before, label = result["before"], result["label_class"]
        turned = answer["class"] != before["class"]
        said = f"{before['name']} → {answer['name']}" if turned else f"still {answer['name']}"
        rows.append(
            drawing.row_html(
                titles.get(model, model),
                drawing.said_html(said, turned),
                [],
                result["label"],
                before["probabilities"][label],
                answer["probabilities"][label],
            )
        )
    st.html("".join(rows))


def _ask(run: str, asked: Iterable[str], text: str | tuple[str, ...]) -> dict[str, dict[str, Any]]:
    jobs = actions.ask(models.warm_worker(), list(asked), run, text)
    for model, job in jobs.items():
        if not job.finished.wait(WITHIN):
            for given_up in jobs.values():
                given_up.stop()
            raise UserError("model", f"{model} did not answer within {WITHIN:.0f} s.", "Try again in a moment.")
        if job.error:
            raise UserError(job.error["field"], job.error["problem"], job.error["remedy"])
    return {model: job.answers[0] for model, job in jobs.items()}
