"""A student to take away: its files as a zip, the card that goes with them, the code that loads them."""

from __future__ import annotations

import io
import json
import subprocess
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from app import access, cards, notes, recorded, state, words
from rosearch_engine import spawn
from rosearch_engine.checkpoints.forms import ABOUT, FORMS, Form, missing_packages
from rosearch_engine.errors import UserError
from rosearch_engine.store.database import database
from rosearch_engine.store.rows import MeasuredStudent, RunRow

WITHIN = 180.0
WITHIN_MEASURED = 900.0  # other forms are attacked from their files


@dataclass(frozen=True)
class Checkpoint:
    """A student's checkpoint.

    Attributes:
        content: the zip of its folder.
        card: its model card, Markdown.
        files: names and sizes in bytes.
    """

    content: bytes
    card: str
    files: dict[str, int]

    @property
    def prose(self) -> str:
        """The card without its code."""
        return self.card.split("```python")[0].strip()

    @property
    def code(self) -> str:
        """The card's code: how the checkpoint is loaded."""
        return self.card.split("```python")[1].split("```")[0].strip()


@st.cache_data(
    max_entries=4, show_spinner="Writing the checkpoint: this takes a few seconds, because torch has to load …"
)
def _checkpoint(address: str, run: str, student: str, sha256: str, forms: tuple[Form, ...]) -> Checkpoint:
    within = WITHIN if forms == ("safetensors",) else WITHIN_MEASURED
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / f"{run}-{student}"
        try:
            ended = subprocess.run(
                spawn.command("export", f"{run}/{student}", "--to", str(folder), "--json", *_options(forms)),
                env=spawn.environment(ROSEARCH_STORE=address),
                capture_output=True,
                text=True,
                timeout=within,
            )
        except subprocess.TimeoutExpired:
            late = f"it did not finish within {within:.0f} s."
            raise UserError("export", late, "Try again when the machine is less busy.") from None
        if ended.returncode == 2:
            raise UserError(**json.loads(ended.stdout)["error"])
        if ended.returncode:
            said = ended.stderr.strip().splitlines() or ["no reason given."]
            raise UserError(
                "export", said[-1], "Try it on the command line for details: `python -m rosearch_engine export`."
            )
        packed = io.BytesIO()
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in files:
                archive.write(path, path.relative_to(place))
        sizes = {str(path.relative_to(folder)): path.stat().st_size for path in files}
        return Checkpoint(packed.getvalue(), (folder / "README.md").read_text(encoding="utf-8"), sizes)


def _options(forms: tuple[Form, ...]) -> list[str]:
    return [part for form in forms for part in ("--form", form)]


def checkpoint(run: str, student: str, sha256: str, forms: tuple[Form, ...] = ("safetensors",)) -> Checkpoint:
    """The checkpoint of a student whose weights have that digest, in some forms.

    Raises:
        UserError: as `rosearch_engine.checkpoints.export.export` does.
    """
    return _checkpoint(database(), run, student, sha256, forms)


def _choose_forms() -> tuple[Form, ...]:
    """The forms picked, in the order of `FORMS`. Who may not work here gets the one that asks for no work."""
    if not access.may("work"):
        return ("safetensors",)
    missing = missing_packages()
    picked = st.pills(
        "Forms",
        FORMS,
        selection_mode="multi",
        default=["safetensors"],
        key="export_forms",
        format_func=lambda form: f"{form}: {ABOUT[form]}",
        disabled=bool(missing),
        help=f"ONNX needs {', '.join(missing)}: `pip install '.[onnx]'`." if missing else None,
    )
    return tuple(form for form in FORMS if form in picked) or ("safetensors",)


def panel(run: RunRow, student: MeasuredStudent) -> None:
    """The checkpoint of the student in hand, made on a press, with its card and the code that loads it."""
    st.caption(f"**{student['name']}** of {state.plain(run['name'])} · {words.summary(student)}")
    notes.panel(run, student["name"])
    recorded.stop_without_weights(run, student, "exported")
    forms = _choose_forms()
    key = (run["name"], student["name"], forms)
    if st.session_state.get("exported") != key:
        st.write(
            "A standard `transformers` checkpoint: weights, config, tokenizer, modelling code, and a model card with "
            "all measurements and how they were made. It loads without this program being installed."
        )
        if forms != ("safetensors",):
            st.caption("Each form is attacked again from its file, so that the card has its own figures: minutes.")
        if st.button("Create the checkpoint", type="primary", icon=":material/inventory_2:", key="export"):
            st.session_state["exported"] = key
            st.rerun()
        return
    del st.session_state["exported"]  # one that fails is asked for anew
    made = checkpoint(run["name"], student["name"], student["weights_sha256"] or "", forms)
    st.session_state["exported"] = key
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.download_button(
            f"Checkpoint (zip, {len(made.content) / 1e6:.1f} MB)",
            made.content,
            f"{run['name']}-{student['name']}.zip",
            "application/zip",
            type="primary",
            icon=":material/download:",
            on_click="ignore",
        )
        st.markdown("**How to use it**")
        st.code(f'folder = "{run["name"]}-{student["name"]}"\n{made.code}', language="python")
        with st.container(border=True):
            st.markdown(made.prose)
    with right:
        st.markdown("**In the zip**")
        for name, size in made.files.items():
            st.caption(f"`{name}` {size / 1000:,.0f} kB")
        cards.ways_on("export")
