"""An attack as HTML: the word diff, the importance of words, the probabilities. Every text is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from app.formats import percent

_REMOVED = "background:rgba(220,64,52,.16);text-decoration:line-through;text-decoration-color:rgba(220,64,52,.9)"
_ADDED = "background:rgba(34,160,96,.2);font-weight:650;border-bottom:2px solid rgba(34,160,96,.9)"
_WORD = "padding:.08em .25em;border-radius:.3em"
# Towards the label and away from it: apart by their line too, for those who do not see the colours.
_FOR, _AGAINST = (226, 110, 30), (47, 125, 225)
MOST_MOVES = 12  # words whose bars are drawn; the others move less
_MOST_COLUMNS = 120  # of the curve: as fine as a line of that width can show
_TESTED = "outline:2px solid #e8590c;animation:tested 1s ease-in-out infinite"
_BLINK = (
    "<style>@keyframes tested { 50% { outline-color: transparent; } }"
    "@media (prefers-reduced-motion: reduce) { [data-tested] { animation: none !important; } }</style>"
)


def changes(steps: Sequence[Mapping[str, str]]) -> str:
    """What was changed in a sentence, in one line."""
    pairs = [(step["before"] or "–", step["after"] or "–") for step in steps if step["op"] != "same"]
    return "; ".join(f"{before} → {after}" for before, after in pairs)


def diff_html(changes: Sequence[Mapping[str, str]]) -> str:
    """The sentence with removed words struck out and added ones marked."""
    return f'<div style="font-size:1.08rem;line-height:2;overflow-wrap:anywhere">{_diff(changes)}</div>'


def _diff(changes: Sequence[Mapping[str, str]]) -> str:
    parts = []
    for change in changes:
        before, after = escape(change["before"] or ""), escape(change["after"] or "")
        if change["op"] == "same":
            parts.append(f"<span>{before}</span>")
            continue
        if before:
            parts.append(f'<del style="{_WORD};{_REMOVED}">{before}</del>')
        if after:
            parts.append(f'<ins style="{_WORD};{_ADDED};text-decoration:none">{after}</ins>')
    return " ".join(parts)


def tested_html(words: Sequence[str], trying: Sequence[tuple[int, str]]) -> str:
    """The sentence while it is attacked: the words under test in their places, marked."""
    tested = dict(trying)
    parts = [
        f'<span data-tested style="{_WORD};{_TESTED}" title="{escape(word)}">{escape(tested[place])}</span>'
        if place in tested
        else f"<span>{escape(word)}</span>"
        for place, word in enumerate(words)
    ]
    return (
        f'{_BLINK}<div style="font-size:1.08rem;line-height:2;overflow-wrap:anywhere">'
        f"{' '.join(parts) or '<span></span>'}</div>"
    )


def importance_html(importance: Sequence[Mapping[str, Any]], label: str) -> str:
    """Every word of the sentence on a ground as strong as its importance, and which colour is which."""
    most = max((abs(word["score"]) for word in importance), default=0.0) or 1.0
    parts = []
    for word in sorted(importance, key=lambda word: word["index"]):
        share = word["score"] / most
        red, green, blue = _FOR if share >= 0 else _AGAINST
        line = "solid" if share >= 0 else "dashed"
        under = f"border-bottom:2px {line} rgb({red},{green},{blue})" if abs(share) > 0.1 else ""
        parts.append(
            f'<span title="{escape(word["word"])}: {100 * word["score"]:+.1f} points" '
            f'style="{_WORD};background:rgba({red},{green},{blue},{0.6 * abs(share):.2f});{under}">'
            f"{escape(word['word'])}</span>"
        )
    key = " · ".join(
        f'<span style="border-bottom:2px {line} rgb{ink};padding-bottom:1px">{escape(text)}</span>'
        for ink, line, text in (
            (_FOR, "solid", f"speaks for “{label}”"),
            (_AGAINST, "dashed", f"speaks against “{label}”"),
        )
    )
    return (
        f'<div style="line-height:2;overflow-wrap:anywhere">{" ".join(parts)}</div>'
        f'<div style="font-size:.85rem;margin-top:.3rem">{key}</div>'
    )


def curve_html(lowest: Sequence[Sequence[float]], queries: int, label: str) -> str:
    """The lowest probability of the label so far against queries, as a step line.

    Args:
        lowest: (queries, probability) wherever none before was lower, the first at 0 queries.
        queries: how many there were in all.
    """
    if not lowest:
        return ""
    end = max(queries, 1)
    columns = min(_MOST_COLUMNS, end + 1)
    steps = "".join(
        f'<span style="flex:1;height:{100 * _at(lowest, end * place / max(columns - 1, 1)):.1f}%;'
        'border-top:2.5px solid #2f7de1;background:rgba(47,125,225,.14)"></span>'
        for place in range(columns)
    )
    first, last = lowest[0][1], lowest[-1][1]
    said = f"Probability of {label}: {percent(first)} at first, {percent(last)} at the lowest of {queries:,} queries"
    scale = "display:flex;justify-content:space-between;font-size:.8rem"
    return (
        f'<div role="img" aria-label="{escape(said)}" style="max-width:30rem">'
        f'<div style="{scale}"><span>100%</span><span>lowest {percent(last)}</span></div>'
        '<div style="position:relative;height:84px;border-left:1px solid rgba(128,138,155,.8);'
        'border-bottom:1px solid rgba(128,138,155,.8);display:flex;align-items:flex-end">'
        f"{steps}"
        '<span style="position:absolute;left:0;right:0;top:50%;border-top:1px dashed rgba(128,138,155,1)"></span></div>'
        f'<div style="{scale}"><span>0</span><span>{queries:,} queries</span></div></div>'
    )


def _at(lowest: Sequence[Sequence[float]], query: float) -> float:
    """The lowest probability after so many queries."""
    return next((chance for asked, chance in reversed(lowest) if asked <= query), lowest[0][1])


def bars_html(before: Sequence[float], after: Sequence[float], classes: Sequence[str]) -> str:
    """For each class its probability before and after, with a line at one half."""
    rows = []
    for number in sorted(range(len(before)), key=lambda i: -before[i])[:6]:
        name = escape(classes[number] if number < len(classes) else f"class {number}")
        after_value = after[number] if number < len(after) else before[number]
        rows.append(f'<div style="font-weight:600;margin-top:.6em;overflow-wrap:anywhere">{name}</div>')
        rows.append(_bar("before", before[number], "rgba(128,138,155,.75)"))
        rows.append(_bar("after", after_value, "rgba(47,125,225,.95)"))
    return f'<div style="font-size:.92rem">{"".join(rows)}</div>'


def _bar(label: str, share: float, colour: str) -> str:
    width = 100 * min(1.0, max(0.0, share))
    return (
        '<div style="display:flex;align-items:center;gap:.6em;margin:.2em 0">'
        f'<span style="width:3.6em">{label}</span>'
        '<span style="position:relative;flex:1;height:.85em;border-radius:.25em;background:rgba(128,138,155,.18)">'
        f'<span style="position:absolute;left:0;top:0;bottom:0;width:{width:.1f}%;border-radius:.25em;'
        f'background:{colour}"></span>'
        '<span style="position:absolute;left:50%;top:-.15em;bottom:-.15em;border-left:1px dashed rgba(128,138,155,1)">'
        "</span></span>"
        f'<span style="width:3.2em;text-align:right;font-variant-numeric:tabular-nums">{share:.1%}</span></div>'
    )


def row_html(title: str, chip: str, words: Sequence[Mapping[str, str]], label: str, before: float, after: float) -> str:
    """One model among others: its name and verdict, the sentence's diff, the label's probability before and after.

    Args:
        chip: HTML of the verdict.
    """
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:.4rem 1.2rem;padding:.6rem 0;'
        'border-bottom:1px solid rgba(128,138,155,.35)">'
        f'<div style="flex:1 1 13rem"><strong>{escape(title)}</strong><div style="margin-top:.3rem">{chip}</div></div>'
        + (f'<div style="flex:3 1 18rem;line-height:1.9;overflow-wrap:anywhere">{_diff(words)}</div>' if words else "")
        + f'<div style="flex:2 1 15rem;font-size:.92rem"><div style="font-weight:600">{escape(label)}</div>'
        f"{_bar('before', before, 'rgba(128,138,155,.75)')}{_bar('after', after, 'rgba(47,125,225,.95)')}</div></div>"
    )


def said_html(said: str, turned: bool) -> str:
    """A model's answer to a sentence, marked where it is another than before."""
    ink = "#e8590c" if turned else "#7a8394"
    return (
        f'<span style="border:1.5px solid {ink};background:{ink}1f;border-radius:1em;padding:.1em .6em;'
        f'font-weight:{650 if turned else 400}">{escape(said)}</span>'
    )


