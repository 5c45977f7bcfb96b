"""Bytes of a file as text. That they can be decoded does not make them text."""

from __future__ import annotations

import codecs

from rosearch_engine.errors import UserError

_WIDE = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_REMEDY = "Save it as UTF-8."


def decode(content: bytes, name: str, field: str) -> str:
    """UTF-8, with or without a byte order mark.

    Raises:
        UserError: another encoding, or no text at all.
    """
    # Latin text in UTF-16 is valid UTF-8: every second byte is a NUL.
    if content.startswith(_WIDE) or content.count(0) * 4 >= max(len(content), 1):
        raise UserError(field, f"{name} looks like UTF-16.", _REMEDY)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(field, f"{name} is not UTF-8 (byte {error.start}).", _REMEDY) from None
    if "\0" in text:
        raise UserError(field, f"{name} contains NUL bytes (the first at byte {content.find(0)}).", _REMEDY)
    return text
