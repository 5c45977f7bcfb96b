"""The form of the attack: the sentence, its right answer, who is attacked and how; and the link that fills it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app import actions, glossary, recipes, state
from app.attack import models
from rosearch_engine.data.own import LONGEST
from rosearch_engine.errors import UserError
from rosearch_engine.live.client import SECONDS, Job
from rosearch_engine.store.rows import MeasuredStudent, RunRow

DONT_KNOW = "don't know"
FEW_CLASSES = 6
# What a link says of an attack, beside the run and the student.
LINK = ("text", "pair", "answer", "models")


def show(run: RunRow, student: MeasuredStudent) -> None:
    """Ask for a sentence; a press hands it to the worker, once for each model."""
    is_pair, classes = _kind(run)
    names, titles = models.known(run, student), models.titles(run)
    with st.form("attack_form", border=True):
        text = st.text_area(
            "Your sentence",
            key="sentence",
            max_chars=LONGEST,
            height=92,
            placeholder="Type a sentence or pick an example above.",
            persist_state="session",
        )
        pair = st.text_area("Second sentence", key="pair", max_chars=LONGEST, height=68) if is_pair else None
        answer = _ask_answer(run, classes)
        st.session_state.setdefault(_models_key(run, student["name"]), [student["name"]])
        chosen = st.multiselect(
            "Models",
            names,
            format_func=lambda name: titles.get(name, name),
            key=_models_key(run, student["name"]),
            max_selections=models.MOST,
            help="Add students, or the teacher, to attack the same sentence on several models. A recorded run offers "
            "only the models whose weights are included.",
        )
        b, c, d = st.columns([5, 3, 3])
        recipe = b.selectbox(
            "Attack", recipes.known(), format_func=recipes.label, help="The attack recipe: how words are changed."
        )
        budget = c.number_input("Query budget", 10, 20_000, 500, step=100, help=glossary.GLOSSARY["query budget"])
        seconds = d.number_input("Time limit (s)", 5, 600, SECONDS, step=5, help=glossary.GLOSSARY["time limit"])
        pressed = st.form_submit_button("Attack  (Ctrl+Enter)", type="primary", icon=":material/bolt:")
    if recipe:
        recipes.note(recipe)
    if not pressed or not recipe or not recipe["ready"]:
        return
    first, second = (text or "").strip(), (pair or "").strip()
    if not chosen:
        st.warning("**models**: none selected. Select one or more.", icon=":material/edit:")
    elif not first or (is_pair and not second):
        field = "second sentence" if first else "sentence"
        st.warning(f"**{field}**: it is empty. Type one or pick an example.", icon=":material/edit:")
    else:
        try:
            start(run["name"], chosen, recipe["name"], first, second or None, int(budget), int(seconds), answer)
        except UserError as error:
            state.show_error(error)
            return
        _write_link(first, second, answer, chosen)


def _ask_answer(run: RunRow, classes: Sequence[str]) -> str | None:
    """The class that the reader calls right; None where they do not know."""
    options = [*classes, DONT_KNOW]
    help_text = (
        "A sentence that a model gets wrong before any attack is already lost. If you don't know, the model's own "
        "prediction is taken as right."
    )
    st.session_state.setdefault(_answer_key(run), DONT_KNOW)
    if len(classes) <= FEW_CLASSES:
        said = st.segmented_control("What is right?", options, key=_answer_key(run), required=True, help=help_text)
    else:
        said = st.selectbox("What is right?", options, key=_answer_key(run), help=help_text)
    return None if said in (None, DONT_KNOW) else said


def fill(
    run: RunRow, student: MeasuredStudent, text: str, pair: str | None, label: int | None, chosen: Sequence[str]
) -> None:
    """Write into the form, before it is drawn."""
    for name, value in filled(run, student["name"], text, pair, label, chosen).items():
        st.session_state[name] = value


def filled(
    run: RunRow, student: str, text: str, pair: str | None, label: int | None, chosen: Sequence[str]
) -> dict[str, Any]:
    """The form filled in, as the session keeps it.

    Args:
        student: who is in hand when the form is drawn.
        label: the right class; None if it is not known.
        chosen: the models.
    """
    _, classes = _kind(run)
    answer = classes[label] if label is not None and label < len(classes) else DONT_KNOW
    return {
        "sentence": text,
        "pair": pair or "",
        _answer_key(run): answer,
        _models_key(run, student): list(chosen),
    }


def take_link(run: RunRow, student: MeasuredStudent) -> None:
    """Fill the form from the address, once for each address; say what of it cannot be taken."""
    asked = {name: st.query_params[name] for name in LINK if name in st.query_params}
    if not asked or st.session_state.get("link_taken") == asked:
        return
    st.session_state["link_taken"] = asked
    _, classes = _kind(run)
    text, pair = asked.get("text", ""), asked.get("pair", "")
    longest = max(len(text), len(pair))
    if longest > LONGEST:
        for name in LINK:
            st.query_params.pop(name, None)
        st.warning(
            f"**text**: the link's has {longest:,} characters. Use at most {LONGEST:,}.", icon=":material/link_off:"
        )
        return
    known = models.known(run, student)
    wanted = [name for name in asked.get("models", "").split(",") if name]
    chosen = [name for name in dict.fromkeys(wanted) if name in known][: models.MOST]
    if lacking := [name for name in dict.fromkeys(wanted) if name not in chosen]:
        names = ", ".join(state.plain(name[:40]) for name in lacking[:5])
        st.warning(f"**models**: {names} cannot be attacked here. The others are.", icon=":material/link_off:")
    answer = asked.get("answer")
    label = list(classes).index(answer) if answer in classes else None
    fill(run, student, text, pair or None, label, chosen or [student["name"]])


def _write_link(text: str, pair: str, answer: str | None, chosen: Sequence[str]) -> None:
    """Have the address tell what was attacked, so that it can be sent to others."""
    said = {"text": text, "pair": pair, "answer": answer or "", "models": ",".join(chosen)}
    for name, value in said.items():
        if value:
            st.query_params[name] = value
        else:
            st.query_params.pop(name, None)
    st.session_state["link_taken"] = {name: value for name, value in said.items() if value}


def start(
    run: str,
    chosen: Sequence[str],
    recipe: str,
    text: str,
    pair: str | None,
    budget: int,
    seconds: int,
    answer: str | None = None,
) -> None:
    """Hand a sentence to the worker, once for each model, and keep the jobs in this visitor's session.

    Raises:
        UserError: as `actions.attack`.
    """
    stop()
    jobs = actions.attack(models.warm_worker(), chosen, run, recipe, text, pair, budget, seconds, answer)
    about = {"text": text, "pair": pair, "answer": answer}
    st.session_state["attack"] = {"jobs": jobs, "run": run, "recipe": recipe, "budget": budget, **about}


def stop() -> None:
    for job in at_work(st.session_state.get("attack")).values():
        job.stop()


def at_work(held: Mapping[str, Any] | None) -> dict[str, Job]:
    """The jobs of an attack that have not ended, by model."""
    return {name: job for name, job in held["jobs"].items() if job.state in models.WORKING} if held else {}


def waiting_for(job: Job) -> str:
    """Why a job has not begun: the worker still loads, or others' attacks go first."""
    if models.warm_worker().state != "ready":
        return "starting: loading the attack"
    return f"queued ({job.ahead} ahead)" if job.ahead else "next in line"


def _kind(run: RunRow) -> tuple[bool, list[str]]:
    about = run["dataset"]
    return (about["pair"], about["classes"]) if about else (False, [])


def _models_key(run: RunRow, student: str) -> str:
    return f"models.{run['name']}.{student}"


def _answer_key(run: RunRow) -> str:
    return f"answer.{run['name']}"
