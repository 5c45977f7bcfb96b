"""Writing a finished run to a file. Packing it again gives the same bytes."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import subprocess
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save

from rosearch_engine.atomic import new_file
from rosearch_engine.attack.recipes.catalogue import settle
from rosearch_engine.config import PRESETS, build, opened
from rosearch_engine.device import cpu_name
from rosearch_engine.errors import UserError
from rosearch_engine.given import given_path
from rosearch_engine.objectives import robust_share
from rosearch_engine.paths import code_path, tokenizer_folder
from rosearch_engine.recorded.layout import FORMAT, MANIFEST, PARTS, ROWS, VERSION, Manifest, Provenance, Source
from rosearch_engine.resources import RESOURCES, is_ready, require
from rosearch_engine.runs.process import state
from rosearch_engine.store.repo import Store, check_name
from rosearch_engine.store.rows import MeasuredStudent, RunRow, StudentRow, measured
from rosearch_engine.store.whole import take_out
from rosearch_engine.weights import damaged as damaged_weights
from rosearch_engine.weights import read as read_weights
from rosearch_engine.weights.reading import borrow_code, borrow_tokenizer

_LICENCES = {"movie-reviews": "CITATION.txt", "minilm": "README.md", "mpnet-base": "README.md", "wordnet": "LICENSE"}


def pack(
    run_name: str, to: Path, students: Sequence[str] = (), name: str | None = None, *, overwrite: bool = False
) -> Manifest:
    """Write a finished run, with all that was measured in it, to a new file.

    Args:
        students: whose weights go with it; none: the front's knee, most robust, most accurate and smallest.
        name: the run's name in the file; None: its own.
        overwrite: replace a file that is there.

    Raises:
        UserError: if there is no such run or student, it is not finished, its files are gone, or `to` is there or
            cannot be written.
    """
    name = name or run_name
    check_name(name)
    to = given_path(to, "to").absolute()
    if not overwrite and to.exists():
        raise _is_there(to)
    store = Store.read()
    run = store.run(run_name)
    if state(run) != "finished":
        raise UserError("run", f"'{run_name}' is {state(run)}.", "Choose a finished run.")
    rows = store.students(run["id"])
    chosen: Sequence[StudentRow] = [store.student(run["id"], student) for student in students] or elect(rows)
    parts = _parts(run, chosen)
    weights = {row["number"]: _half(row) for row in chosen}
    whole = take_out(store, run["id"])
    _forget_the_machine(whole["run"], name)
    for candidate in whole["candidates"]:
        if candidate["number"] in weights:
            content = weights[candidate["number"]]
            candidate["weights_sha256"] = sha256 = hashlib.sha256(content).hexdigest()
            parts[f"weights/{sha256}.safetensors"] = content
    parts[ROWS] = json.dumps(whole, ensure_ascii=False).encode()
    assert all(PARTS.fullmatch(part) for part in parts), sorted(parts)
    manifest = Manifest(
        format=FORMAT,
        version=VERSION,
        run=name,
        made=_provenance(run, chosen),
        files={part: hashlib.sha256(content).hexdigest() for part, content in sorted(parts.items())},
    )
    first = {MANIFEST: json.dumps(manifest.model_dump(), indent=1).encode()}
    _write(to, overwrite, first | dict(sorted(parts.items())))
    return manifest


def elect(rows: Sequence[StudentRow]) -> list[MeasuredStudent]:
    """The students of a front that show what it holds: knee, most robust, most accurate, smallest."""
    front = [row for row in measured(rows) if row["front"]]
    by: list[Callable[[MeasuredStudent], tuple[float, ...]]] = [
        lambda row: (row["knee"], robust_share(row), row["accuracy"]),
        lambda row: (robust_share(row), row["accuracy"]),
        lambda row: (row["accuracy"], robust_share(row)),
        lambda row: (row["compression"], robust_share(row), row["accuracy"]),
    ]
    best = {max(front, key=key)["number"] for key in by} if front else set()
    return [row for row in front if row["number"] in best]


def _half(row: StudentRow) -> bytes:
    """A student's weights in half precision, as safetensors."""
    try:
        tensors = load_tensors(read_weights(row["weights_sha256"] or "", row["name"]))
    except SafetensorError as error:
        raise damaged_weights(row["name"], str(error)) from None
    with np.errstate(over="ignore"):
        halves = {name: value.astype(np.float16) for name, value in tensors.items()}
    if not all(np.isfinite(value).all() for value in halves.values()):
        raise UserError("student", f"the weights of {row['name']} overflow half precision.", "Choose another one.")
    return save(halves)


