"""The worker behind `live`: loads TextAttack once, then attacks sentence after sentence."""

from __future__ import annotations

import itertools
import json
import os
import queue
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TextIO

import numpy as np

from rosearch_engine.attack.diff import flat, words
from rosearch_engine.attack.imports import textattack
from rosearch_engine.attack.pieces import Text
from rosearch_engine.attack.recipes.catalogue import settle
from rosearch_engine.attack.run import Attacker, Result, Said, Target
from rosearch_engine.checkpoints.load import Loaded, identity, load
from rosearch_engine.data.own import LONGEST, Sentence
from rosearch_engine.errors import UserError
from rosearch_engine.live.client import TOLD
from rosearch_engine.live.sentences import Brought, bring, kept_lexicon
from rosearch_engine.live.words import About, about
from rosearch_engine.store.repo import Store

# Sentences of a batch under attack at one time: between two handfuls, others have their turn.
HANDFUL = 4
# Who goes first: the end, then a sentence that somebody waits for, then the next handful of a batch.
END, SINGLE, BATCH = range(3)
# Seconds between two words about a batch.
PAUSE = 0.2


class _Stop(Exception):
    """The person pressed Stop, or the seconds are over."""


class _Out:
    """Standard output for our lines alone: what libraries print goes to standard error."""

    def __init__(self) -> None:
        self._lines: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
        os.dup2(2, 1)

    def say(self, **message: Any) -> None:
        self._lines.write(json.dumps(message) + "\n")
        self._lines.flush()


def serve() -> None:
    """Read requests from standard input until it ends; write what happens to standard output."""
    out, turns = _Out(), itertools.count()
    requests: _Queue = queue.PriorityQueue()
    threading.Thread(target=_listen, args=(requests, turns, out), daemon=True).start()
    out.say(worker="starting", note="loading TextAttack")
    try:
        textattack()
    except UserError as error:
        out.say(worker="starting", note=str(error))
    out.say(worker="ready")
    while (job := requests.get()[-1]) is not None:
        try:
            if job.go_on():
                requests.put((BATCH, next(turns), job))
        except UserError as error:
            job.say(state="failed", error=error.as_dict())
        except Exception as error:
            problem = {
                "field": "attack",
                "problem": f"it failed ({type(error).__name__}: {error}).",
                "remedy": "Try again.",
            }
            job.say(state="failed", error=problem)


class _Question:
    """Texts that a model is only asked about: what would it say of them?

    Attributes:
        stopped: as a `_Request` has it; a question is answered too soon for a stop to matter.
    """

    is_batch = False

    def __init__(self, request: dict[str, Any], out: _Out) -> None:
        self.stopped = False
        self._request = request
        self._out = out

    def say(self, **message: Any) -> None:
        self._out.say(job=self._request["attack"], **message)

    def go_on(self) -> bool:
        """Answer; nothing is left then."""
        loaded = _load(self._request["run"], self._request["student"])
        texts = [_text(text) for text in self._request["texts"]]
        for text in texts:
            _check(Sentence(text))
        chances = loaded.victim.probabilities(texts) if texts else np.zeros((0, len(loaded.classes)))
        answers = [
            {"class": int(row.argmax()), "name": loaded.classes[int(row.argmax())], "probabilities": row.tolist()}
            for row in chances
        ]
        self.say(state="done", answers=answers)
        return False


