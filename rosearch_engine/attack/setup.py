"""Importing TextAttack without its surprises."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import textattack as module
    module.shared.utils.logger.setLevel(logging.ERROR)
    if resources.is_ready("wordnet"):
        resources.require("wordnet")
        from nltk.corpus import wordnet

        # Lazy loading is not safe when several attacks are under way.
        wordnet.ensure_loaded()
    return module


@contextmanager
def no_downloads() -> Iterator[None]:
    """Keep TextAttack's parts from asking NLTK's server each time one is made; what they need is here."""
    import nltk

    kept, nltk.download = nltk.download, lambda *_, **__: True
    try:
        yield
    finally:
        nltk.download = kept


def _put_first(folder: str) -> None:
    """Have NLTK look there first; the user's own folders stay, since more may be copied from them later."""
    others = [place for place in os.environ.get("NLTK_DATA", "").split(os.pathsep) if place not in ("", folder)]
    os.environ["NLTK_DATA"] = os.pathsep.join([folder, *others])


def _mark_as_installed() -> None:
    cache = Path(os.environ.get("TA_CACHE_DIR") or Path.home() / ".cache" / "textattack")
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "post_install_check_3").touch()
