"""What only the tokenizer and the attack can tell of a search to come, such as the words that can be swapped.

`check` is asked in a process of its own: the app's never loads torch.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

import streamlit as st

from app import access, formats, state
from rosearch_engine import spawn
from rosearch_engine.config import RunConfig
from rosearch_engine.errors import UserError

Facts = dict[str, Any]


class Asked:
    """The question of one look, and its answer once it is there. It ends with whoever asked."""

    def __init__(self, key: str, settings: RunConfig) -> None:
        self.key = key
        self._folder = tempfile.TemporaryDirectory(prefix="rosearch-", ignore_cleanup_errors=True)
        config = Path(self._folder.name) / "config.json"
        config.write_text(settings.model_dump_json(), encoding="utf-8")
        self._said = Path(self._folder.name) / "said.json"
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                spawn.command("check", "--json", "--config", str(config)),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.DEVNULL,
                env=spawn.environment(),
            )

    def answer(self) -> Facts | None:
        """What `check --json` said; None while it has not.

        Raises:
            UserError: what a start would refuse.
        """
        if self._process.poll() is None:
            return None
        try:
            facts: Facts = json.loads(self._said.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            problem = f"its process ended without an answer (exit code {self._process.returncode})."
            raise UserError("check", problem, "Run `python -m rosearch_engine check` to see why.") from None
        if "error" in facts:
            raise UserError(**facts["error"])
        return facts

    def __del__(self) -> None:
        with suppress(OSError, AttributeError):
            self._process.kill()
            self._process.wait(10)


def show(settings: RunConfig, known: Collection[str]) -> None:
    """How many words of the attacked sentences can be swapped, as soon as it has been counted.

    Args:
        known: warnings that are shown already.
    """
    key = settings.model_dump_json(include={"data", "teacher", "attack"})
    asked = st.session_state.get("ahead")
    if not isinstance(asked, Asked) or asked.key != key:
        access.require_sources(settings)
        asked = st.session_state["ahead"] = Asked(key, settings)
    if _is_over(asked):
        _tell(asked, known)
    else:
        st.fragment(_wait, run_every=1)(asked)


def lines(facts: Facts, known: Collection[str]) -> list[str]:
    """What a reader should know before the start, in sentences."""
    said = []
    if words := facts["words"]:
        number, of = words["with_swaps"], words["attacked"]
        share = f" ({number / of:.0%})" if of else ""
        said.append(f"Words that the attack can swap: {number:,} of {of:,} in the attacked sentences{share}.")
    else:
        said.append("How many words this attack can swap depends on each sentence, so it is not counted beforehand.")
    if facts["cut"]:
        said.append(f"{formats.plural(facts['cut'], 'training sentence')} are longer than the teacher reads, and cut.")
    return [*said, *(warning for warning in facts["warnings"] if warning not in known)]


def _wait(asked: Asked) -> None:
    if _is_over(asked):
        st.rerun()
    st.caption("Counting the words that the attack can swap …")


def _tell(asked: Asked, known: Collection[str]) -> None:
    try:
        facts = asked.answer() or {}
    except UserError as error:
        state.show_error(error)
        return
    for line in lines(facts, known):
        st.caption(state.plain(line))


def _is_over(asked: Asked) -> bool:
    try:
        return asked.answer() is not None
    except UserError:
        return True
