"""What people note of a run or a student: a text, tags, a pin. It stays on this machine: no packed run has it."""

from __future__ import annotations

import time
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from rosearch_engine.errors import UserError
from rosearch_engine.store.made_rows import annotation_row
from rosearch_engine.store.models import Annotation
from rosearch_engine.store.repo import Store
from rosearch_engine.store.rows import AnnotationRow

LONGEST_NOTE = 10_000
LONGEST_TAG = 40
MOST_TAGS = 20
RUN = ""
"""Stands for the run itself, where a student's name may stand."""


def noted(store: Store, run_id: int) -> dict[str, AnnotationRow]:
    """All of a run by student; that of the run itself by `RUN`."""
    with store.looking() as session:
        found = session.scalars(select(Annotation).where(Annotation.run_id == run_id).order_by(Annotation.student))
        return {row.student: annotation_row(row) for row in found}


def annotate(
    store: Store,
    run_id: int,
    student: str,
    *,
    note: str | None = None,
    tags: Iterable[str] | None = None,
    pinned: bool | None = None,
) -> None:
    """Change what is noted of a student, or of the run itself (`RUN`); None leaves a part as it is.

    Raises:
        UserError: if the note is too long, or a tag is too long, or there are too many.
    """
    if note is not None:
        note = _checked_note(note)
    names = None if tags is None else _checked_tags(tags)
    try:
        _write(store, run_id, student, note, names, pinned)
    except IntegrityError:  # somebody else wrote the first word on it at the same moment
        _write(store, run_id, student, note, names, pinned)


def _write(
    store: Store, run_id: int, student: str, note: str | None, tags: list[str] | None, pinned: bool | None
) -> None:
    with store.transaction() as session:
        row = session.scalar(select(Annotation).where(Annotation.run_id == run_id, Annotation.student == student))
        if row is None:
            row = Annotation(run_id=run_id, student=student, note="", tags=[], pinned=False)
            session.add(row)
        row.note = row.note if note is None else note
        row.tags = row.tags if tags is None else tags
        row.pinned = row.pinned if pinned is None else pinned
        row.updated = time.time()


def _checked_note(note: str) -> str:
    note = note.strip()
    if len(note) > LONGEST_NOTE:
        raise UserError("note", f"it has {len(note):,} characters.", f"Use at most {LONGEST_NOTE:,}.")
    return note


def _checked_tags(tags: Iterable[str]) -> list[str]:
    """Each tag once, whatever its case, as it was first written."""
    found: dict[str, str] = {}
    for tag in tags:
        name = " ".join(tag.split())
        if len(name) > LONGEST_TAG:
            raise UserError("tags", f"'{name[:20]} …' has {len(name)} characters.", f"Use at most {LONGEST_TAG} a tag.")
        if name:
            found.setdefault(name.casefold(), name)
    if len(found) > MOST_TAGS:
        raise UserError("tags", f"there are {len(found)}.", f"Use at most {MOST_TAGS}.")
    return list(found.values())