def _parts(run: RunRow, chosen: Sequence[StudentRow]) -> dict[str, bytes]:
    """The tokenizer and the codes that the students read by, and the licences of what they were made of."""
    teacher = run["teacher"]
    assert teacher is not None
    tokenizer, parts = teacher["tokenizer"], dict[str, bytes]()
    codes = {teacher["codes"][row["genome"]["code"]] for row in chosen if row["genome"]["code"] != "plain"}
    try:
        for digest in sorted(codes):
            borrow_code(digest)
            parts[f"codes/{digest}.json.gz"] = code_path(digest).read_bytes()
        borrow_tokenizer(tokenizer)
        for path in sorted(tokenizer_folder(tokenizer).iterdir()):
            parts[f"tokenizers/{tokenizer}/{path.name}"] = path.read_bytes()
    except OSError as error:
        raise UserError("run", f"{error.filename} is missing.", "The students cannot run without it.") from None
    for name in _made_of(run):
        if name in _LICENCES and is_ready(name):
            parts[f"licences/{name}.txt"] = (require(name) / _LICENCES[name]).read_bytes()
    return parts


def _made_of(run: RunRow) -> list[str]:
    assert run["teacher"] is not None
    ties = {"synonyms", "both"} & set(run["teacher"]["codes"])
    # Of whole words, those that WordNet puts in another's place are tokens too.
    names = ties or run["config"]["space"].get("vocabulary") == "words"
    return [run["config"]["data"]["name"], run["config"]["teacher"]["name"], *(["wordnet"] if names else [])]


def _forget_the_machine(run: dict[str, Any], name: str) -> None:
    """Leave out folders, which say nothing elsewhere and tell of a person."""
    run["name"] = name
    run["teacher"] = run["teacher"] | {"folder": ""}
    run["exit"] = {key: run["exit"][key] for key in ("reason", "message", "time")}
    for stage in ("data", "teacher"):
        run["config"] = run["config"] | {stage: _named(run["config"][stage])}
    run["dataset"], run["teacher"] = _named(run["dataset"]), _named(run["teacher"])


def _named(facts: dict[str, Any]) -> dict[str, Any]:
    """The same facts with a file's name instead of its path."""
    name = facts["name"]
    return facts | {"name": Path(name).name if Path(name).is_absolute() else name}


def _provenance(run: RunRow, chosen: Sequence[StudentRow]) -> Provenance:
    here = run["host"] == socket.gethostname()
    return Provenance(
        program=run["version"],
        commit=_commit(run["created"]),
        preset=_preset(run),
        began=run["created"],
        seconds=run["active_seconds"],
        device=(run["progress"] or {}).get("device", ""),
        machine=cpu_name() if here else None,
        sources=[
            Source(name=Path(name).name, what=RESOURCES[name].what if name in RESOURCES else "of the run's maker")
            for name in _made_of(run)
        ],
        students=[row["name"] for row in chosen],
    )


def _preset(run: RunRow) -> str | None:
    """The preset whose settings the run has."""
    own = opened(run["config"])  # settings that its version did not have are at their defaults
    for name in PRESETS:
        settings = build(name)
        attack = settings.attack.model_copy(update={"recipe": settle(settings.attack.recipe)})
        if settings.model_copy(update={"attack": attack}) == own:
            return name
    return None


def _commit(began: float) -> str | None:
    """The last commit before a time that changed the engine; None where it is not kept in git."""
    command = ["git", "rev-list", "-1", f"--before={began:.0f}", "HEAD", "--", "."]
    try:
        said = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = said.stdout.strip()
    return found[:12] if re.fullmatch(r"[0-9a-f]{40}", found) else None


def _is_there(to: Path) -> UserError:
    return UserError("to", f"{to} is there already.", "Choose another name, or add --overwrite.")


def _write(to: Path, overwrite: bool, parts: dict[str, bytes]) -> None:
    try:
        with (
            new_file(to, keep=not overwrite) as draft,
            zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive,
        ):
            for name, content in parts.items():
                archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED, 9)
    except OSError as error:
        raise UserError("to", f"{to} cannot be written ({error.strerror}).", "Choose another location.") from None
