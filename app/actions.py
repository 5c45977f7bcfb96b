"""All that the screens can set going or change: each asks `access` first, and nothing else in the app calls the engine
to act.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from filelock import FileLock, Timeout

from app import access, uploads
from app.uploads import Upload
from rosearch_engine import config, resources
from rosearch_engine.config import RunConfig
from rosearch_engine.data.own import Sentence
from rosearch_engine.errors import UserError
from rosearch_engine.live.client import BATCH_SECONDS, SECONDS, AttackWorker, Job
from rosearch_engine.runs import jobs, process
from rosearch_engine.store.annotations import annotate
from rosearch_engine.store.repo import Store
from rosearch_engine.store.rows import RunRow

# What a visitor of a shared app may ask of the one process that attacks; alone, the form's own limits hold.
SHARED_QUERIES = 2_000
PATIENCE = 120.0


def start(name: str, settings: RunConfig) -> None:
    """Start a search.

    Raises:
        UserError: as `process.start`, if it is not allowed, or as much runs as may.
    """
    with access.acting("start", name):
        access.require_sources(settings)
        with _room():
            process.start(name, settings)


def resume(name: str) -> None:
    """Go on with a run.

    Raises:
        UserError: as `process.resume`, if it is not allowed, or as much runs as may.
    """
    with access.acting("resume", name), _room():
        process.resume(name)


def stop(name: str, force: bool = False) -> None:
    """Ask a search to stop, or end it at once.

    Raises:
        UserError: as `process.stop`, or if it is not allowed.
    """
    with access.acting("stop", name):
        process.stop(name, force=force)


def delete(name: str) -> None:
    """Delete a run.

    Raises:
        UserError: as `process.remove`, or if it is not allowed.
    """
    with access.acting("delete", name):
        process.remove(name)


def rename(run: RunRow, name: str) -> None:
    """Give a run another name.

    Args:
        run: as the reader saw it.

    Raises:
        UserError: as `process.rename`, or if it is not allowed.
    """
    with access.acting("rename", run["name"]):
        process.rename(run, name)


def start_job(run: str, kind: jobs.Kind, arguments: Mapping[str, Any]) -> None:
    """Begin work on a finished run in the background.

    Raises:
        UserError: as `jobs.start`, if it is not allowed, or as much runs as may.
    """
    with access.acting("work", f"{kind} of {run}"), _room():
        jobs.start(run, kind, arguments)


def stop_job(run: str, kind: jobs.Kind) -> None:
    """Ask work in the background to end.

    Raises:
        UserError: if it is not allowed.
    """
    with access.acting("work", f"{kind} of {run}"):
        jobs.stop(run, kind)


def import_settings(text: str) -> RunConfig:
    """Settings that were pasted, for a search to come.

    Raises:
        UserError: as `config.from_json`, or if it is not allowed.
    """
    with access.acting("import", "settings"):
        return config.from_json(text)


def upload(name: str, content: bytes) -> str:
    """Keep an uploaded file; returns its path. The page calls this again with every run of its script.

    Raises:
        UserError: if it is not allowed, or all uploads together would take more room than they may.
    """
    known = uploads.kept(name, content)
    if known is not None and access.may("upload"):
        return known
    with access.acting("upload", name):
        return uploads.keep(name, content)


def remove_upload(file: Upload) -> None:
    """Delete an uploaded file.

    Raises:
        UserError: if it is not allowed, or a run needs it.
    """
    with access.acting("delete", file.name):
        uploads.remove(file)


def mark(run: str, student: str, recipe: str, original: str, perturbed: str, kept: bool) -> None:
    """Keep a person's verdict on an adversarial sentence.

    Raises:
        UserError: if it is not allowed, or the run is gone.
    """
    with access.acting("mark", f"{run}/{student}"):
        store = Store.write()
        try:
            store.mark(store.run(run)["id"], student, recipe, original, perturbed, kept)
        finally:
            store.close()


def note(
    run: RunRow, student: str, *, text: str | None = None, tags: Sequence[str] | None = None, pinned: bool | None = None
) -> None:
    """Keep what a person notes of a student or of the run; None leaves a part as it is.

    Raises:
        UserError: as `annotate`, or if it is not allowed.
    """
    with access.acting("note", f"{run['name']}/{student}"):
        store = Store.write()
        try:
            annotate(store, run["id"], student, note=text, tags=tags, pinned=pinned)
        finally:
            store.close()


def attack(
    worker: AttackWorker,
    models: Sequence[str],
    run: str,
    recipe: str,
    text: str,
    pair: str | None,
    budget: int,
    seconds: int,
    answer: str | None = None,
) -> Mapping[str, Job]:
    """Attack a sentence on some of a run's models: anybody may, within bounds.

    Args:
        answer: the right class; None: each model's own prediction is taken as right.

    Raises:
        UserError: if too many attacks wait.
    """
    budget, seconds = _bounded(budget), min(seconds, SECONDS) if access.is_shared() else seconds
    visitor = access.visitor()
    return _all_or_none(
        models, lambda model: worker.submit(run, model, recipe, text, pair, budget, seconds, answer, visitor)
    )


def ask(worker: AttackWorker, models: Sequence[str], run: str, text: str | tuple[str, ...]) -> Mapping[str, Job]:
    """What some of a run's models say of a text, without an attack: anybody may ask, within bounds.

    Raises:
        UserError: if too many attacks wait.
    """
    visitor = access.visitor()
    return _all_or_none(models, lambda model: worker.ask(run, model, [text], visitor))


def attack_batch(
    worker: AttackWorker, run: str, model: str, recipe: str, sentences: Sequence[Sentence], budget: int
) -> Job:
    """Attack a few sentences: anybody may, within bounds.

    Raises:
        UserError: if too many attacks wait.
    """
    visitor = access.visitor()
    return worker.submit_batch(run, model, recipe, sentences, _bounded(budget), BATCH_SECONDS, visitor)


def _all_or_none(models: Sequence[str], hand_over: Callable[[str], Job]) -> dict[str, Job]:
    """A job for each model; if one is refused, the others are given up."""
    handed = dict[str, Job]()
    try:
        for model in models:
            handed[model] = hand_over(model)
    except UserError:
        for job in handed.values():
            job.stop()
        raise
    return handed


def _bounded(budget: int) -> int:
    return min(budget, SHARED_QUERIES) if access.is_shared() else budget


@contextmanager
def _room() -> Iterator[None]:
    """One start after the other, and none while as many searches and jobs run as may."""
    most = access.most_searches()
    if most is None:
        yield
        return
    resources.home().mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(resources.home() / "start.lock", timeout=PATIENCE):
            _require_room(most)
            yield
    except Timeout:
        raise UserError("search", "another one is just being started.", "Try again in a minute.") from None


def _require_room(most: int) -> None:
    running = [run["name"] for run in Store.read().runs() if process.state(run) in process.ALIVE]
    running += [f"{job.kind} of {job.run}" for job in jobs.running()]
    if len(running) >= most:
        raise UserError(
            "search",
            f"{len(running)} of at most {most} searches and jobs are running: {', '.join(running)}.",
            "Wait for one to end, or stop one. ROSEARCH_SEARCHES sets how many may run at once.",
        )
