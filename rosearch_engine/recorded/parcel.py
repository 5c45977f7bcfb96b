"""Reading a run's file: every part is checked before a word of it is believed."""

from __future__ import annotations

import hashlib
import json
import lzma
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Any

from pydantic import BaseModel, StringConstraints, ValidationError

from rosearch_engine.config import opened
from rosearch_engine.errors import UserError
from rosearch_engine.genome import Frame, Genome
from rosearch_engine.recorded.layout import (
    FORMAT,
    MANIFEST,
    MOST_BYTES,
    MOST_IN_MEMORY,
    MOST_PARTS,
    PARTS,
    ROWS,
    VERSION,
    Manifest,
)
from rosearch_engine.store.repo import check_name
from rosearch_engine.store.rows import label
from rosearch_engine.store.whole import Whole

# What zipfile, its decompressors (NotImplementedError: one that it does not know) and json raise of damaged files.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    AttributeError,
    struct.error,
    ValueError,
    KeyError,
    TypeError,
)
_PIECE = 1 << 20
_REMEDY = "Get the file again; nothing was imported."


@dataclass(frozen=True)
class Parcel:
    """A file whose every part has been checked.

    Attributes:
        sha256: of the file itself.
        kept: names in the zip of what is to be kept below the home folder.
        weights: bytes of each file of weights by its SHA-256.
    """

    path: Path
    sha256: str
    manifest: Manifest
    whole: Whole
    kept: list[str]
    weights: dict[str, int]

    @contextmanager
    def part(self, name: str) -> Iterator[IO[bytes]]:
        """A part of the file, to be read piece by piece."""
        with zipfile.ZipFile(self.path) as archive, archive.open(name) as stream:
            yield stream


def read(path: Path) -> Parcel:
    """A run's file.

    Raises:
        UserError: if it cannot be read, is no such file, is damaged, or was made by a later version of this program.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = _sizes(archive)
            manifest = _manifest(archive.read(MANIFEST))
            _compare(archive, manifest)
            whole = Whole.model_validate_json(archive.read(ROWS))
        _check_run(whole.run, manifest)
        _check_students(whole, manifest, sizes)
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except UserError as error:
        remedy = error.remedy if error.field == "version" else _REMEDY
        raise UserError("file", f"{path.name}: its {error.field}: {error.problem}", remedy) from None
    except OSError as error:
        raise UserError("file", f"{path} cannot be read ({error.strerror}).", "Check the path.") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UserError("file", f"{path.name} is not a recorded run ({place}: {first['msg']}).", _REMEDY) from None
    except _BROKEN as error:
        raise UserError("file", f"{path.name} is damaged or not a recorded run ({error}).", _REMEDY) from None
    kept = [part for part in sizes if part.startswith(("weights/", "codes/", "tokenizers/"))]
    weights = {Path(part).stem: sizes[part] for part in kept if part.startswith("weights/")}
    return Parcel(path, sha256, manifest, whole, kept, weights)


def _sizes(archive: zipfile.ZipFile) -> dict[str, int]:
    """Bytes of every part by its name, as the zip has them: no more are read of a part.

    Raises:
        ValueError: if one is not of this format, or all are too large.
    """
    parts = archive.infolist()
    for part in parts:
        if part.filename != MANIFEST and not PARTS.fullmatch(part.filename):
            raise ValueError(f"'{part.filename[:80]}' does not belong there")
        # What other methods unpack to is not bounded piece by piece.
        if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"'{part.filename[:80]}' is packed in another way")
        if part.file_size > MOST_IN_MEMORY and not part.filename.startswith("weights/"):
            raise ValueError(f"'{part.filename[:80]}' is too large")
    sizes = {part.filename: part.file_size for part in parts}
    if sum(part.file_size for part in parts) > MOST_BYTES or len(parts) > MOST_PARTS or len(sizes) < len(parts):
        raise ValueError("it is too large or contains a name twice")
    return sizes


def _manifest(content: bytes) -> Manifest:
    found = json.loads(content)
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError("its manifest has another format")
    if found.get("version") != VERSION:
        raise UserError(
            "version",
            f"it is {found.get('version')}; this program reads {VERSION}.",
            "Use the version of this program that wrote it, or a later one.",
        )
    return Manifest.model_validate(found)


def _compare(archive: zipfile.ZipFile, manifest: Manifest) -> None:
    if set(archive.namelist()) - {MANIFEST} != set(manifest.files):
        raise ValueError("its contents differ from its manifest")
    for part, sha256 in manifest.files.items():
        digest = hashlib.sha256()
        with archive.open(part) as stream:
            while piece := stream.read(_PIECE):
                digest.update(piece)
        if digest.hexdigest() != sha256:
            raise ValueError(f"the content of {part} differs from the manifest")


_Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]


class _Reads(BaseModel):
    """What of a teacher's facts leads to files: digests only, so that no path can be smuggled in."""

    tokenizer: _Digest
    codes: dict[str, _Digest]
    folder: Annotated[str, StringConstraints(max_length=0)]
    pad: int
    max_length: int


class _Data(BaseModel):
    """What of a data set's facts the screens need."""

    name: str
    classes: list[str]
    pair: bool


def _check_run(run: Any, manifest: Manifest) -> None:
    check_name(manifest.run)
    opened(run.config)
    Frame(**run.frame or {})
    _Data.model_validate(run.dataset)
    _Reads.model_validate(run.teacher)


def _check_students(whole: Whole, manifest: Manifest, parts: Collection[str]) -> None:
    """Each architecture is one, and the weights that are there are whole and can be used."""
    run: Any = whole.run
    students: list[Any] = whole.candidates
    reads = _Reads.model_validate(run.teacher)
    for student in students:
        if Genome.from_dict(student.genome).digest != student.digest:
            raise ValueError(f"the architecture of {label(student.number)} does not match its digest")
        if student.weights_sha256 is None:
            continue
        code, weights = student.genome["code"], f"weights/{student.weights_sha256}.safetensors"
        # Named by their content, so the manifest's word on it must be the same.
        if manifest.files.get(weights) != student.weights_sha256:
            raise ValueError(f"the weights of {label(student.number)} are missing or do not match")
        if code != "plain" and f"codes/{reads.codes[code]}.json.gz" not in parts:
            raise ValueError(f"the input code of {label(student.number)} is missing")
    if f"tokenizers/{reads.tokenizer}/tokenizer.json" not in parts:
        raise ValueError("the students' tokenizer is missing")
    if {label(student.number) for student in students if student.weights_sha256} != set(manifest.made.students):
        raise ValueError("its manifest lists other students")