class _Request:
    """One request: a sentence, or a batch of them that is attacked a handful at a time.

    Attributes:
        stopped: set by the listening thread when the person presses Stop.
    """

    def __init__(self, request: dict[str, Any], out: _Out) -> None:
        self.is_batch = "batch" in request
        self.stopped = False
        self._request = request
        self._out = out
        self._brought: Brought | None = None
        self._left: list[Target] = []
        self._near: dict[int, _Nearest] = {}
        self._about: dict[int, About] = {}
        self._results: list[Result] = []
        self._began = self._told = 0.0

    def say(self, **message: Any) -> None:
        self._out.say(job=self._request["attack"], **message)

    def go_on(self) -> bool:
        """Attack the next handful; whether more are left."""
        if self.stopped and (self.is_batch or self._brought is None):
            self._end("stopped")
            return False
        if self._brought is None:
            self._prepare()
        assert self._brought is not None
        now, self._left = self._left[:HANDFUL], self._left[HANDFUL:]
        attacker = _attacker(settle(self._request["recipe"]), self._request["query_budget"])
        try:
            attacker.attack(self._brought.loaded.victim, now, self._keep, self._watch)
        except _Stop:
            self._end("stopped")
            return False
        if not self._left:
            self._end("done")
        return bool(self._left)

    def _prepare(self) -> None:
        loaded = _load(self._request["run"], self._request["student"])
        sentences = self._sentences(loaded)
        for sentence in sentences:
            _check(sentence)
        self._brought = bring(loaded, sentences, settle(self._request["recipe"]))
        self._left = list(self._brought.targets)
        told = 0 if self.is_batch else TOLD
        self._near = {t.sentence: _Nearest(t, self._brought.first[t.sentence], told) for t in self._left}
        self._began = time.perf_counter()
        self.say(state="attacking", queries=0, note="querying the model")
        if not self.is_batch:
            self.say(about=self._words_of(self._left[0]))

    def _sentences(self, loaded: Loaded) -> list[Sentence]:
        if self.is_batch:
            rows = self._request["batch"]
            return [Sentence(_text(row["text"]), row["label"]) for row in rows]
        text, pair = self._request["text"].strip(), (self._request["pair"] or "").strip()
        return [Sentence((text, pair) if loaded.pair else text, self._request["label"])]

    def _words_of(self, target: Target) -> About:
        """Worked out once a sentence."""
        if target.sentence not in self._about:
            assert self._brought is not None
            sure = float(self._brought.first[target.sentence, target.label])
            lexicon = kept_lexicon(settle(self._request["recipe"]))
            victim = self._brought.loaded.victim
            self._about[target.sentence] = about(victim, target.text, target.label, sure, lexicon)
        return self._about[target.sentence]

    def _watch(self, sentence: int, texts: Sequence[Text], probabilities: np.ndarray) -> None:
        self._near[sentence].see(texts, probabilities)
        queries = sum(near.queries for near in self._near.values())
        if not self.is_batch or time.perf_counter() - self._told > PAUSE:
            self._told = time.perf_counter()
            near = self._near[sentence]
            so_far = {} if self.is_batch else {"trying": near.trying(texts[-1]), "lowest": near.lowest}
            self.say(state="attacking", queries=queries, note=flat(texts[-1])[:200], **so_far)
        if self.stopped or self._is_late():
            raise _Stop

    def _is_late(self) -> bool:
        return bool(time.perf_counter() - self._began > self._request["seconds"])

    def _keep(self, result: Result) -> None:
        if not self.is_batch and result.outcome == "failed":
            raise UserError("text", f"this sentence cannot be attacked ({result.reason}).", "Try another sentence.")
        assert self._brought is not None
        result = self._brought.proved(result)
        self._results.append(result)
        if self.is_batch:
            self.say(row=self._row(result, result.outcome) | {"sentence": result.target.sentence})

    def _end(self, state: str) -> None:
        late = {"late": state == "stopped" and not self.stopped}
        if self.is_batch:
            summed = {"summary": self._brought.summary(self._results)} if self._brought and self._results else {}
            self.say(state=state, **late, **summed)
            return
        if self._brought is None:  # nobody waits for it any more, and it had not begun
            self.say(state=state, **late)
            return
        if state == "stopped":
            outcome = "out of time" if late["late"] else "stopped"
            found = self._near[0].result()
            found = self._brought.proved(found)
        else:
            found = self._results[0]
            outcome = found.outcome
        self.say(state=state, **late, queries=found.queries, result=self._row(found, outcome))

    def _row(self, result: Result, outcome: str) -> dict[str, Any]:
        assert self._brought is not None
        near = self._near[result.target.sentence]
        row = self._brought.row(result) | {name: self._request[name] for name in ("run", "student", "recipe")}
        return (
            row
            | ({} if self.is_batch else {"trace": near.trace()})
            | {
                "outcome": outcome,
                "lowest": near.lowest,
                **self._words_of(result.target),
                "seconds": time.perf_counter() - self._began,
            }
        )


