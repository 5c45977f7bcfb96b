"""What is printed for people is what they wrote: no mark-up, no pictures."""

from __future__ import annotations

import pytest

from rosearch_engine.cli.console import say, table

WRITTEN = "loved it :red_heart: [bold]really[/bold]"


def test_a_text_is_printed_as_given(capsys: pytest.CaptureFixture[str]) -> None:
    say(WRITTEN)
    say(WRITTEN, error=True)
    table(WRITTEN, [":smile: name"], [[WRITTEN]])
    said = capsys.readouterr()
    assert said.out.count(WRITTEN) == 3
    assert ":smile: name" in said.out
    assert said.err.count(WRITTEN) == 1
