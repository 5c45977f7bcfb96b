"""The attack screen's pieces: the job in hand, the verdict, the word diff, the probabilities."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from app import access, actions, formats, glossary, recipes, recorded, state
from app.attack.drawing import bars_html, changes, diff_html, importance_html
from rosearch_engine.data.own import LONGEST
from rosearch_engine.errors import UserError
from rosearch_engine.live.client import SECONDS, TOLD, AttackWorker, Job
from rosearch_engine.objectives import holds, withstands
from rosearch_engine.store.rows import MeasuredStudent, RunRow

MOST_MODELS = 5
WORKING = ("waiting", "attacking")
MEANINGS = ("Yes", "No")
SHOWN_EXAMPLES = 6
VERDICTS: dict[str, tuple[str, str, str]] = {
    "fooled": ("error", ":material/gpp_bad:", "**Fooled.** The attack succeeded with {changes}."),
    "held": ("success", ":material/verified_user:", "**Held.** The attack tried everything and failed."),
    "not attackable": ("warning", ":material/block:", "**Not attackable.** No word here can be swapped."),
    "budget used": (
        "success",
        ":material/verified_user:",
        "**Held.** The attack used up its query budget.",
    ),
    "already wrong": (
        "warning",
        ":material/error:",
        "**Already wrong.** The model misclassifies this sentence without an attack.",
    ),
    "a swap flips it": (
        "warning",
        ":material/gpp_maybe:",
        "**Does not hold.** The attack failed, but {flips} of all {asked} single swaps change the prediction.",
    ),
    "failed": ("warning", ":material/error:", "**Not attacked.** {reason} It counts as lost."),
    "out of time": ("warning", ":material/timer_off:", "**Time limit reached.** The results so far are below."),
    "stopped": ("warning", ":material/stop_circle:", "**Stopped by you.** The results so far are below."),
}

SURE = st.column_config.ProgressColumn(
    "probability", format="percent", min_value=0, max_value=1, help="Calibrated probability of the original label."
)

FACES = {"Calibrated": "probabilities", "Raw": "raw"}


@st.cache_resource(show_spinner=False, on_release=AttackWorker.close)
def _worker() -> AttackWorker:
    return AttackWorker()


def warm_worker() -> AttackWorker:
    """The one process that attacks for all visitors; it loads, or starts anew after a death, without waiting."""
    _worker().start()
    return _worker()


def examples(measurement_id: int) -> list[tuple[str, str | None]]:
    """Short sentences that the run itself attacked, each with its second sentence where there is one."""
    texts = [row["before"]["text"] for row in state.store().examples(measurement_id) if row["outcome"] != "failed"]
    pairs: list[tuple[str, str | None]]
    pairs = [(text, None) if isinstance(text, str) else (text[0], text[1]) for text in texts]
    fitting = [pair for pair in pairs if all(len(part or "") <= LONGEST for part in pair)]
    return sorted(fitting, key=lambda pair: (len(pair[0]) < 30, len(pair[0])))[:SHOWN_EXAMPLES]


def example_pills(measurement_id: int) -> None:
    """Example sentences to start from; a click writes one into the form."""
    known = examples(measurement_id)
    if not known:
        return
    chosen = st.pills(
        "Examples the search attacked",
        range(len(known)),
        format_func=lambda index: state.plain(shortened(known[index][0])),
        key="example",
        wrap=True,
    )
    if chosen is not None and st.session_state.get("example_taken") != (measurement_id, chosen):
        st.session_state["example_taken"] = (measurement_id, chosen)
        st.session_state["sentence"], st.session_state["pair"] = known[chosen][0], known[chosen][1] or ""


def shortened(text: str, most: int = 44) -> str:
    """The beginning of a sentence, cut between words."""
    return text if len(text) <= most else text[:most].rsplit(" ", 1)[0] + " …"


def form(run: RunRow, student: MeasuredStudent) -> None:
    """The sentence, who is attacked with it and how; a press hands it to the worker."""
    is_pair = run["dataset"] is not None and run["dataset"]["pair"]
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
        a, b, c, d = st.columns([6, 5, 3, 3])
        models = a.multiselect(
            "Models",
            models_of(run, student),
            default=[student["name"]],
            key=f"models.{run['name']}.{student['name']}",
            max_selections=MOST_MODELS,
            help="Add students, or the teacher, to attack the same sentence on several models. A recorded run offers "
            "only the models whose weights are included.",
        )
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
    if not models:
        st.warning("**models**: none selected. Select one or more.", icon=":material/edit:")
    elif not first or (is_pair and not second):
        field = "second sentence" if first else "sentence"
        st.warning(f"**{field}**: it is empty. Type one or pick an example.", icon=":material/edit:")
    else:
        start(run["name"], models, recipe["name"], first, second or None, int(budget), int(seconds))


def models_of(run: RunRow, student: MeasuredStudent) -> list[str]:
    """Who can be attacked: the student in hand, the teacher, every other student whose weights are here.

    A recorded run has the weights of some, and no teacher.
    """
    names = [row["name"] for row in recorded.with_weights(state.students(run))]
    teacher = [] if run["recorded"] else ["teacher"]
    return [student["name"], *teacher, *(name for name in names if name != student["name"])]


def start(run: str, models: Sequence[str], recipe: str, text: str, pair: str | None, budget: int, seconds: int) -> None:
    """Hand a sentence to the worker, once for each model, and keep the jobs in this visitor's session."""
    stop()
    try:
        jobs = actions.attack(warm_worker(), models, run, recipe, text, pair, budget, seconds)
    except UserError as error:
        state.show_error(error)
        return
    st.session_state["attack"] = {"jobs": jobs, "run": run, "recipe": recipe, "budget": budget}


