"""A few sentences of one's own under attack at once: from a file or typed, with progress, a summary and a table."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from app import access, actions, formats, glossary, recipes, state, uploads
from app.attack import detail, form, models, results
from rosearch_engine.config import AttackConfig
from rosearch_engine.data import own
from rosearch_engine.data.own import LONGEST, Picked, Sentence
from rosearch_engine.data.table import Table
from rosearch_engine.errors import UserError
from rosearch_engine.live.client import BATCH_SECONDS, Job
from rosearch_engine.store.rows import MeasuredStudent, RunRow

MOST = 50
SOURCES = ("File", "Typed")
FILE_TYPES = ["csv", "tsv", "jsonl", "parquet", "txt"]
NO_LABELS = "none: use the model's own prediction"
OWN_ANSWER = "No labels given: the model's own prediction counts as correct, so its accuracy is unknown."


def panel(run: RunRow, student: MeasuredStudent) -> None:
    """Choose sentences, attack them, see what came of it."""
    about = run["dataset"]
    is_pair, classes = about is not None and about["pair"], about["classes"] if about else []
    with st.container(border=True):
        try:
            rows = _source(is_pair)
            if rows is None:
                st.info(
                    f"Up to {MOST} sentences: a CSV, TSV, JSONL or Parquet file with a sentence column and optionally "
                    "a label column, or plain text with one sentence per line.",
                    icon=":material/upload:",
                )
            else:
                _start_box(run, student, rows, _chosen(rows, is_pair, classes))
        except UserError as error:
            state.show_error(error)
    outcome(run)


def _source(pair: bool) -> Table | None:
    """The rows to choose from; None while there are none."""
    sources = SOURCES if access.may("upload") else SOURCES[1:]
    source = st.segmented_control("Sentences", sources, default=sources[0], key="batch.source", required=True)
    if source == SOURCES[0]:
        sent = st.file_uploader("File", FILE_TYPES, key="batch.file", help="The file is read but not stored.")
        return None if sent is None else _read(sent.name, sent.getvalue(), pair)
    each = f"one pair per line, separated by {own.BETWEEN}" if pair else "one per line"
    typed = st.text_area(f"Sentences, {each}", key="batch.typed", height=140, persist_state="session")
    return own.lines(typed, pair) if (typed or "").strip() else None


@st.cache_data(max_entries=2, ttl=600, show_spinner="Reading the file …")
def _read(name: str, content: bytes, pair: bool) -> Table:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / uploads.safe_name(name)
        path.write_bytes(content)
        return own.table(path, pair)


def _chosen(rows: Table, is_pair: bool, classes: Sequence[str]) -> list[Sentence]:
    """The sentences to attack, and a word on those that are left out."""
    typed = st.session_state["batch.source"] != SOURCES[0]
    picked = own.guess(rows) if typed else _picked(rows, is_pair)
    found, left_out = own.take(rows, picked, classes, LONGEST)
    if not found:
        raise UserError("file", f"no row of '{picked.text}' can be attacked.", "Pick another column or fix the rows.")
    said = [f"{formats.plural(len(found), 'sentence')} to attack" if len(found) <= MOST else _cut(len(found))]
    said += [f"{formats.plural(number, 'row')} left out: {reason}" for reason, number in left_out.items()]
    st.caption(" · ".join(said))
    return found[:MOST]


def _picked(rows: Table, is_pair: bool) -> Picked:
    """The columns that the reader picks, beside a look at the rows."""
    guess, names = own.guess(rows), [str(name) for name in rows.train]
    # Other columns are another question: the answer to the last one must not stand.
    key = f"batch.{hash(tuple(names))}"
    with st.container(horizontal=True):
        text = st.selectbox("Sentence", names, names.index(guess.text), key=f"{key}.text")
        pair = None
        if is_pair:
            second = names.index(guess.pair) if guess.pair else None
            pair = st.selectbox("Second sentence", names, second, key=f"{key}.pair")
        labels = [NO_LABELS, *(name for name in names if name not in (text, pair))]
        first = labels.index(guess.label) if guess.label in labels else 0
        label = st.selectbox("Label", labels, first, key=f"{key}.label", help=glossary.GLOSSARY["labels of a batch"])
    st.dataframe(own.look(rows, MOST), height=160, key=f"{key}.rows")
    if is_pair and pair is None:
        raise UserError("second sentence", "this model needs two sentences.", "Pick the second sentence's column.")
    return Picked(text, pair, None if label == NO_LABELS else label)


def _cut(number: int) -> str:
    return (
        f"Only the first {MOST} of {number:,} sentences are attacked; for more, use `attack --file` on the command line"
    )


def _start_box(run: RunRow, student: MeasuredStudent, rows: Table, sentences: list[Sentence]) -> None:
    a, b, c = st.columns([3, 3, 2])
    titles = models.titles(run)
    model = a.selectbox(
        "Model", models.known(run, student), key=f"batch.model.{run['name']}.{student['name']}",
        format_func=lambda name: titles.get(name, name),
    )  # fmt: skip
    recipe = b.selectbox(
        "Attack", recipes.known(), format_func=recipes.label, key="batch.recipe",
        help="The attack recipe: how words are changed.",
    )  # fmt: skip
    most = AttackConfig.model_fields["query_budget"].default
    budget = c.number_input(
        "Query budget", 10, 20_000, most, step=100, key="batch.budget", help=glossary.GLOSSARY["query budget"]
    )
    title = f"Attack {formats.plural(len(sentences), 'sentence')}"
    pressed = st.button(title, type="primary", icon=":material/bolt:", key="batch.start")
    if recipe and not recipe["ready"]:
        recipes.note(recipe)
    elif pressed and recipe:
        stop()
        worker = models.warm_worker()
        job = actions.attack_batch(worker, run["name"], model, recipe["name"], sentences, int(budget))
        facts = {"run": run["name"], "student": model, "recipe": recipe["name"], "query_budget": int(budget)}
        st.session_state["batch"] = {"job": job, "of": len(sentences), "file": rows.name, "facts": facts}


def stop() -> None:
    held = st.session_state.get("batch")
    if held and held["job"].state in models.WORKING:
        held["job"].stop()


def outcome(run: RunRow) -> None:
    """This run's batch in hand: its progress while it works, its results when it is done."""
    held = st.session_state.get("batch")
    if held is None or held["facts"]["run"] != run["name"]:
        return
    classes = run["dataset"]["classes"] if run["dataset"] else []
    job: Job = held["job"]
    if job.state in models.WORKING:
        st.fragment(_progress, run_every=0.5)()
        return
    facts, rows = held["facts"], sorted(job.rows, key=lambda row: row["sentence"])
    st.subheader(state.plain(f"{facts['student']} on {formats.plural(len(rows), 'sentence')}"), anchor=False)
    if job.error:
        state.show_error(UserError(job.error["field"], job.error["problem"], job.error["remedy"]))
    if job.state == "stopped":
        why = f"Time limit of {formats.duration(BATCH_SECONDS)} reached" if job.late else "Stopped by you"
        st.warning(
            f"{why}: {len(rows)} of {held['of']} sentences were attacked. The figures cover these only.",
            icon=":material/stop_circle:",
        )
    if job.summary:
        _summary(job.summary)
    if rows:
        _table(rows, classes, facts, job)


