"""Every command: its help, its JSON, and what a user can mend said without a traceback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from rosearch_engine.cli import app
from rosearch_engine.runs.process import state
from rosearch_engine.store import Store
from tests.conftest import Answer, Workshop, rosearch

CLICK: Any = typer.main.get_command(app)


def commands(group: Any, before: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Every command that is not hidden, by the words that call it."""
    found: dict[tuple[str, ...], Any] = {}
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            found |= commands(command, (*before, name))
        elif not command.hidden:
            found[*before, name] = command
    return found


COMMANDS = commands(CLICK)


@pytest.fixture
def ready_home(home: Path, made_workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home beside which the attacks' resources are found."""
    monkeypatch.setenv("NLTK_DATA", made_workshop.nltk_data)
    return home


def refused(answer: Answer, *words: str) -> None:
    assert answer.code == 2, answer.out + answer.err
    assert "Traceback" not in answer.err + answer.out
    for word in words:
        assert word in answer.err + answer.out


def test_the_commands_there_are() -> None:
    promised = {"fetch", "doctor", "search", "resume", "status", "stop", "report", "attack", "rescore", "export"}
    assert {(name,) for name in promised} | {("bench", "attack")} <= set(COMMANDS)
    answer = rosearch("--help")
    assert answer.code == 0
    assert all(words[0] in answer.out for words in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(command: tuple[str, ...]) -> None:
    answer = rosearch(*command, "--help")
    assert answer.code == 0
    assert "Usage" in answer.out
    assert "--json" in answer.out
    click = COMMANDS[command]
    assert click.help
    for parameter in click.params:
        if parameter.name != "help":
            assert getattr(parameter, "help", None), f"{command} {parameter.name}"


def test_doctor_tells_what_is_here(workshop) -> None:
    said = rosearch("doctor", "--json").json
    assert said["home"] == str(workshop.home)
    ready = {row["name"]: row["ready"] for row in said["resources"]}
    assert ready["stopwords"]
    assert ready["wordnet"]
    for row in said["resources"]:
        assert row["command"] == f"python -m rosearch_engine fetch {row['name']}"
        assert row["what"]
        assert row["enables"]
    assert {row["name"]: row["ready"] for row in said["recipes"]}["pwws"]
    assert "stopwords" in rosearch("doctor").out


def test_fetch_leaves_alone_what_is_here(workshop) -> None:
    said = rosearch("fetch", "stopwords", "wordnet", "--json")
    assert said.code == 0
    assert [row["ready"] for row in said.json] == [True, True]
    refused(rosearch("fetch", "wordnett"), "wordnett", "wordnet")


def test_report_lists_all_that_was_measured(calm: str) -> None:
    said = rosearch("report", calm, "--json").json
    assert said["run"] == calm
    assert said["state"] == "finished"
    assert said["config"]["search"]["candidates"] == 5
    students = said["students"]
    assert len(students) == 7  # five, one plain chain and the bag of words
    assert len({student["digest"] for student in students}) == 7
    for student in students:
        assert student["status"] == "done"
        assert student["weights"] > student["encoder_weights"] > 0 or student["encoder_weights"] == 0
        assert student["compression"] == pytest.approx(said["teacher"]["weights"] / student["weights"])
        for share in ("accuracy", "robustness"):
            low, high = student[f"{share}_interval"]
            assert 0 <= low <= student[share] <= high <= 1
        assert student["attacked"] == 12
        assert student["robustness"] == pytest.approx(student["held"] / 12)
        assert student["mean_queries"] > 0
        assert {"genome", "success_rate", "front", "features", "weights_sha256"} <= set(student)
    assert students[0]["origin"] == "bag"
    assert any(student["front"] for student in students)
    assert said["teacher"]["robustness"] is not None
    assert said["protocol"]["recipe"] == "pwws"
    text = rosearch("report", calm)
    assert text.code == 0
    assert "s0006" in text.out


def test_status_of_one_and_of_all(calm: str) -> None:
    one = rosearch("status", calm, "--json").json
    assert (one["run"], one["state"], one["students"]) == (calm, "finished", 7)
    assert calm in [row["run"] for row in rosearch("status", "--json").json]
    assert "finished" in rosearch("status").out


def test_status_where_nothing_is_yet(home: Path) -> None:
    assert rosearch("status", "--json").json == []
    assert "No runs yet" in rosearch("status").out


def test_attack_with_a_sentence_of_ones_own(calm: str) -> None:
    sentence = "a charming and often funny film"
    answer = rosearch("attack", f"{calm}/s0001", "--text", sentence, "--recipe", "pwws", "--json")
    assert answer.code == 0, answer.err
    row = answer.json["sentences"][0]
    assert row["original"] == sentence
    assert row["outcome"] in ("fooled", "held")
    assert row["label"] == row["before"]["name"]
    assert " ".join(word["before"] for word in row["words"]) == sentence
    assert sum(row["before"]["probabilities"]) == pytest.approx(1.0)
    assert answer.json["summary"]["attacked"] == 1
    assert rosearch("attack", f"{calm}/teacher", "--text", sentence, "--json").code == 0
    text = rosearch("attack", f"{calm}/s0001", "--text", sentence)
    assert text.code == 0
    assert sentence in text.out


def test_attack_with_files(calm: str, workshop, tmp_path: Path) -> None:
    lines = tmp_path / "lines.txt"
    lines.write_text("a fine film with heart\n\na dull and noisy thing\nשלום 🎬\n", encoding="utf-8")
    answer = rosearch("attack", f"{calm}/s0001", "--file", str(lines), "--json")
    assert answer.json["summary"]["attacked"] == 3
    table = rosearch("attack", f"{calm}/s0001", "--file", str(workshop.data), "--n", "9", "--recipe", "deepwordbug")
    assert table.code == 0
    assert "of 9 sentences hold" in table.out


def test_the_same_sentences_cost_a_student_what_the_search_measured(calm: str, tmp_path: Path) -> None:
    """`attack` on the run's own attack set finds what the search found."""
    store = Store.read()
    student = store.student(store.run(calm)["id"], "s0001")
    assert student["status"] == "done"
    examples, dataset = store.examples(student["measurement_id"]), store.run(calm)["dataset"]
    assert dataset is not None
    classes = dataset["classes"]
    rows = [{"text": e["before"]["text"], "label": classes[e["label"]]} for e in examples]
    file = tmp_path / "set.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    said = rosearch("attack", f"{calm}/s0001", "--file", str(file), "--recipe", "pwws", "--json").json
    assert [row["outcome"] for row in said["sentences"]] == [e["outcome"] for e in examples]
    assert [row["queries"] for row in said["sentences"]] == [e["queries"] for e in examples]
    assert said["summary"]["robustness"] == student["robustness"]


def test_export_and_its_json(calm: str, tmp_path: Path) -> None:
    answer = rosearch("export", f"{calm}/s0001", "--to", str(tmp_path / "out"), "--json")
    assert answer.json == {"folder": str(tmp_path / "out"), "run": calm, "student": "s0001", "forms": []}
    assert (tmp_path / "out" / "model.safetensors").exists()
    refused(rosearch("export", f"{calm}/s0001", "--to", str(tmp_path / "out")), "not empty")


MISTAKES = {
    "no such setting": (["search", "--set", "search.candidate=3"], "search.candidates"),
    "setting out of range": (["search", "--set", "attack.sentences=1"], "attack.sentences"),
    "no such preset": (["search", "--preset", "quick"], "demo"),
    "no config file": (["search", "--config", "none.json"], "none.json"),
    "name no folder can have": (["search", "--run", "a/b"], "not a valid run name"),
    "no such data": (["search", "--set", "data.name=./none.csv"], "data.name"),
    "no such run": (["report", "none"], "no run 'none'"),
    "nothing to stop": (["stop", "none"], "no run 'none'"),
    "nothing to resume": (["resume", "none"], "no run 'none'"),
    "status of nothing": (["status", "none"], "no run 'none'"),
    "no student named": (["attack", "calm", "--text", "x"], "RUN/STUDENT"),
    "neither text nor file": (["attack", "calm/s0001"], "--text"),
    "both text and file": (["attack", "calm/s0001", "--text", "x", "--file", "y"], "--text"),
    "export of nothing": (["export", "none/s0001", "--to", "out"], "no run 'none'"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_without_a_traceback(
    mistake: str, ready_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ready_home)
    arguments, word = MISTAKES[mistake]
    refused(rosearch(*arguments), word)
    monkeypatch.setenv("ROSEARCH_HOME", str(ready_home / "another"))
    answer = rosearch(*arguments, "--json")
    refused(answer, word)
    assert set(answer.json["error"]) == {"field", "problem", "remedy"}


ATTACK_MISTAKES = {
    "no such student": (["calm/s9999", "--text", "x"], "s9999"),
    "no such recipe": (["calm/s0001", "--text", "x", "--recipe", "textfoolery"], "pwws"),
    "empty text": (["calm/s0001", "--text", "  "], "empty"),
    "a pair for a single": (["calm/s0001", "--text", "x", "--pair", "y"], "omit --pair"),
    "no such file": (["calm/s0001", "--file", "none.csv"], "none.csv"),
    "no such text file": (["calm/s0001", "--file", "none.txt"], "none.txt"),
    "empty file": (["calm/s0001", "--file", "empty.txt"], "no sentence"),
    "labels unknown": (["calm/s0001", "--file", "strange.csv"], "not one of the classes"),
}


@pytest.mark.parametrize("mistake", ATTACK_MISTAKES)
def test_a_mistaken_attack_is_named(mistake: str, calm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.txt").write_text("\n \n")
    Path("strange.csv").write_text("text,label\na fine film,lovely\na dull film,horrid\n")
    arguments, word = ATTACK_MISTAKES[mistake]
    refused(rosearch("attack", *arguments), word)


def test_a_taken_name_and_a_finished_run_are_refused(calm: str, workshop: Workshop) -> None:
    settings = [part for setting in workshop.settings for part in ("--set", setting)]
    refused(rosearch("search", "--run", calm, *settings), "taken")
    refused(rosearch("search", "--run", calm, "--detach", *settings), "taken")
    refused(rosearch("resume", calm), "finished")
    refused(rosearch("resume", calm, "--detach"), "finished")
    refused(rosearch("stop", calm), "not running")
    assert state(Store.read().run(calm)) == "finished"


def test_a_damaged_database_is_named(ready_home: Path) -> None:
    (ready_home / "rosearch.db").write_bytes(b"x" * 5000)
    for command in (["status"], ["report", "a"], ["resume", "a"], ["attack", "a/b", "--text", "x"]):
        refused(rosearch(*command), "database", "move rosearch.db away")


def test_a_database_damaged_inside_is_named(calm: str, workshop, tmp_path: Path, monkeypatch) -> None:
    """Its first page is whole, so it opens; the rest is not."""
    content = bytearray((workshop.home / "rosearch.db").read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    (tmp_path / "rosearch.db").write_bytes(content)
    monkeypatch.setenv("ROSEARCH_HOME", str(tmp_path))
    refused(rosearch("report", calm), "database")
    refused(rosearch("status"), "database")


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ROSEARCH_HOME", str(tmp_path / "file" / "home"))
    monkeypatch.delenv("ROSEARCH_STORE", raising=False)
    refused(rosearch("fetch", "stopwords"), "ROSEARCH_HOME")
