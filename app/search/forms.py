"""A form drawn from a config class: one widget a field, the description as help, the limits from the schema."""

from __future__ import annotations

import math
import re
import types
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Literal, Union, get_args, get_origin

import streamlit as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from app.search import labels
from rosearch_engine.config import OneOf
from rosearch_engine.errors import UserError


def draw(
    stage: str, config: type[BaseModel], values: Mapping[str, Any], key: str, skip: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Draw a stage's fields, two beside each other, and return what the user has set.

    Args:
        stage: the stage's name, for the message of a field that cannot be read.
        config: the stage's class.
        values: a preset's values; other fields start at their defaults.
        key: makes the widgets of two presets differ.
        skip: fields drawn elsewhere.

    Raises:
        UserError: if a list of numbers cannot be read.
    """
    answers: dict[str, Any] = {}
    columns = st.columns(2)
    shown = [name for name in config.model_fields if name not in skip]
    for index, name in enumerate(shown):
        field = config.model_fields[name]
        with columns[index % 2]:
            value = values.get(name, field.get_default())
            answers[name] = _widget(stage, name, field, value, f"{key}.{stage}.{name}")
    return answers


def numbers(text: str, whole: bool, field: str) -> list[float]:
    """The numbers of '1/3, 1/2, 1'.

    Raises:
        UserError: if something in it is no number.
    """
    try:
        read = [Fraction(part) for part in re.split(r"[,;\s]+", text.strip()) if part]
    except (ValueError, ZeroDivisionError):
        raise UserError(
            field, f"'{text}' is not a list of numbers.", "Separate them with commas: 1/3, 1/2, 1."
        ) from None
    if whole and any(number.denominator != 1 for number in read):
        raise UserError(field, f"'{text}' contains a fraction.", "Use whole numbers, separated by commas: 32, 64.")
    return [int(number) if whole else float(number) for number in read]


def written(values: tuple[float, ...]) -> str:
    """Numbers as `numbers` reads them: decimals where all are short, else fractions."""
    if all(value == round(value, 2) for value in values):
        return ", ".join(f"{value:g}" for value in values)
    return ", ".join(str(Fraction(value).limit_denominator(64)) for value in values)


def _widget(stage: str, name: str, field: FieldInfo, value: Any, key: str) -> Any:
    kind, optional = _kind(field.annotation)
    title, words = labels.label(stage, name), labels.about(stage, name, field.description)
    if get_origin(kind) is Literal:
        options = list(get_args(kind))
        return st.selectbox(title, options, index=options.index(value), help=words, key=key)
    if get_origin(kind) is tuple:
        return _tuple(f"{stage}.{name}", title, get_args(kind)[0], value, words, key)
    if kind is bool:
        return st.toggle(title, value=value, help=words, key=key)
    if kind is int:
        low, high = _limits(field, whole=True)
        return st.number_input(title, low, high, value, step=1, help=words, key=key, placeholder="no limit")
    if kind is float:
        low, high = _limits(field, whole=False)
        step = _step(value or 0.0)
        return st.number_input(
            title, low, high, value, step=step, format="%g", help=words, key=key, placeholder="no limit"
        )
    text = st.text_input(title, value or "", help=words, key=key, placeholder="none" if optional else None)
    return (text or "").strip() or (None if optional else "")


def _tuple(path: str, title: str, item: Any, value: tuple[Any, ...], words: str | None, key: str) -> list[Any]:
    if options := _options(item):
        return st.multiselect(title, options, list(value), help=words, key=key, wrap=True)
    text = st.text_input(title, written(value), help=words, key=key)
    return numbers(text or "", item is int, path)


def _options(item: Any) -> list[str]:
    """The names to choose from, where a setting is one of several; else none."""
    if get_origin(item) is Literal:
        return list(get_args(item))
    return [name for mark in getattr(item, "__metadata__", ()) if isinstance(mark, OneOf) for name in mark.names()]


def _kind(annotation: Any) -> tuple[Any, bool]:
    """A field's type without `None`, and whether it may be left empty."""
    if get_origin(annotation) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        return kinds[0], len(kinds) < len(get_args(annotation))
    return annotation, False


def _step(value: float) -> float:
    """A tenth of the value's own size: 0.0005 goes by 0.0001, 2 by 0.1."""
    return 10.0 ** (math.floor(math.log10(value)) - (value >= 1)) if value > 0 else 0.1


def _limits(field: FieldInfo, whole: bool) -> tuple[Any, Any]:
    """Least and greatest value. That a float must lie ABOVE its limit is left to the config's own check."""
    low = high = None
    for rule in field.metadata:
        if (at_least := getattr(rule, "ge", None)) is not None:
            low = at_least
        if (above := getattr(rule, "gt", None)) is not None:
            low = above + 1 if whole else above
        if (at_most := getattr(rule, "le", None)) is not None:
            high = at_most
    kind = int if whole else float
    return (None if low is None else kind(low)), (None if high is None else kind(high))
