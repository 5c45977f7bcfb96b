"""Pieces that several screens share: the state badge, a student's card, tables, what to say where nothing is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app import state, words
from rosearch_engine.attack.recipes.catalogue import RECIPES
from rosearch_engine.objectives import counts
from rosearch_engine.runs import process
from rosearch_engine.store.models import CHAIN

Row = Mapping[str, Any]


def sidebar() -> None:
    """The run, its true state, and the student, on every page."""
    runs = state.runs()
    names = [row["name"] for row in runs]
    if not names:
        st.caption("No run yet. Start one on the Search page.")
        return
    own_first = sorted(runs, key=lambda row: row["recorded"])
    worth_seeing = (row["name"] for row in own_first if row["students"] or process.state(row) in process.ALIVE)
    _default("run", names, next(worth_seeing, names[0]), f"There is no run called '{st.query_params.get('run')}' here.")
    st.selectbox("Run", names, index=None, key="run", bind="query-params", on_change=_forget_student)
    run = state.run()
    if run is None:
        return
    with st.container():
        st.fragment(_live_badge, run_every=5 if process.state(run) in process.ALIVE else None)(run["name"])
    rows = state.measured(state.students(run))
    if not rows:
        st.caption("No student measured yet.")
        return
    known = [row["name"] for row in rows]
    best = next((row["name"] for row in rows if row["knee"]), known[0])
    _default("student", known, best, f"Run '{run['name']}' has no measured student of that name.")
    help_text = "The student whose architecture is drawn and which is attacked. First shown: the knee of the front."
    st.selectbox("Student", known, index=None, key="student", bind="query-params", help=help_text)
    student = state.student()
    if student is not None:
        st.caption(words.summary(student) + (" · **on the front**" if student["front"] else ""))


def _default(name: str, known: Sequence[str], fallback: str, problem: str) -> None:
    """Give a picker a value that exists; say so when a link asks for one that does not."""
    if name in st.session_state:
        gone = st.session_state[name]
        if gone not in known:
            st.session_state[name] = fallback
            if gone is not None:
                st.toast(f"{state.plain(gone)} is gone. Showing {state.plain(fallback)}.", icon=":material/info:")
        return
    asked = st.query_params.get(name)
    if asked and asked not in known:
        st.warning(f"{state.plain(problem)} Showing {state.plain(fallback)}.", icon=":material/info:")
    if asked not in known:
        # Written out, so that a copied link goes on showing this view when newer runs have come.
        st.query_params[name] = asked = fallback
    st.session_state[name] = asked


def _forget_student() -> None:
    st.session_state["student"] = None


def _live_badge(name: str) -> None:
    run = state.find(name)
    if run is None:
        st.rerun()
    now = process.state(run)
    badge(now, run)
    # The page was drawn for what held then: draw it anew once the search has ended or has its first student.
    seen = (name, now in process.ALIVE, bool(state.measured(state.students(run))))
    before, st.session_state["badge"] = st.session_state.get("badge", seen), seen
    if before[0] == name and before != seen:
        st.rerun()


def badge(now: str, run: Row) -> None:
    colour, icon, help_text = words.STATES[now]
    if now == "recorded" and run["provenance"]:
        help_text = f"{help_text} {state.plain(words.recorded(run['provenance']))}"
    st.badge(now, icon=icon, color=colour, help=help_text)  # type: ignore[arg-type]


def empty(title: str, text: str) -> None:
    """What a screen says where there is nothing to show, and the way on."""
    run = state.run()
    alive = run is not None and process.state(run) in process.ALIVE
    with st.container(border=True):
        st.subheader(title, anchor=False)
        st.write(text)
        if alive:
            st.write("The search in hand is at work: this page fills with its first student.")
        label = "Watch the search" if alive else "Start a search"
        if st.button(label, type="primary", icon=":material/arrow_forward:", key="empty.search"):
            state.go("search")


def student_card(student: Row, teacher: Row | None) -> None:
    """A student's numbers, beside the teacher's, and the ways on."""
    known = words.GLOSSARY
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(student["name"], anchor=False, width="content")
        if student["front"]:
            st.badge("front", color="blue", help=known["front"])
        if student["knee"]:
            st.badge("knee", color="orange", help=known["knee"])
        if not counts(student):
            st.badge("too weak to count", color="red", help=known["floor"])
        if student["origin"] == CHAIN:
            st.badge("plain chain", color="gray", help=known["chain"])
    with st.container(horizontal=True):
        _metric("Clean", student, teacher, "accuracy", known["clean accuracy"])
        _metric("After attack", student, teacher, "robustness", known["after attack"])
    low = words.interval(student["robustness_interval"])
    beside = "Arrows: points beside the teacher. " if teacher else ""
    st.caption(f"{beside}After attack: {low} with 95% confidence, n = {student['attacked']}.")
    _held_out(student)
    facts = {
        "Smaller than the teacher": (words.times(student["compression"]), known["compression"]),
        "Encoder alone": (words.times(student["encoder_compression"]), known["encoder compression"]),
        "Weights": (words.count(student["weights"]), known["weights"]),
        "Latency": (f"{student['latency_ms']:.1f} ms", known["latency"]),
        "After the attack alone": (_share(student, "calibrated_held"), known["calibrated"]),
        "The same on raw logits": (_share(student, "raw_held"), known["raw"]),
        "No single swap flips": (_share(student, "one_swap_held"), known["one swap"]),
        "Attacks that succeed": (words.percent(student["success_rate"], 0), known["success rate"]),
        "Queries a sentence": (f"{student['mean_queries']:.0f}", known["mean queries"]),
    }
    with st.container(gap="xxsmall"):
        for name, (value, help_text) in facts.items():
            _fact(name, value, help_text)


def _held_out(student: Row) -> None:
    """What sentences that no search saw said of it, if it was attacked again."""
    run = state.run()
    again = state.rescored(run).get(student["name"]) if run else None
    if again and again["union"]:
        union = again["union"]
        with st.container(gap="xxsmall"):
            _fact("Held out, all attacks", words.percent(union["robustness"]), words.GLOSSARY["union"])
            bounds = words.interval(union["interval"])
            st.caption(
                f"{bounds} with 95% confidence, n = {union['attacked']}: {', '.join(map(title, union['recipes']))}."
            )
    for name, found in (again["recipes"] if again else {}).items():
        trainings = words.plural(len(found["by_seed"]), "training")
        with st.container(gap="xxsmall"):
            _fact(f"Held out, {title(name)}", words.percent(found["robustness"]), words.GLOSSARY["held out"])
            bounds = words.interval(found["interval"])
            st.caption(f"{bounds} with 95% confidence, n = {found['attacked']}, {trainings}.")


def _fact(name: str, value: str, help_text: str) -> None:
    """A line with its value at the right; a long name breaks, the value does not."""
    with st.container(horizontal=True, wrap=False, gap="small"):
        st.markdown(name, help=help_text, width="stretch")
        st.markdown(f"**{value}**", width="content")


def _share(student: Row, held: str) -> str:
    return "not asked" if student[held] is None else words.percent(student[held] / student["attacked"], 0)


def _metric(label: str, student: Row, teacher: Row | None, key: str, help_text: str) -> None:
    st.metric(
        label,
        words.percent(student[key]),
        f"{100 * (student[key] - teacher[key]):+.1f}" if teacher else None,
        help=help_text,
        border=True,
    )


def ways_on(skip: str = "") -> None:
    """Buttons from a student to the other screens."""
    for page, label, icon in (
        ("architecture", "See its architecture", ":material/account_tree:"),
        ("attack", "Attack it", ":material/bolt:"),
        ("export", "Take it away", ":material/inventory_2:"),
        ("front", "Back to the front", ":material/scatter_plot:"),
    ):
        main = page != skip and not (skip == "" and page == "front")
        if main and st.button(label, icon=icon, width="stretch", key=f"on.{page}"):
            state.go(page)


def student_table(rows: Sequence[Row], ordered: bool = True) -> pd.DataFrame:
    """Measured students as a table, if `ordered` the front first, then those that hold most."""
    if ordered:
        rows = sorted(rows, key=lambda row: (not row["front"], -row["robustness"], -row["accuracy"]))
    return pd.DataFrame(
        {
            "student": [row["name"] for row in rows],
            "front": [row["front"] for row in rows],
            "clean accuracy": [100 * row["accuracy"] for row in rows],
            "after attack": [100 * row["robustness"] for row in rows],
            "low": [100 * row["robustness_interval"][0] for row in rows],
            "high": [100 * row["robustness_interval"][1] for row in rows],
            "attacked": [row["attacked"] for row in rows],
            "attack alone": [_points(row, "calibrated_held") for row in rows],
            "raw logits": [_points(row, "raw_held") for row in rows],
            "no single swap": [_points(row, "one_swap_held") for row in rows],
            "times smaller": [row["compression"] for row in rows],
            "encoder times smaller": [row["encoder_compression"] for row in rows],
            "weights": [row["weights"] for row in rows],
            "latency ms": [row["latency_ms"] for row in rows],
            "success rate": [None if row["success_rate"] is None else 100 * row["success_rate"] for row in rows],
            "queries": [row["mean_queries"] for row in rows],
            "origin": [row["origin"] for row in rows],
            "digest": [row["digest"] for row in rows],
        }
    )


def _points(row: Row, held: str) -> float | None:
    return None if row[held] is None else 100 * row[held] / row["attacked"]


def student_columns() -> dict[str, Any]:
    """How the columns of `student_table` are shown."""
    known, number = words.GLOSSARY, st.column_config.NumberColumn
    return {
        "student": st.column_config.TextColumn(pinned=True, help=known["student"]),
        "front": st.column_config.CheckboxColumn(help=known["front"]),
        "clean accuracy": number(format="%.1f%%", help=known["clean accuracy"]),
        "after attack": st.column_config.ProgressColumn(
            format="%.1f%%", min_value=0, max_value=100, help=known["after attack"]
        ),
        "low": number("from", format="%.0f%%", help="Lower end of the 95% interval of the after-attack accuracy."),
        "high": number("to", format="%.0f%%", help="Upper end of the 95% interval of the after-attack accuracy."),
        "attacked": number("n", help="Sentences attacked."),
        "attack alone": number(format="%.0f%%", help=known["calibrated"]),
        "raw logits": number(format="%.0f%%", help=known["raw"]),
        "no single swap": number(format="%.0f%%", help=known["one swap"]),
        "times smaller": number(format="%.1f×", help=known["compression"]),
        "encoder times smaller": number("encoder", format="%.1f×", help=known["encoder compression"]),
        "weights": number(format="compact", help=known["weights"]),
        "latency ms": number("latency", format="%.1f ms", help=known["latency"]),
        "success rate": number(format="%.0f%%", help=known["success rate"]),
        "queries": number(format="%.0f", help=known["mean queries"]),
        "origin": st.column_config.TextColumn(help=known["origin"]),
        "digest": st.column_config.TextColumn(help=known["digest"]),
    }


def filtered(rows: Sequence[Row]) -> list[Row]:
    """The students that pass the filter that the reader sets; those that were not measured stay out of its way."""
    done = [row for row in rows if row["status"] == "done"]
    codes = sorted({row["genome"].get("code", "plain") for row in done})
    with st.popover("Filter", icon=":material/filter_alt:"):
        known = words.GLOSSARY
        accurate = st.slider(
            "Clean accuracy, at least (%)", 0, 100, 0, key="filter.accuracy", help=known["clean accuracy"]
        )
        robust = st.slider("After attack, at least (%)", 0, 100, 0, key="filter.robustness", help=known["after attack"])
        small = st.slider("Times smaller, at least", 1, 50, 1, key="filter.compression", help=known["compression"])
        read = st.pills("Words read by", codes, selection_mode="multi", key="filter.code") if len(codes) > 1 else []

    def passes(row: Row) -> bool:
        return (
            100 * row["accuracy"] >= accurate
            and 100 * row["robustness"] >= robust
            and row["compression"] >= small
            and (not read or row["genome"].get("code", "plain") in read)
        )

    return [row for row in rows if row["status"] != "done" or passes(row)]


def pick_from(table: pd.DataFrame) -> None:
    """The table of students, the one in hand selected; a click on a row takes that one in hand."""
    names = list(table["student"])
    st.session_state["table_names"] = names
    picked = st.session_state.get("student")
    # Drawn anew only when the student was picked elsewhere, so that a click keeps the table's scroll.
    if picked != st.session_state.get("clicked_row"):
        st.session_state["table_turn"] = st.session_state.get("table_turn", 0) + 1
        st.session_state["clicked_row"] = picked if picked in names else None
    rows = [names.index(picked)] if picked in names else []
    st.dataframe(
        table,
        column_config=student_columns(),
        hide_index=True,
        height=table_height(len(names)),
        key=state.table_key(),
        on_select="rerun",
        selection_mode="single-row",
        selection_default={"selection": {"rows": rows}},
    )


def downloads(table: pd.DataFrame, figure: go.Figure, name: str) -> None:
    """A table and its chart to take away. The chart's own menu has its picture."""
    with st.container(horizontal=True):
        for title, make, file, kind in (
            ("Table (CSV)", lambda: table.to_csv(index=False), f"{name}.csv", "text/csv"),
            ("Chart (HTML)", lambda: figure.to_html(include_plotlyjs=True), f"{name}.html", "text/html"),
        ):
            st.download_button(title, make, file, kind, icon=":material/download:", on_click="ignore")