class _Nearest:
    """What a sentence's queries have shown so far: the nearest to a flip, for an attack that is stopped.

    Attributes:
        lowest: how the label's probability fell: (queries, probability) wherever none before was lower.
    """

    def __init__(self, target: Target, first: np.ndarray, told: int) -> None:
        self.queries = 0
        self._target = target
        self._words = flat(target.text).split()
        self.lowest: list[tuple[int, float]] = [(0, float(first[target.label]))]
        self._asked: list[tuple[Text, float]] = []
        self._told = told
        self._before = self._after = Said(target.text, int(first.argmax()), first.tolist())

    def see(self, texts: Sequence[Text], probabilities: np.ndarray) -> None:
        for number, (text, chances) in enumerate(zip(texts, probabilities, strict=True), start=1):
            sure = float(chances[self._target.label])
            if sure < self.lowest[-1][1]:
                self.lowest.append((self.queries + number, sure))
            if len(self._asked) < self._told:
                self._asked.append((text, sure))
        self.queries += len(texts)
        row = int(probabilities[:, self._target.label].argmin())
        if probabilities[row, self._target.label] < self._after.probabilities[self._target.label]:
            self._after = Said(texts[row], int(probabilities[row].argmax()), probabilities[row].tolist())

    def trying(self, text: Text) -> list[tuple[int, str]]:
        """The words that a text has other than the sentence, each with its place; none where words do not pair up."""
        now = flat(text).split()
        if len(now) != len(self._words):
            return []
        return [(place, new) for place, (old, new) in enumerate(zip(self._words, now, strict=True)) if old != new]

    def trace(self) -> list[dict[str, Any]]:
        """The first texts asked about, in order: which words are other than in the sentence, and the label's
        probability."""
        return [{"words": self._changed(text), "probability": sure} for text, sure in self._asked]

    def _changed(self, text: Text) -> list[dict[str, str]]:
        now = flat(text).split()
        if len(now) == len(self._words):  # most often; to align long texts takes 20 ms each
            pairs = zip(self._words, now, strict=True)
            return [{"op": "swap", "before": a, "after": b} for a, b in pairs if a != b]
        return [one for one in words(self._target.text, text) if one["op"] != "same"]

    def result(self) -> Result:
        return Result(self._target, "held", self._before, self._after, self.queries)


def _text(text: str | list[str]) -> Text:
    return text if isinstance(text, str) else tuple(text)


def _check(sentence: Sentence) -> None:
    parts = (sentence.text,) if isinstance(sentence.text, str) else sentence.text
    if not all(part.strip() for part in parts):
        raise UserError("text", "it is empty.", "Write a sentence.")
    if (characters := sum(map(len, parts))) > LONGEST:
        raise UserError("text", f"it has {characters:,} characters.", f"Use at most {LONGEST:,}.")


def _load(run: str, student: str) -> Loaded:
    """The student that has this name now."""
    store = Store.read()
    try:
        return _loaded(run, student, identity(store, run, student))
    finally:
        store.close()


@lru_cache(maxsize=3)
def _loaded(run: str, student: str, which: tuple[object, ...]) -> Loaded:
    return load(Store.read(), run, student)


@lru_cache(maxsize=4)
def _attacker(recipe: str, query_budget: int) -> Attacker:
    return Attacker(recipe, query_budget, faces=("calibrated", "raw"), one_swap=True)


_Queue = queue.PriorityQueue[tuple[int, int, _Request | _Question | None]]


def _listen(requests: _Queue, turns: itertools.count[int], out: _Out) -> None:
    jobs: weakref.WeakValueDictionary[int, _Request | _Question] = weakref.WeakValueDictionary()
    for line in sys.stdin:
        message = json.loads(line)
        if "stop" in message:
            if message["stop"] in jobs:
                jobs[message["stop"]].stopped = True
        else:
            kind = _Question if "texts" in message else _Request
            job = jobs[message["attack"]] = kind(message, out)
            requests.put((BATCH if job.is_batch else SINGLE, next(turns), job))
    requests.put((END, next(turns), None))
