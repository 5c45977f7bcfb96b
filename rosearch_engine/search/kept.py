"""Attacked sentences of a long attack, kept one by one: who goes on after a stop or a kill attacks only the rest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rosearch_engine.attack.protocol import example, restored
from rosearch_engine.attack.run import Result, Target
from rosearch_engine.config import fingerprint
from rosearch_engine.runs.process import log_path
from rosearch_engine.search.context import Context


class Kept:
    """Results in a file of lines, the first of which tells what they are of.

    Args:
        path: the file; its folder is made.
        key: of everything that a result depends on: under another key nothing of the file is used.
        targets: the sentences of the attack.

    Attributes:
        results: by sentence.
    """

    def __init__(self, path: Path, key: str, targets: Sequence[Target]) -> None:
        self._path = path
        self.results: dict[int, Result] = {}
        wanted = {target.sentence: target for target in targets}
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        if lines[:1] != [json.dumps(key)]:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(key) + "\n", encoding="utf-8")
            return
        for line in lines[1:]:
            try:
                row = json.loads(line)
                self.results[row["sentence"]] = restored(row, wanted[row["sentence"]])
            except (ValueError, KeyError, TypeError):
                continue  # cut off in the middle of a line: attacked again

    def add(self, result: Result) -> None:
        """Keep one more, at once."""
        self.results[result.target.sentence] = result
        with self._path.open("a", encoding="utf-8") as file:
            # A line of its own even after one that was cut off.
            file.write("\n" + json.dumps(example(result)))

    def drop(self) -> None:
        """Forget the file: its results have found their place."""
        self._path.unlink(missing_ok=True)


def kept_of_teacher(run: str, context: Context) -> Kept:
    """Sentences of the teacher's attack from before a stop or a kill: of a large one it takes an hour."""
    of = (context.protocol["hash"], context.teacher.key, context.config.search.seed)
    return Kept(log_path(run).with_name("teacher.jsonl"), fingerprint(*of), context.targets)
