"""A table that a benchmark writes into its page by itself."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from rosearch_engine.device import cpu_name


def put(page: Path, name: str, text: str) -> None:
    """Replace what stands between the page's marks of that name.

    Raises:
        ValueError: if the page has no such marks.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    content = page.read_text(encoding="utf-8")
    before, after = content.index(begin), content.index(end)
    page.write_text(f"{content[:before]}{begin}\n{text}\n{content[after:]}", encoding="utf-8")


def made_on() -> str:
    """The machine of a table, in words."""
    return f"{cpu_name()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def said_setting(setting: str) -> str:
    """A setting without the folders that lead to a file."""
    name, _, value = setting.partition("=")
    return f"{name}={Path(value).name}" if name in ("data.name", "distil.extra") else setting
