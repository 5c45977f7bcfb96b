"""What a model is called where several stand side by side: its name, its kind, how it reads words."""

from __future__ import annotations

from app import access, formats
from rosearch_engine.store.models import BAG, CHAIN, TEACHER
from rosearch_engine.store.rows import RunRow, StudentRow

CODES = {"both": "coded", "synonyms": "synonyms merged", "characters": "spelling corrected"}


def kind(student: StudentRow) -> str:
    """What a student is, in a word or two."""
    if student["origin"] == BAG:
        return "bag of words"
    nodes = len(student["genome"]["nodes"])
    if not nodes:
        return "searched, no graph"
    if student["origin"] == CHAIN:
        return f"chain {nodes}"
    return f"searched, {formats.plural(nodes, 'operation')}"


def student_name(student: StudentRow) -> str:
    """For example "s0004 · chain 2 · coded · kappa 0.25"."""
    return " · ".join(part for part in (student["name"], kind(student), *_genes(student)) if part)


def genes(student: StudentRow) -> str:
    """Of a searched student, for example "3 operations, coded, kappa 0.25"."""
    nodes = len(student["genome"]["nodes"])
    graph = formats.plural(nodes, "operation") if nodes else "no graph"
    return ", ".join(part for part in (graph, *_genes(student)) if part)


def _genes(student: StudentRow) -> tuple[str, str, str, str]:
    own = student["genome"]
    code, kappa = CODES.get(own.get("code", "plain"), ""), own.get("kappa")
    context = {"bounded": "beside a ledger", "invariant": "invariant"}.get(own.get("context", ""), "")
    bigrams = "bigrams" if own.get("bigrams") else ""
    return bigrams, code, context, "" if kappa is None else f"kappa {kappa:g}"


def teacher_name(run: RunRow) -> str:
    """For example "teacher · minilm"."""
    return f"{TEACHER} · {access.shown_source(run['teacher']['name'])}" if run["teacher"] else TEACHER
