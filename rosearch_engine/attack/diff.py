"""What an attack changed, word by word."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

Text = str | Sequence[str]  # a pair is two; the screens read this file, which must not lead to torch
BAR = " | "
"""What stands between the sentences of a pair where they are one text."""


def words(before: Text, after: Text) -> list[dict[str, str]]:
    """Steps from one text to the other: `op` is same, swap, insert or delete; `before` and `after` are words."""
    old, new = flat(before).split(), flat(after).split()
    steps = []
    for op, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if op == "equal":
            steps += [{"op": "same", "before": word, "after": word} for word in old[a:b]]
        elif op == "replace" and b - a == d - c:
            pairs = zip(old[a:b], new[c:d], strict=True)
            steps += [{"op": "swap", "before": gone, "after": come} for gone, come in pairs]
        else:
            name = {"replace": "swap", "insert": "insert", "delete": "delete"}[op]
            steps.append({"op": name, "before": " ".join(old[a:b]), "after": " ".join(new[c:d])})
    return steps


def flat(text: Text) -> str:
    """A sentence as it is; the sentences of a pair with a bar between them."""
    return text if isinstance(text, str) else BAR.join(text)
