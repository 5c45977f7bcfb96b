"""What an attack may make of a text: the same whoever is attacked, so worked out once and kept.

Synonyms, parts of speech and the likeness of sentences do not depend on the victim. For a text on the way of an
attack (its words, and which of them were changed) the surviving candidates are kept on disk, under a key of the
recipe, its constraints and their resources. The next student, of this run or another, is given them.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

# Texts on the way of attacks on one sentence that are kept; later ones are worked out anew.
KEPT_STATES = 4_000


class SwapStore:
    """The store of one recipe at one constraint level.

    Without a place on disk, or where that cannot be written, it lies in memory.

    Attributes:
        hits: questions answered from the store, over all sentences.
        misses: questions that the recipe had to work out.
    """

    def __init__(self, key: str, file: Path | None = None) -> None:
        self._key = key
        self._rows = _open(file)
        self.hits = self.misses = 0

    def of(self, sentence: str) -> KnownSwaps:
        """What is known of one sentence under attack."""
        name = hashlib.blake2b(sentence.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        known: dict[bytes, bytes] = {}
        with suppress(sqlite3.DatabaseError):
            query = "SELECT state, found FROM states WHERE recipe = ? AND sentence = ?"
            known = dict(self._rows.execute(query, (self._key, name)).fetchall())
        return KnownSwaps(self, name, known)

    def keep(self, known_swaps: KnownSwaps) -> None:
        """Write what was worked out for a sentence."""
        if not known_swaps.new:
            return
        rows = [(self._key, known_swaps.name, state, found) for state, found in known_swaps.new.items()]
        # A full disk or a lost file costs the next student some time, nothing else.
        with suppress(sqlite3.DatabaseError), self._rows:
            self._rows.executemany("INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?)", rows)


class KnownSwaps:
    """The known states of one sentence, and those that came new."""

    def __init__(self, store: SwapStore, name: bytes, known: dict[bytes, bytes]) -> None:
        self._store = store
        self.name = name
        self._known = known
        self.new: dict[bytes, bytes] = {}

    def texts(self, current: Any, transformations: list[Any], asked: dict[str, Any], work: Callable[[], Any]) -> Any:
        """The texts that the attack may go on to from `current` (a TextAttack `AttackedText`).

        Args:
            transformations: the recipe's; a candidate remembers which of them made it.
            asked: the search method's further arguments, such as `indices_to_modify`.
            work: gives the candidates where they are not known.
        """
        state = _state(current, asked)
        known = self._known.get(state)
        if known is None:
            known = self.new.get(state)
        if known is not None:
            # A damaged row is a missing one.
            with suppress(zlib.error, ValueError, LookupError, TypeError):
                texts = [_unpack(row, current, transformations) for row in json.loads(zlib.decompress(known))]
                self._store.hits += 1
                return texts
        self._store.misses += 1
        found = work()
        if len(self._known) + len(self.new) < KEPT_STATES:
            rows = [_pack(text, transformations) for text in found]
            self.new[state] = zlib.compress(json.dumps(rows).encode(), 1)
        return found


def _state(current: Any, asked: dict[str, Any]) -> bytes:
    """A name for all that the candidates depend on beside the sentence and the recipe."""
    attrs = current.attack_attrs
    plain = {name: _sorted_places(value) for name, value in sorted(asked.items())}
    whole = [list(current._text_input.items()), sorted(map(int, attrs["modified_indices"])), _map(current), plain]
    return hashlib.blake2b(json.dumps(whole).encode(), digest_size=12).digest()


def _sorted_places(value: Any) -> Any:
    return sorted(map(int, value)) if isinstance(value, Iterable) and not isinstance(value, str) else value


def _map(text: Any) -> list[int] | None:
    """Where the original words are now; None where they are all in their places."""
    places = text.attack_attrs["original_index_map"]
    return None if np.array_equal(places, np.arange(text.num_words)) else [int(place) for place in places]


def _pack(text: Any, transformations: list[Any]) -> list[Any]:
    attrs = text.attack_attrs
    maker = next(i for i, one in enumerate(transformations) if one is attrs["last_transformation"])
    newly, modified = (list(map(int, attrs[name])) for name in ("newly_modified_indices", "modified_indices"))
    return [list(text._text_input.values()), newly, modified, _map(text), maker, attrs.get("similarity_score")]


def _unpack(row: list[Any], current: Any, transformations: list[Any]) -> Any:
    values, newly, modified, places, maker, similarity = row
    attrs = {
        "newly_modified_indices": set(newly),
        "previous_attacked_text": current,
        "modified_indices": set(modified),
        "last_transformation": transformations[maker],
    }
    if places is not None:
        attrs["original_index_map"] = np.array(places)
    if similarity is not None:
        attrs["similarity_score"] = similarity
    return type(current)(OrderedDict(zip(current.column_labels, values, strict=True)), attack_attrs=attrs)


def _open(file: Path | None) -> sqlite3.Connection:
    if file is not None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            return _with_table(sqlite3.connect(file, timeout=10.0))
        except (OSError, sqlite3.DatabaseError):
            pass
    return _with_table(sqlite3.connect(":memory:"))


def _with_table(rows: sqlite3.Connection) -> sqlite3.Connection:
    rows.execute("PRAGMA journal_mode=WAL")
    rows.execute("PRAGMA synchronous=NORMAL")
    rows.execute(
        "CREATE TABLE IF NOT EXISTS states (recipe TEXT, sentence BLOB, state BLOB, found BLOB, "
        "PRIMARY KEY (recipe, sentence, state)) WITHOUT ROWID"
    )
    return rows
