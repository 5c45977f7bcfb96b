"""What a recipe may put in a word's place, word by word: asked of TextAttack's own transformation and constraints.

Of a recipe whose candidates depend on nothing but the word, this is the whole relation between a sentence and what
the attack can make of it: each word stands, or is one of its swaps. Case matters (stop words are left alone in lower
case only), so words are kept as they are written.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rosearch_engine.atomic import new_file
from rosearch_engine.attack.pieces import Text
from rosearch_engine.attack.recipes.build import assemble, make_ready
from rosearch_engine.attack.recipes.catalogue import LEXICAL, RECIPES, lexicon_of, ready_recipe
from rosearch_engine.attack.task import Question
from rosearch_engine.errors import UserError
from rosearch_engine.resources import home, is_ready


def is_lexicon_ready(name: str) -> bool:
    """Whether all that one of `LEXICAL` needs is on this machine."""
    return name in RECIPES and all(map(is_ready, RECIPES[name].needs))


def named_lexicon(name: str) -> Lexicon:
    """One of `LEXICAL`, with the swaps that are kept on this machine.

    Raises:
        UserError: if a resource that it needs is missing.
    """
    return Lexicon(name, home() / "lexicons" / f"{name}.json.gz")


def recipe_lexicon(recipe: str) -> Lexicon | None:
    """All that a recipe may put in a word's place; None where that depends on more than the word."""
    name = lexicon_of(recipe)
    return named_lexicon(name) if name and is_lexicon_ready(name) else None


class Lexicon:
    """The swaps of one recipe.

    Args:
        recipe: one of `LEXICAL`.
        file: where the swaps of words seen before are kept; None: nowhere.

    Raises:
        UserError: if the recipe is not such a one, or a resource that it needs is missing.
    """

    def __init__(self, recipe: str, file: Path | None = None) -> None:
        if recipe not in LEXICAL:
            problem = f"the substitutes of '{recipe}' depend on more than the word itself."
            raise UserError("recipe", problem, f"Choose one of: {', '.join(LEXICAL)}.")
        self.recipe = recipe
        found = ready_recipe(recipe)
        make_ready(found, "standard")
        self._attack = assemble(found, "standard", Question())
        self._file = file
        self._known = _read(file)
        self._new = False

    def words(self, text: Text) -> list[str]:
        """The words of a text as the attack splits it; of a pair, both sides'."""
        return list(_attacked(text).words)

    def swaps(self, word: str) -> tuple[str, ...]:
        """What may stand in the word's place, sorted; nothing for a stop word."""
        found = self._known.get(word)
        if found is None:
            self._known[word] = found = self._ask(word)
            self._new = True
        return found

    def keep(self) -> None:
        """Write what was asked anew, for the next process."""
        if self._file is None or not self._new:
            return
        with suppress(OSError):  # the next process asks again
            content = gzip.compress(json.dumps(self._known).encode(), 1)
            with new_file(self._file) as draft:  # searches that end at once write it at once
                draft.write_bytes(content)
        self._new = False

    def _ask(self, word: str) -> tuple[str, ...]:
        text = _attacked(word)
        if list(text.words) != [word]:
            return ()
        swaps = self._attack.get_transformations(text, original_text=text, indices_to_modify=[0])
        return tuple(swap.text for swap in swaps)


@dataclass(frozen=True)
class Tries:
    """What an attack has to try on some sentences.

    Attributes:
        words: of all sentences.
        swappable: words that have swaps.
        sentences: how many there are.
        untried: sentences none of whose words has a swap: whatever holds there holds untried.
    """

    words: int
    swappable: int
    sentences: int
    untried: int


def tries(lexicon: Lexicon, texts: Iterable[Text]) -> Tries:
    """What an attack with this lexicon has to try on the texts."""
    split = [lexicon.words(text) for text in texts]
    able = [sum(bool(lexicon.swaps(word)) for word in words) for words in split]
    return Tries(sum(map(len, split)), sum(able), len(split), able.count(0))


def distinct(texts: Iterable[Sequence[str]]) -> list[str]:
    """Every word of some lists of words, once, in the order of their first appearance."""
    return list(dict.fromkeys(word for words in texts for word in words))


def _attacked(text: Text) -> Any:
    from collections import OrderedDict

    from textattack.shared import AttackedText  # here, since importing it takes long and `imports` makes it ready

    if isinstance(text, str):
        return AttackedText(text)
    return AttackedText(OrderedDict((f"text{number}", part) for number, part in enumerate(text)))


def _read(file: Path | None) -> dict[str, tuple[str, ...]]:
    if file is None:
        return {}
    try:
        rows = json.loads(gzip.decompress(file.read_bytes()))
    except (OSError, EOFError, ValueError, RecursionError, zlib.error):
        return {}
    return {word: tuple(swaps) for word, swaps in rows.items()} if _is_whole(rows) else {}


def _is_whole(rows: Any) -> bool:
    """Whether it is what `keep` writes: of each word a list of words."""
    return isinstance(rows, dict) and all(
        isinstance(swaps, list) and all(isinstance(swap, str) for swap in swaps) for swaps in rows.values()
    )