def stop() -> None:
    for job in _at_work(st.session_state.get("attack")).values():
        job.stop()


def _at_work(held: Mapping[str, Any] | None) -> dict[str, Job]:
    return {model: job for model, job in held["jobs"].items() if job.state in WORKING} if held else {}


def outcome(run: RunRow) -> None:
    """This run's attack in hand: its progress while it works, its result when it is done."""
    held = st.session_state.get("attack")
    if held is None or held["run"] != run["name"]:
        st.info(
            "Pick an example or type a sentence of your own, then press **Attack** (Ctrl+Enter). "
            "The attack changes single words until the prediction changes.",
            icon=":material/lightbulb:",
        )
        return
    if _at_work(held):
        st.fragment(_progress, run_every=0.5)()
        return
    jobs: Mapping[str, Job] = held["jobs"]
    classes = run["dataset"]["classes"] if run["dataset"] else []
    if len(jobs) > 1:
        table = _side_by_side(jobs, classes)
        st.dataframe(table, hide_index=True, key="side_by_side", column_config=glossary.columns(table))
    places = st.tabs(list(jobs)) if len(jobs) > 1 else [st.container()]
    for place, (model, job) in zip(places, jobs.items(), strict=True):
        with place:
            st.caption(f"{state.plain(model)} of {state.plain(held['run'])}")
            if job.error:
                state.show_error(UserError(job.error["field"], job.error["problem"], job.error["remedy"]))
            if job.state == "stopped" and not job.result:
                st.info("Stopped before it began.", icon=":material/stop_circle:")
            if job.result:
                show(job.result, classes, held["run"], model)


def _side_by_side(jobs: Mapping[str, Job], classes: Sequence[str]) -> pd.DataFrame:
    """How each model fared on the same sentence."""
    rows = []
    for model, job in jobs.items():
        found = job.result
        if found is None:
            rows.append({"model": model, "verdict": job.state})
            continue
        said = found["before"]["class"]
        rows.append(
            {
                "model": model,
                "verdict": standing(found),
                "prediction": classes[said] if said < len(classes) else str(said),
                "confidence before": 100 * found["before"]["probabilities"][said],
                "confidence after": 100 * found["after"]["probabilities"][said],
                "raw logits": found["raw_outcome"] or "–",
                "words changed": sum(word["op"] != "same" for word in found["words"]),
                "queries": found["queries"],
            }
        )
    return pd.DataFrame(rows)


def _progress() -> None:
    held = st.session_state["attack"]
    if not _at_work(held):
        st.rerun()
    for model, job in held["jobs"].items():
        name = f"{model}: " if len(held["jobs"]) > 1 else ""
        if job.state == "waiting":
            st.progress(0.0, text=state.plain(f"{name}{job.note or waiting(job)}"))
        elif job.state == "attacking":
            share = min(1.0, job.queries / held["budget"])
            text = f"{name}{job.queries} / {held['budget']} queries{' · ' + job.note if job.note else ''}"
            st.progress(share, text=state.plain(text))
            if job.importance:
                st.html(importance_html(job.importance))
        else:
            st.progress(1.0, text=state.plain(f"{name}{job.result['outcome'] if job.result else 'failed'}"))
    if st.button("Stop", icon=":material/stop_circle:", key="attack.stop"):
        stop()


