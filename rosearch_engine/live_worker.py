"""The worker behind `live`: loads TextAttack once, then attacks sentence after sentence."""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TextIO

import numpy as np

from rosearch_engine.attack.catalogue import settle
from rosearch_engine.attack.diff import flat, words
from rosearch_engine.attack.pieces import Text
from rosearch_engine.attack.run import Attacker, Result, Said, Target
from rosearch_engine.attack.setup import textattack
from rosearch_engine.errors import UserError
from rosearch_engine.shelf import Loaded, load
from rosearch_engine.store.repo import Store

LONGEST = 1000
MASK = "[UNK]"


class _Stop(Exception):
    """The person pressed Stop."""


def serve() -> None:
    """Read requests from standard input until it ends; write what happens to standard output."""
    out = _own_output()
    requests: queue.Queue[dict[str, Any] | None] = queue.Queue()
    stops: set[int] = set()
    threading.Thread(target=_listen, args=(requests, stops), daemon=True).start()
    _say(out, worker="starting", note="loading TextAttack")
    try:
        textattack()
    except UserError as error:
        _say(out, worker="starting", note=str(error))
    _say(out, worker="ready")
    while (request := requests.get()) is not None:
        job = request["attack"]
        try:
            _attack(request, out, stops)
        except UserError as error:
            _say(out, job=job, state="failed", error=error.as_dict())
        except Exception as error:
            problem = {
                "field": "attack",
                "problem": f"it broke ({type(error).__name__}: {error}).",
                "remedy": "Try again.",
            }
            _say(out, job=job, state="failed", error=problem)


def _attack(request: dict[str, Any], out: TextIO, stops: set[int]) -> None:
    job, text, pair = request["attack"], request["text"].strip(), (request["pair"] or "").strip()
    loaded = _loaded(request["run"], request["student"])
    if not text or (loaded.pair and not pair):
        raise UserError("text", "it is empty.", "Write a sentence.")
    if len(text) + len(pair) > LONGEST:
        raise UserError("text", f"it has {len(text) + len(pair):,} characters.", f"Use at most {LONGEST:,}.")
    whole: Text = (text, pair) if loaded.pair else text
    victim = loaded.victim
    first = victim.probabilities([whole])[0]
    target = Target(0, whole, int(first.argmax()), loaded.columns)
    _say(out, job=job, state="attacking", queries=0, note="asking the student")
    began = time.perf_counter()
    best = _Best(target, first)

    def watch(_: int, texts: Sequence[Text], probabilities: np.ndarray) -> None:
        best.see(texts, probabilities)
        _say(out, job=job, state="attacking", queries=best.queries, note=flat(texts[-1])[:200])
        if job in stops:
            raise _Stop

    attacker = _attacker(settle(request["recipe"]), request["query_budget"])
    try:
        found = attacker.attack(victim, [target], watch=watch)[0]
        state = "done"
    except _Stop:
        found, state = best.result(), "stopped"
    if found.outcome == "failed":
        raise UserError("text", f"this sentence cannot be attacked ({found.reason}).", "Try another one.")
    _say(out, job=job, state=state, queries=found.queries, result=_plain(found, best, request, state, began))


class _Best:
    """The nearest to a flip so far, for an attack that is stopped."""

    def __init__(self, target: Target, first: np.ndarray) -> None:
        self.queries = 0
        self._target = target
        self._words = flat(target.text).split()
        self._first = float(first[target.label])
        self.importance: dict[int, float] = {}
        self._before = self._after = Said(target.text, target.label, first.tolist())

    def see(self, texts: Sequence[Text], probabilities: np.ndarray) -> None:
        self.queries += len(texts)
        for text, chances in zip(texts, probabilities, strict=True):
            word = self._masked(flat(text).split())
            if word is not None:
                self.importance.setdefault(word, self._first - float(chances[self._target.label]))
        row = int(probabilities[:, self._target.label].argmin())
        if probabilities[row, self._target.label] < self._after.probabilities[self._target.label]:
            self._after = Said(texts[row], int(probabilities[row].argmax()), probabilities[row].tolist())

    def _masked(self, words: list[str]) -> int | None:
        """The one word that a query hid from the model, if it did just that: such queries rank the words."""
        changed = [i for i, (a, b) in enumerate(zip(self._words, words, strict=False)) if a != b]
        alone = len(words) == len(self._words) and len(changed) == 1 and MASK in words[changed[0]]
        return changed[0] if alone else None

    def result(self) -> Result:
        return Result(self._target, "held", self._before, self._after, self.queries)


def _plain(found: Result, best: _Best, request: dict[str, Any], state: str, began: float) -> dict[str, Any]:
    return {
        "outcome": "stopped" if state == "stopped" else found.outcome,
        "label": found.target.label,
        "recipe": request["recipe"],
        "run": request["run"],
        "student": request["student"],
        "original": flat(found.before.text),
        "perturbed": flat(found.after.text),
        "words": words(found.before.text, found.after.text),
        "before": {"class": found.before.label, "probabilities": found.before.probabilities},
        "after": {"class": found.after.label, "probabilities": found.after.probabilities},
        "importance": [
            {"index": index, "word": flat(found.before.text).split()[index], "score": score}
            for index, score in sorted(best.importance.items())
        ],
        "queries": found.queries,
        "seconds": time.perf_counter() - began,
    }


@lru_cache(maxsize=3)
def _loaded(run: str, student: str) -> Loaded:
    return load(Store.read(), run, student)


@lru_cache(maxsize=4)
def _attacker(recipe: str, query_budget: int) -> Attacker:
    return Attacker(recipe, query_budget)


def _listen(requests: queue.Queue[dict[str, Any] | None], stops: set[int]) -> None:
    for line in sys.stdin:
        message = json.loads(line)
        if "stop" in message:
            stops.add(message["stop"])
        else:
            requests.put(message)
    requests.put(None)


def _own_output() -> TextIO:
    """Standard output for our lines alone: what libraries print goes to standard error."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    return out


def _say(out: TextIO, **message: Any) -> None:
    out.write(json.dumps(message) + "\n")
    out.flush()
