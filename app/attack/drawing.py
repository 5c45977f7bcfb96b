"""An attack as HTML: the word diff, the importance of words, the probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_REMOVED = "background:rgba(220,64,52,.16);text-decoration:line-through;text-decoration-color:rgba(220,64,52,.9)"
_ADDED = "background:rgba(34,160,96,.2);font-weight:650;border-bottom:2px solid rgba(34,160,96,.9)"
_WORD = "padding:.08em .25em;border-radius:.3em"


def changes(steps: Sequence[Mapping[str, str]]) -> str:
    """What was changed in a sentence, in one line."""
    pairs = [(step["before"] or "–", step["after"] or "–") for step in steps if step["op"] != "same"]
    return "; ".join(f"{before} → {after}" for before, after in pairs)


def diff_html(changes: Sequence[Mapping[str, str]]) -> str:
    """The sentence with removed words struck out and added ones marked."""
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
    return f'<div style="font-size:1.08rem;line-height:2;overflow-wrap:anywhere">{" ".join(parts)}</div>'


def importance_html(importance: Sequence[Mapping[str, Any]]) -> str:
    """The words of the sentence on a ground as strong as the word's importance."""
    most = max((abs(word["score"]) for word in importance), default=0.0) or 1.0
    parts = []
    for word in sorted(importance, key=lambda word: word["index"]):
        strength = max(0.0, word["score"]) / most
        parts.append(
            f'<span title="{word["score"]:+.3f}" style="{_WORD};background:rgba(226,110,30,{0.65 * strength:.2f})">'
            f"{escape(word['word'])}</span>"
        )
    return f'<div style="line-height:2;overflow-wrap:anywhere">{" ".join(parts)}</div>'


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
        f'<span style="width:3.6em;opacity:.75">{label}</span>'
        '<span style="position:relative;flex:1;height:.85em;border-radius:.25em;background:rgba(128,138,155,.18)">'
        f'<span style="position:absolute;left:0;top:0;bottom:0;width:{width:.1f}%;border-radius:.25em;'
        f'background:{colour}"></span>'
        '<span style="position:absolute;left:50%;top:-.15em;bottom:-.15em;border-left:1px dashed rgba(128,138,155,1)">'
        "</span></span>"
        f'<span style="width:3.2em;text-align:right;font-variant-numeric:tabular-nums">{share:.1%}</span></div>'
    )