def _progress() -> None:
    held = st.session_state["batch"]
    job: Job = held["job"]
    if job.state not in models.WORKING:
        st.rerun()
    if job.state == "waiting":
        text = form.waiting_for(job)
    else:
        fooled = sum(row["outcome"] == "fooled" for row in job.rows)
        text = f"{len(job.rows)} / {held['of']} sentences, {fooled} fooled · {job.queries:,} queries · {job.note}"
    st.progress(len(job.rows) / held["of"], text=state.plain(text))
    if st.button("Stop", icon=":material/stop_circle:", key="batch.stop", help="Finished sentences are kept."):
        stop()


def _summary(found: Mapping[str, Any]) -> None:
    known, n = glossary.GLOSSARY, found["attacked"]
    accuracy, low = found["accuracy"], formats.interval(found["robustness_interval"])
    with st.container(horizontal=True):
        st.metric("Clean", formats.percent(accuracy), border=True, help=known["clean accuracy"])
        st.metric("After attack", formats.percent(found["robustness"]), border=True, help=known["after attack"])
        success = formats.percent(found["success_rate"], 0)
        st.metric("Attack success rate", success, border=True, help=known["success rate"])
        st.metric("Mean queries per sentence", f"{found['mean_queries']:.0f}", border=True, help=known["mean queries"])
    parts = [f"After attack: {found['held']} of {n}, {low} with 95% confidence"]
    for name, key in (
        ("calibrated", "calibrated_held"),
        ("raw", "raw_held"),
        ("one-swap robust", "one_swap_held"),
        ("certified", "certified"),
    ):
        if found.get(key) is not None:
            parts.append(f"{name} {found[key]} of {n}")
    st.caption(" · ".join(parts) + ".", help=glossary.of("calibrated", "raw", "one swap", "certified"))
    if accuracy is None:
        st.info(OWN_ANSWER, icon=":material/label_off:")


def _table(rows: list[dict[str, Any]], classes: list[str], facts: Mapping[str, Any], job: Job) -> None:
    table = results.result_table(rows)
    shown = _percents(table.drop(columns=["raw before", "raw after", "changed sentence", "reason"]))
    picked = st.dataframe(
        shown,
        column_config=glossary.columns(shown),
        hide_index=True,
        key="batch.rows",
        on_select="rerun",
        selection_mode="single-row",
        height=min(420, 38 + 35 * len(rows)),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        whole = {**facts, "stopped": job.state == "stopped", "summary": job.summary, "sentences": rows}
        results.downloads(whole, rows, f"attack-{facts['student']}-{len(rows)}")
        st.caption("Click a row for details of its attack.")
    chosen = picked["selection"]["rows"]
    if chosen and chosen[0] < len(rows):
        with st.container(border=True):
            detail.show(rows[chosen[0]], classes, facts["run"], facts["student"])


def _percents(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(**{name: 100 * table[name].astype(float) for name in glossary.SHARES})
