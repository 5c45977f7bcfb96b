"""More sentences of the same domain, without labels: the teacher labels them."""

from __future__ import annotations

import re

import numpy as np

from rosearch_engine.config import DataConfig
from rosearch_engine.data import columns, rows, values
from rosearch_engine.errors import UserError

_FEWEST_WORDS = 4
_ENDS = re.compile(r"(?<=[.!?])\s+|\s*<br\s*/?>\s*", flags=re.IGNORECASE)


def load_extra(config: DataConfig, source: str, limit: int) -> tuple[str, ...]:
    """At most `limit` different texts of another source, none of which the data set of `config` holds in any part.

    Texts longer than nearly all of the data set's are cut into sentences.

    Raises:
        UserError: if the source cannot be read or holds no text, or the data set is one of pairs.
    """
    own = rows.prepare(rows.read(config), config)
    if own.columns.pair:
        problem = "the data set has sentence pairs, so single sentences are of no use."
        raise UserError("distil.extra", problem, "Leave it empty.")
    texts = [text for part in (own.train, own.evaluation) if part is not None for text in part.texts]
    known = {_key(text) for text in texts}
    longest = int(np.quantile([len(text.split()) for text in texts], 0.99))
    try:
        table = rows.read(config.model_copy(update={"name": source}))
        column, _ = columns.texts(table.train)
    except UserError as error:
        raise UserError("distil.extra", error.problem, error.remedy) from None
    found: dict[str, str] = {}
    for whole in values.texts(table.train[column], "distil.extra"):
        for text in [whole] if len(whole.split()) <= longest else _ENDS.split(whole):
            key = _key(text)
            if _FEWEST_WORDS <= len(text.split()) <= longest and key not in known:
                found.setdefault(key, text)
    different = list(found.values())
    if not different:
        raise UserError("distil.extra", "it contains no new text.", "Choose another source, or leave it empty.")
    order = np.random.default_rng(config.seed).permutation(len(different))[:limit]
    return tuple(different[place] for place in order)


def _key(text: str) -> str:
    """What makes two texts the same: their words, whatever stands between them."""
    return " ".join(re.findall(r"\w+", text.casefold()))
