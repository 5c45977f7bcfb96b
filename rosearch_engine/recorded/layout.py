"""What a run's file holds: a zip of JSON and safetensors, with a manifest that names every part."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict

from rosearch_engine.store.whole import Sha256

FORMAT, VERSION = "rosearch-run", 1
MANIFEST, ROWS = "manifest.json", "run.json"
# Nothing else may be in the zip. Each name is matched whole, so that none leads out of the folder it is meant for.
PARTS = re.compile(
    r"run\.json"
    r"|weights/(?P<weights>[0-9a-f]{64})\.safetensors"
    r"|codes/(?P<code>[0-9a-f]{16})\.json\.gz"
    r"|tokenizers/(?P<tokenizer>[0-9a-f]{16})/(?P<file>[a-z_]{1,40}\.(json|txt))"
    r"|licences/[a-z0-9-]{1,40}\.txt"
)
# Most bytes, unpacked: of all parts, and of one that is read into memory (weights are not).
MOST_BYTES, MOST_IN_MEMORY = 2_000_000_000, 200_000_000
MOST_PARTS = 5_000


class Source(BaseModel):
    """Something that a run was made of: its name, what it is and under which licence."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: str
    what: str


class Provenance(BaseModel):
    """How a run was made. Times are seconds since 1970.

    Attributes:
        program: this program's version.
        commit: the last one of its repository before the run began; None where that is not known.
        preset: whose settings these are; None where they are of the run's own.
        machine: the processor; None where the run was packed on another machine.
        students: those whose weights are in the file, in half precision.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    program: str
    commit: str | None
    preset: str | None
    began: float
    seconds: float
    device: str
    machine: str | None
    sources: list[Source]
    students: list[str]


class Manifest(BaseModel):
    """The first thing that is read of a file.

    Attributes:
        files: SHA-256 of every other part.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    format: Literal["rosearch-run"]
    version: Literal[1]
    run: str
    made: Provenance
    files: dict[str, Sha256]
