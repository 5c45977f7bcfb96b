"""What came of an attack, in a word, a colour and a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from app import formats
from rosearch_engine.objectives import holds, withstands
from rosearch_engine.store.rows import ExampleRow


class Look(NamedTuple):
    """A verdict's colour, which can be told on white and on black, and the sign that tells it without colour."""

    ink: str
    sign: str


RED, GREEN, VIOLET, ORANGE, GREY = "#d9433a", "#1f8f5f", "#8257d6", "#c76a00", "#7a8394"
LOOKS = {
    "Fooled": Look(RED, "✗"),
    "Held": Look(GREEN, "✓"),
    "Proved": Look(VIOLET, "◆"),
    "Does not hold": Look(ORANGE, "✗"),
    "Already wrong": Look(ORANGE, "!"),
    "Nothing to attack": Look(GREY, "○"),
    "Not attacked": Look(GREY, "!"),
    "Time limit reached": Look(GREY, "…"),
    "Stopped": Look(GREY, "…"),
}
HOLDING = ("Held", "Proved", "Nothing to attack")
_OF_OUTCOME = {
    "fooled": "Fooled",
    "already wrong": "Already wrong",
    "failed": "Not attacked",
    "out of time": "Time limit reached",
    "stopped": "Stopped",
}


def verdict(result: Mapping[str, Any]) -> str:
    """The verdict on an attacked sentence, a key of `LOOKS`.

    One that the attack leaves, but a single swap flips, does not hold. One without a word to swap proves nothing.
    """
    outcome, swaps = result["outcome"], result["one_swap"] or {}
    if not withstands(outcome):
        return _OF_OUTCOME[outcome]
    if swaps and not swaps["asked"]:
        return "Nothing to attack"
    if not holds(outcome, swaps.get("flips")):
        return "Does not hold"
    proof = result.get("certificate")
    return "Proved" if proof and proof["certified"] and not proof["refuted"] else "Held"


def of_example(row: ExampleRow) -> str:
    """The verdict on a sentence as the store keeps it."""
    swaps = None if row["swaps"] is None else {"asked": row["swaps"], "flips": row["flips"] or 0}
    proof = {"certified": row["certified"], "refuted": False} if row["certified"] else None
    return verdict({"outcome": row["outcome"], "one_swap": swaps, "certificate": proof})


def headline(result: Mapping[str, Any], classes: Sequence[str]) -> str:
    """What the verdict says of this sentence."""
    before, after = (named(result[when]["class"], classes) for when in ("before", "after"))
    swaps = result["one_swap"] or {"asked": 0, "flips": 0}
    changed = formats.plural(sum(word["op"] != "same" for word in result["words"]), "word")
    found = verdict(result)
    return {
        "Fooled": f"Fooled with {changed}: {before} → {after}",
        "Held": f"Held: still {before}" + (", query budget used up" if result["outcome"] == "budget used" else ""),
        "Proved": f"Proved: no combination of swaps can change {before}",
        "Does not hold": f"Does not hold: {swaps['flips']} of {formats.plural(swaps['asked'], 'single swap')} "
        f"{'changes' if swaps['flips'] == 1 else 'change'} {before}",
        "Already wrong": f"Already wrong: it says {before}, right is {result['label']}",
        "Nothing to attack": f"Nothing to attack: no word here can be swapped. It says {before}",
        "Not attacked": f"Not attacked: {result['reason']} It counts as lost",
        "Time limit reached": f"Time limit reached, so far {before}" + (f" → {after}" if before != after else ""),
        "Stopped": f"Stopped by you, so far {before}" + (f" → {after}" if before != after else ""),
    }[found]


def facts(result: Mapping[str, Any], budget: int | None = None) -> list[str]:
    """What the verdict rests on, a few words each."""
    said = []
    if (options := result.get("options")) is not None and result.get("length"):
        said.append(f"{len(options)} of {formats.plural(result['length'], 'word')} can be swapped")
    queries = formats.plural(result["queries"], "query", "queries")
    said.append(f"{queries} of at most {budget:,}" if budget and result["outcome"] == "budget used" else queries)
    if result["raw_outcome"]:
        said.append(f"On raw logits: {result['raw_outcome']}")
    swaps = result["one_swap"]
    if swaps and swaps["asked"]:
        said.append(f"Single swaps that flip it: {swaps['flips']} of {swaps['asked']}")
    return said


def language_hint(result: Mapping[str, Any]) -> str:
    """Why a verdict says little, where a text is not English; empty where it is."""
    known = result.get("english")
    if not known or known["looks_english"]:
        return ""
    return (
        f"This does not look like English: {known['known']} of {formats.plural(known['words'], 'word')} "
        f"{'is' if known['known'] == 1 else 'are'} in its word lists. The attack knows English words only, "
        "so what holds here proves little."
    )


def banner_html(result: Mapping[str, Any], classes: Sequence[str]) -> str:
    """The verdict, large, on its colour."""
    look = LOOKS[verdict(result)]
    return (
        f'<div role="status" data-verdict="{verdict(result)}" style="border-left:6px solid {look.ink};'
        f'background:{look.ink}1f;border-radius:.4rem;padding:.7rem 1rem;overflow-wrap:anywhere">'
        f'<span aria-hidden="true" style="color:{look.ink};font-weight:700;font-size:1.3rem;margin-right:.5rem">'
        f'{look.sign}</span><strong style="font-size:1.15rem">{escape(headline(result, classes))}</strong>'
        f'<div style="margin-top:.25rem">{escape(". ".join(facts(result)))}.</div></div>'
    )


def chip_html(found: str) -> str:
    """A verdict's name in its colour, for a row among others."""
    look = LOOKS[found]
    return (
        f'<span data-verdict="{found}" style="border:1.5px solid {look.ink};background:{look.ink}1f;'
        'border-radius:1em;padding:.1em .6em;font-weight:600;white-space:nowrap">'
        f'<span aria-hidden="true" style="color:{look.ink}">{look.sign}</span> {found}</span>'
    )


def named(number: int, classes: Sequence[str]) -> str:
    """A class by its number."""
    return classes[number] if 0 <= number < len(classes) else str(number)
