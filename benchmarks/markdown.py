"""Tables that a benchmark keeps up to date in a page, between two marks."""

from __future__ import annotations

from pathlib import Path


def put(page: Path, name: str, content: str) -> None:
    """Put content between the marks `<!-- name -->` and `<!-- /name -->` of a page.

    Raises:
        ValueError: if the page has no such marks.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"{page.name} has no marks {begin} and {end}")
    page.write_text(f"{before}{begin}\n{content}\n{end}{after}", encoding="utf-8")