def waiting(job: Job) -> str:
    """Why a job has not begun: the worker still loads, or others' attacks go first."""
    if warm_worker().state != "ready":
        return "starting: loading the attack"
    return f"queued ({job.ahead} ahead)" if job.ahead else "next in line"


def show(result: Mapping[str, Any], classes: Sequence[str], run: str, model: str) -> None:
    """A finished attack: verdict, diff, probabilities, importance, downloads."""
    verdict(result, classes)
    if result["outcome"] == "failed":
        return
    if result["outcome"] == "fooled" and access.may("mark"):
        _ask_meaning(result, run, model)
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.markdown("**What the attack changed**" if result["outcome"] == "fooled" else "**Closest attempt**")
        st.html(diff_html(result["words"]))
        if result["importance"]:
            st.markdown("**How much each word matters**", help="Drop in confidence when the word is removed.")
            st.html(importance_html(result["importance"]))
    with right:
        st.markdown("**Class probabilities**", help="Probability of each class; the dashed line marks 50%.")
        face = st.segmented_control(
            "Probabilities",
            list(FACES),
            default="Calibrated",
            key=f"face.{model}",
            required=True,
            label_visibility="collapsed",
            help=glossary.GLOSSARY["raw probabilities"],
        )
        which = FACES[face or "Calibrated"]
        st.html(bars_html(result["before"][which], result["after"][which], classes))
    if "trace" in result:  # one sentence's, not a batch's
        table = trace_table(result["trace"])
        first = "first " if len(table) == TOLD else ""
        with st.expander(
            f"All queries of the attack, in order ({first}{formats.plural(len(table), 'text')})",
            icon=":material/list_alt:",
        ):
            config = {"P(label)": SURE}
            st.dataframe(table, hide_index=True, height=260, key=f"trace.{model}", column_config=config)
    with st.container(horizontal=True, vertical_alignment="center"):
        downloads({"run": run, "student": model, **result}, [result], f"attack-{model}")
        st.caption(f"{formats.plural(result['queries'], 'query', 'queries')} in {result['seconds']:.1f} s.")


def downloads(whole: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], name: str) -> None:
    """Results to take away: all that is known as JSON, a row a sentence as CSV."""
    for title, make, kind in (
        ("JSON", lambda: json.dumps(whole, indent=2, ensure_ascii=False), "application/json"),
        ("CSV", lambda: formats.csv(result_table(rows)), "text/csv"),
    ):
        st.download_button(
            title,
            make,
            file_name=f"{name}.{title.lower()}",
            mime=kind,
            icon=":material/download:",
            on_click="ignore",
            key=f"{title}.{name}",
        )


def result_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A row a sentence: what an attack did to it. Probabilities are those of the class that it is labelled."""
    return pd.DataFrame(
        {
            "verdict": [standing(row) for row in rows],
            "sentence": [row["original"] for row in rows],
            "queries": [row["queries"] for row in rows],
            "confidence before": [_sure(row, "before", "probabilities") for row in rows],
            "confidence after": [_sure(row, "after", "probabilities") for row in rows],
            "changes": [changes(row["words"]) for row in rows],
            "label": [row["label"] for row in rows],
            "prediction before": [row["before"]["name"] for row in rows],
            "prediction after": [row["after"]["name"] for row in rows],
            "raw before": [_sure(row, "before", "raw") for row in rows],
            "raw after": [_sure(row, "after", "raw") for row in rows],
            "raw logits": [row["raw_outcome"] for row in rows],
            "single swaps": [row["one_swap"] and row["one_swap"]["asked"] for row in rows],
            "flipping": [row["one_swap"] and row["one_swap"]["flips"] for row in rows],
            "certified": [_is_certified(row) for row in rows],
            "changed sentence": [row["perturbed"] for row in rows],
            "reason": [row["reason"] for row in rows],
        }
    )


def trace_table(trace: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A row a text that the model was asked about: which words were other, and the label's probability then."""
    return pd.DataFrame(
        {
            "": range(1, 1 + len(trace)),
            "query": [changes(row["words"]) or "original sentence" for row in trace],
            "P(label)": [row["probability"] for row in trace],
        }
    )


def _sure(row: Mapping[str, Any], when: str, key: str) -> float | None:
    """The probability of the sentence's label; None for a sentence that could not be attacked."""
    return row[when][key][row["label_class"]] if row[when][key] else None