def table_height(rows: int, most: int = 320) -> int:
    """Pixels for a table that shows its rows and no empty ones."""
    return min(most, 38 + 35 * rows)


def pick_run(runs: Sequence[Row]) -> None:
    """The table of runs; a click on a row takes that run in hand."""
    st.session_state["run_names"] = [row["name"] for row in runs]
    st.dataframe(
        run_table(runs),
        hide_index=True,
        key=state.RUNS,
        on_select="rerun",
        selection_mode="single-row",
        column_config=run_columns(),
    )


def run_columns() -> dict[str, Any]:
    """Help for the columns of `run_table`."""
    known = words.GLOSSARY
    return {
        name: st.column_config.Column(help=text)
        for name, text in {
            "run": "The run's name, as the command line knows it too.",
            "state": "What its search process does, as it was last heard of.",
            "students": "Students measured.",
            "of": "Students the run is to measure.",
            "data": "The sentences it learns and is attacked on.",
            "teacher": known["teacher"],
            "attack": "The attack that every student must withstand.",
            "started": "When it was started.",
            "worked": "How long its search process was at work, all starts together.",
        }.items()
    }


def run_table(runs: Sequence[Row]) -> pd.DataFrame:
    """All runs with their true state."""
    return pd.DataFrame(
        {
            "run": [row["name"] for row in runs],
            "state": [process.state(dict(row)) for row in runs],
            "students": [row["students"] for row in runs],
            "of": [words.planned(row["config"]) for row in runs],
            "data": [(row["dataset"] or row["config"]["data"])["name"] for row in runs],
            "teacher": [row["config"]["teacher"]["name"] for row in runs],
            "attack": [recipe(row["config"]) for row in runs],
            "started": [words.ago(row["created"]) for row in runs],
            "worked": [words.duration(row["active_seconds"]) if row["active_seconds"] else "–" for row in runs],
        }
    )


def recipe(config: Mapping[str, Any]) -> str:
    """A run's attack, by its title."""
    return title(config["attack"]["recipe"])


def title(recipe: str) -> str:
    return RECIPES[recipe].title if recipe in RECIPES else recipe


def about(run: Row, rows: Sequence[Row]) -> str:
    """A run in one line."""
    done = [row for row in rows if row["status"] == "done"]
    failed, pruned = (sum(row["status"] == how for row in rows) for how in ("failed", "pruned"))
    config = run["config"]
    parts = [
        f"{'Recorded run' if run['recorded'] else 'Run'} **{state.plain(run['name'])}**",
        words.plural(len(done), "student") + " measured",
        f"{sum(row['front'] for row in done)} on the front",
        f"{failed} failed" if failed else "",
        f"{pruned} stopped early" if pruned else "",
        f"{state.plain((run['dataset'] or config['data'])['name'])}",
        f"attacked with {state.plain(recipe(config))}, {config['attack']['sentences']} sentences each",
    ]
    return " · ".join(part for part in parts if part)
