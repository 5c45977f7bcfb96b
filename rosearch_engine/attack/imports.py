"""Importing TextAttack without its surprises."""

from __future__ import annotations

import gc
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from rosearch_engine import resources


def textattack() -> ModuleType:
    """The module `textattack`, imported with no network and no output.

    Its first import downloads NLTK data and fails where there is no network; its own marker file says that
    this has been done. The data is checked here instead. The import takes about 13 s and 700 MB.

    Raises:
        UserError: if the stop words, without which it cannot be imported, are missing.
    """
    resources.require("stopwords")
    _put_first(str(resources.nltk_data()))
    _mark_as_installed()
    import nltk

    if str(resources.nltk_data()) not in nltk.data.path:
        nltk.data.path.insert(0, str(resources.nltk_data()))
    first = "textattack" not in sys.modules
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import textattack as module
    if first:
        # Its millions of objects stay for good; walking them again and again took 10% of an attack.
        gc.collect()
        gc.freeze()
    module.shared.utils.logger.setLevel(logging.ERROR)
    if resources.is_ready("wordnet"):
        resources.require("wordnet")
        from nltk.corpus import wordnet

        # Lazy loading is not safe when several attacks are under way.
        wordnet.ensure_loaded()
    found: ModuleType = module
    return found


@contextmanager
def no_downloads() -> Iterator[None]:
    """Keep TextAttack's parts from asking NLTK's server each time one is made; what they need is here."""
    import nltk

    kept, nltk.download = nltk.download, lambda *_, **__: True
    try:
        yield
    finally:
        nltk.download = kept


@contextmanager
def remembered_words() -> Iterator[None]:
    """Have TextAttack remember the words of a token that it has split before, while it attacks.

    It splits every word of a sentence anew for each candidate: 60% of its own time. Every token is split by
    itself, so that remembering changes no list of words; a text with Chinese in it is left to TextAttack.
    """
    from textattack.shared import attacked_text, utils

    places = (attacked_text, utils, utils.strings)
    kept = utils.strings.words_from_text
    quick = _remembering(kept)
    for place in places:
        place.words_from_text = quick
    try:
        yield
    finally:
        for place in places:
            place.words_from_text = kept


@contextmanager
def rare_collections() -> Iterator[None]:
    """Look for dead cycles more rarely: an attack makes hundreds of thousands of short-lived texts without any."""
    kept = gc.get_threshold()
    gc.set_threshold(200_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*kept)


def _remembering(split: Callable[..., list[str]]) -> Callable[..., list[str]]:
    of_short = lru_cache(maxsize=2**16)(lambda s: tuple(split(s)))
    chinese = re.compile("[\u4e00-\u9fff]")

    def words_from_text(s: str, words_to_ignore: list[str] | tuple[str, ...] = ()) -> list[str]:
        if words_to_ignore:
            return split(s, list(words_to_ignore))
        if len(s) < 24:
            return list(of_short(s))
        if not s.isascii() and chinese.search(s):
            return split(s)
        return [word for token in s.split() for word in of_short(token)]

    return words_from_text


def _put_first(folder: str) -> None:
    """Have NLTK look there first; the user's own folders stay, since more may be copied from them later."""
    others = [place for place in os.environ.get("NLTK_DATA", "").split(os.pathsep) if place not in ("", folder)]
    os.environ["NLTK_DATA"] = os.pathsep.join([folder, *others])


def _mark_as_installed() -> None:
    cache = Path(os.environ.get("TA_CACHE_DIR") or Path.home() / ".cache" / "textattack")
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "post_install_check_3").touch()