def proof_html(proof: Mapping[str, Any]) -> str:
    """A margin and what the worst swap of each word takes of it, the furthest first, as bars on one scale."""
    moves = sorted((move for move in proof["moves"] if move["swap"]), key=lambda move: -move["loss"])[:MOST_MOVES]
    most = max([abs(proof["margin"]), *(move["loss"] for move in moves), proof["needed"]], default=0.0) or 1.0
    margin = "margin of the words" if proof["needed"] else "margin"  # a graph that swaps move is not in it
    rows = [(margin, max(proof["margin"], 0.0), f"{proof['margin']:+.2f}", "#1f8f5f")]
    rows += [(f"{move['word']} → {move['swap']}", move["loss"], f"−{move['loss']:.2f}", "#e8590c") for move in moves]
    if proof["needed"]:
        rows.append(("the graph, at most", proof["needed"], f"−{proof['needed']:.2f}", "#8257d6"))
    left = proof["worst"] - proof["needed"]
    rows.append(("left at worst", max(left, 0.0), f"{left:+.2f}", "#1f8f5f" if left > 0 else "#d9433a"))
    drawn = "".join(
        '<div style="display:flex;align-items:center;gap:.6em;margin:.15em 0">'
        f'<span style="flex:0 0 40%;overflow-wrap:anywhere">{escape(name)}</span>'
        f'<span style="flex:1;height:.8em"><span style="display:block;height:100%;width:{100 * value / most:.1f}%;'
        f'border-radius:.2em;background:{ink}"></span></span>'
        f'<span style="width:3.6em;text-align:right;font-variant-numeric:tabular-nums">{text}</span></div>'
        for name, value, text, ink in rows
    )
    return f'<div style="font-size:.92rem;max-width:34rem">{drawn}</div>'
