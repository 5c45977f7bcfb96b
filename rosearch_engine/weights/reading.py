"""What students read by, input codes and tokenizers, for machines that share weights but no home folder."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

from rosearch_engine.atomic import new_file, new_folder
from rosearch_engine.errors import UserError
from rosearch_engine.paths import code_path, tokenizer_folder
from rosearch_engine.weights.shelf import elsewhere

_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_MOST_BYTES = 200_000_000


def lend_code(digest: str) -> None:
    """Lay an input code of the home folder beside weights that lie elsewhere.

    Raises:
        UserError: if it cannot be written there.
    """
    shelf, name = elsewhere(), f"codes/{digest}.json.gz"
    if shelf is not None and not shelf.has(name):
        shelf.put(name, code_path(digest).read_bytes())


def borrow_code(digest: str) -> None:
    """Bring an input code to the home folder if it is not there, and lies beside the weights.

    Raises:
        OSError: if it cannot be written here.
        UserError: if it cannot be read there.
    """
    shelf, path = elsewhere(), code_path(digest)
    if shelf is None or path.exists():
        return
    content = shelf.get(f"codes/{digest}.json.gz")
    if content is not None:
        with new_file(path, keep=True) as draft:
            draft.write_bytes(content)


def lend_tokenizer(digest: str) -> None:
    """As `lend_code`."""
    shelf, name = elsewhere(), f"tokenizers/{digest}.zip"
    if shelf is not None and not shelf.has(name):
        shelf.put(name, _zipped(tokenizer_folder(digest)))


def borrow_tokenizer(digest: str) -> None:
    """As `borrow_code`.

    Raises:
        OSError: as `borrow_code`.
        UserError: as `borrow_code`, or if it is damaged.
    """
    shelf, folder = elsewhere(), tokenizer_folder(digest)
    if shelf is None or folder.exists():
        return
    content = shelf.get(f"tokenizers/{digest}.zip")
    if content is None:
        return
    try:
        files = _unzipped(content)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, RuntimeError) as error:
        problem = f"the students' tokenizer in {shelf.place.shown} is damaged ({error})."
        raise UserError("tokenizer", problem, f"Delete tokenizers/{digest}.zip there and `resume` the run.") from None
    with new_folder(folder, keep=True) as draft:
        for name, part in files.items():
            (draft / name).write_bytes(part)


def _zipped(folder: Path) -> bytes:
    """A folder's files in one file, that appears whole or not at all; equal files give equal bytes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            info = zipfile.ZipInfo(file.name, (1980, 1, 1, 0, 0, 0))
            archive.writestr(info, file.read_bytes(), zipfile.ZIP_DEFLATED)
    return content.getvalue()


def _unzipped(content: bytes) -> dict[str, bytes]:
    """The files by their name.

    Raises:
        ValueError: if one has a name that leads elsewhere, or they are too large.
        zipfile.BadZipFile: if it is damaged.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = archive.infolist()
        if not all(_FILE.fullmatch(part.filename) for part in parts) or sum(p.file_size for p in parts) > _MOST_BYTES:
            raise ValueError("it holds what does not belong there")
        return {part.filename: archive.read(part) for part in parts}