def _is_certified(row: Mapping[str, Any]) -> bool | None:
    proof = row.get("certificate")
    return None if proof is None else proof["certified"]


def standing(result: Mapping[str, Any]) -> str:
    """The verdict on a sentence: one that the attack leaves, but a single swap flips, does not hold."""
    outcome, flips = result["outcome"], (result["one_swap"] or {}).get("flips")
    return "a swap flips it" if withstands(outcome) and not holds(outcome, flips) else outcome


def _ask_meaning(result: Mapping[str, Any], run: str, model: str) -> None:
    """Whether the changed sentence still means the same: only a person can say, and it is kept with the run."""
    marks = state.store().marks(state.store().run(run)["id"])
    flip = (model, result["original"], result["perturbed"])
    known = {(mark["student"], mark["original"], mark["perturbed"]): mark["kept"] for mark in marks}
    said = known.get(flip)
    answer = st.segmented_control(
        "Does the changed sentence still mean the same?",
        MEANINGS,
        default=None if said is None else MEANINGS[0 if said else 1],
        key=f"meaning.{hash(flip)}",
        help="A flip that changes the meaning proves nothing about robustness. Your answer is saved with the run.",
    )
    if answer is not None and (answer == MEANINGS[0]) != said:
        actions.mark(run, model, result["recipe"], *flip[1:], answer == MEANINGS[0])
        st.rerun()
    if marks:
        kept = sum(mark["kept"] for mark in marks)
        st.caption(
            f"Your verdicts in this run so far: {kept} of {formats.plural(len(marks), 'flip')} kept the meaning."
        )


def verdict(result: Mapping[str, Any], classes: Sequence[str]) -> None:
    nothing = result["outcome"] == "held" and result["one_swap"] and not result["one_swap"]["asked"]
    kind, icon, text = VERDICTS["not attackable" if nothing else standing(result)]
    swaps = result["one_swap"] or {"asked": 0, "flips": 0}
    changed = sum(word["op"] != "same" for word in result["words"])
    said = text.format(changes=formats.plural(changed, "changed word"), reason=state.plain(result["reason"]), **swaps)
    banner = {"error": st.error, "success": st.success, "warning": st.warning}[kind]
    if result["outcome"] == "failed":
        banner(said, icon=icon)
        return
    before, after = (_class(result[when]["class"], classes) for when in ("before", "after"))
    turn = f"Prediction: **{before}**" + (f" → **{after}**." if before != after else ".")
    right = f" Label:  **{state.plain(result['label'])}**." if result["outcome"] == "already wrong" else ""
    banner(f"{said} {turn}{right} {formats.plural(result['queries'], 'query', 'queries')}.", icon=icon)
    notes = []
    if result["raw_outcome"]:
        notes.append(f"On raw logits: {result['raw_outcome']}.")
    if swaps["asked"]:
        notes.append(f"Single swaps that flip it: {swaps['flips']} of {swaps['asked']}.")
    if notes:
        st.caption(" ".join(notes), help=glossary.of("raw", "one swap"))
    if proof := result.get("certificate"):
        _certificate(proof)


def _certificate(proof: Mapping[str, Any]) -> None:
    """What can be proved of a sentence, and how far each of its words can move the margin."""
    if proof["refuted"]:
        st.error(state.plain(proof["says"]), icon=":material/bug_report:")
        return
    icon = ":material/verified:" if proof["certified"] else ":material/shield_question:"
    st.caption(f"{icon} {state.plain(proof['says'])}.", help=glossary.GLOSSARY["certificate"])
    table = moves_table(proof["moves"])
    if len(table):
        with st.expander("How much each word can reduce the margin", icon=":material/balance:"):
            config = {
                "margin loss": st.column_config.NumberColumn(
                    format="%.2f", help="Largest reduction of the margin, in logits."
                )
            }
            st.dataframe(table, hide_index=True, column_config=config)


def moves_table(moves: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A row a word that some swap takes margin from, those that move furthest first."""
    rows = sorted((move for move in moves if move["swap"]), key=lambda move: -move["loss"])
    return pd.DataFrame(
        {
            "word": [move["word"] for move in rows],
            "worst swap": [move["swap"] for move in rows],
            "margin loss": [move["loss"] for move in rows],
        }
    )


def _class(number: int, classes: Sequence[str]) -> str:
    return state.plain(classes[number] if 0 <= number < len(classes) else number)
