"""The warm attack process and its client: an attack, a stop, a death, and life after it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from rosearch_engine.data.own import Sentence
from rosearch_engine.live.client import AttackWorker, Job
from rosearch_engine.store import Store

PATIENCE = 600.0  # against a hang only


@pytest.fixture(scope="module")
def worker() -> Iterator[AttackWorker]:
    one = AttackWorker()
    yield one
    one.close()


def ended(job: Job) -> Job:
    assert job.finished.wait(PATIENCE), (job.state, job.note)
    return job


def attack(worker: AttackWorker, run: str, text: str, **options: Any) -> Job:
    return worker.submit(run, options.pop("student", "s0001"), options.pop("recipe", "pwws"), text, **options)


def test_a_worker_that_dies_fails_its_jobs_and_starts_again(worker: AttackWorker, calm: str) -> None:
    """Killed while it warms, so that only one process has to load TextAttack to the end."""
    assert str(worker.state) == "idle"
    job = attack(worker, calm, "a fine film")
    assert (str(worker.state), str(job.state)) == ("starting", "waiting")
    process = worker._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    ended(job)
    assert job.state == "failed"
    assert job.error is not None
    assert job.error["remedy"]
    process.wait()
    assert str(worker.state) == "dead"

    again = ended(attack(worker, calm, "a fine film"))
    assert again.state == "done", again.error
    assert worker.state == "ready"
    assert worker._process is not process


def test_an_attack_is_told_in_full(worker: AttackWorker, calm: str) -> None:
    text = "a charming and often funny film that never grows dull"
    job = ended(attack(worker, calm, text))
    assert job.state == "done", job.error
    result = job.result
    assert result is not None
    assert result["outcome"] in ("fooled", "held")
    assert result["original"] == text
    assert " ".join(word["before"] for word in result["words"]) == text
    assert (result["outcome"] == "fooled") == (result["after"]["class"] != result["before"]["class"])
    assert result["label"] == result["before"]["name"]
    assert result["raw_outcome"] in ("fooled", "held")
    assert result["one_swap"]["asked"] > 0
    assert sum(result["before"]["raw"]) == pytest.approx(1.0)
    assert sum(result["after"]["probabilities"]) == pytest.approx(1.0)
    assert result["queries"] == job.queries >= len(result["trace"]) > 1  # a text that comes again is asked for once
    asked = result["trace"]
    assert asked[0]["words"] == []
    assert asked[0]["probability"] == pytest.approx(result["before"]["probabilities"][result["label_class"]])
    assert all({one["before"] for one in row["words"]} <= set(text.split()) for row in asked[1:])
    assert min(row["probability"] for row in asked) == pytest.approx(
        min(result[when]["probabilities"][result["label_class"]] for when in ("before", "after")), abs=1e-3
    )
    assert [word["word"] for word in result["importance"]] == text.split(), "stop words are weighed too"
    assert [option["index"] for option in result["options"]] == sorted(
        {option["index"] for option in result["options"]}
    )
    assert all(text.split()[option["index"]] == option["word"] for option in result["options"])
    assert result["length"] == len(text.split()) > len(result["options"]) > 0
    assert result["english"] == {"known": 10, "words": 10, "looks_english": True}
    assert job.about == {name: result[name] for name in ("importance", "options", "length", "english")}
    fell = [chance for _, chance in result["lowest"]]
    assert fell == sorted(fell, reverse=True)
    assert fell[-1] == pytest.approx(min(row["probability"] for row in asked))
    assert (result["run"], result["student"], result["recipe"]) == (calm, "s0001", "pwws")


def test_without_a_word_the_model_says_what_its_importance_tells(worker: AttackWorker, calm: str) -> None:
    text = "a charming film that never grows dull"
    result = ended(attack(worker, calm, text)).result
    assert result is not None
    answers = ended(worker.ask(calm, "s0001", [text, text.replace("charming ", "")])).answers
    label = result["label_class"]
    whole, without = (answer["probabilities"][label] for answer in answers)
    assert answers[0]["name"] == result["before"]["name"]
    assert result["importance"][1]["score"] == pytest.approx(whole - without, abs=1e-6)


def test_with_the_right_answer_given_a_wrong_model_is_told_as_wrong(worker: AttackWorker, calm: str) -> None:
    text = "a charming film that never grows dull"
    said = ended(worker.ask(calm, "s0001", [text])).answers[0]["class"]
    right, wrong = (ended(attack(worker, calm, text, label=str(label))).result for label in (said, 1 - said))
    assert right is not None
    assert wrong is not None
    assert right["outcome"] in ("fooled", "held")
    assert (wrong["outcome"], wrong["label_class"]) == ("already wrong", 1 - said)


@pytest.mark.parametrize(
    ("text", "looks_english"),
    [("die Schauspieler waren ganz wunderbar und der Film war großartig", False), ("a fine film", True), ("🎬", True)],
)
def test_a_text_that_is_not_english_is_told(worker: AttackWorker, calm: str, text: str, looks_english: bool) -> None:
    result = ended(attack(worker, calm, text)).result
    assert result is not None
    assert result["english"]["looks_english"] == looks_english


def test_a_question_that_is_too_long_is_refused(worker: AttackWorker, calm: str) -> None:
    job = ended(worker.ask(calm, "s0001", ["fine " * 400]))
    assert job.state == "failed"
    assert job.error is not None
    assert "1,000" in " ".join(job.error.values())


def test_it_finds_what_the_search_found(worker: AttackWorker, calm: str) -> None:
    store = Store.read()
    student = store.student(store.run(calm)["id"], "s0001")
    assert student["status"] == "done"
    rows = [e for e in store.examples(student["measurement_id"]) if e["outcome"] in ("fooled", "held")][:4]
    jobs = [attack(worker, calm, str(row["before"]["text"]), query_budget=2000) for row in rows]
    for row, job in zip(rows, jobs, strict=True):
        result = ended(job).result
        assert result is not None, job.error
        assert (result["outcome"], result["queries"]) == (row["outcome"], row["queries"])
        assert result["perturbed"] == row["after"]["text"]


def test_an_attack_can_be_stopped(worker: AttackWorker, calm: str) -> None:
    """The stop is sent while the job waits behind another one, so that no attack is too quick for it."""
    long = "a truly dreadful and wonderful film about people who talk and talk " * 12
    first = attack(worker, calm, long, query_budget=400)
    job = attack(worker, calm, long, recipe="leap", query_budget=100_000)
    job.stop()
    assert ended(first).state == "done", first.error
    assert ended(job).state == "stopped", job.error
    assert job.queries < 100_000
    assert ended(attack(worker, calm, "a fine film")).state == "done"


def test_an_attack_ends_when_its_seconds_are_over(worker: AttackWorker, calm: str) -> None:
    job = ended(attack(worker, calm, "a truly dreadful film about people who talk " * 20, seconds=0.0))
    assert (job.state, job.late) == ("stopped", True)
    assert job.result is not None
    assert job.result["outcome"] == "out of time"


def labelled(run: str, n: int) -> list[Sentence]:
    """Sentences that the run itself attacked, with their labels."""
    store = Store.read()
    row = store.run(run)
    student = store.student(row["id"], "s0001")
    assert student["status"] == "done"
    assert row["dataset"] is not None
    classes = row["dataset"]["classes"]
    examples = store.examples(student["measurement_id"])[:n]
    return [Sentence(str(e["before"]["text"]), classes[e["label"]]) for e in examples]


def test_a_batch_says_what_the_search_measured(worker: AttackWorker, calm: str) -> None:
    """The same sentences, labels and budget: the same four numbers."""
    store = Store.read()
    student = store.student(store.run(calm)["id"], "s0001")
    job = ended(worker.submit_batch(calm, "s0001", "pwws", labelled(calm, 12), query_budget=2000))
    assert job.state == "done", job.error
    assert sorted(row["sentence"] for row in job.rows) == list(range(12))
    assert job.summary is not None
    assert job.summary["labels"] == "given"
    for number in ("held", "attacked", "calibrated_held", "raw_held", "one_swap_held", "success_rate", "mean_queries"):
        assert job.summary[number] == student[number], number
    assert list(job.summary["robustness_interval"]) == pytest.approx(student["robustness_interval"])


def test_without_labels_a_batch_has_no_accuracy(worker: AttackWorker, calm: str) -> None:
    job = ended(worker.submit_batch(calm, "s0001", "pwws", [Sentence("a fine film"), Sentence("a dull film")]))
    assert job.summary is not None, job.error
    assert job.summary["accuracy"] is None
    assert "own prediction" in job.summary["labels"]
    assert all(row["label"] == row["before"]["name"] for row in job.rows)


def test_a_batch_lets_others_go_first_and_keeps_what_is_done_when_stopped(worker: AttackWorker, calm: str) -> None:
    batch = worker.submit_batch(calm, "s0001", "pwws", labelled(calm, 12) * 4)
    while not batch.rows:
        assert not batch.finished.wait(0.01), batch.error
    behind = attack(worker, calm, "a fine film")
    assert ended(behind).state == "done", behind.error
    assert not batch.finished.is_set(), "the single sentence went between two handfuls"
    batch.stop()
    assert ended(batch).state == "stopped"
    assert 0 < len(batch.rows) < 48
    assert batch.summary is not None
    assert batch.summary["attacked"] == len(batch.rows)
    assert not batch.late


MISTAKES = {
    "empty": ("   ", {}, "empty"),
    "too long": ("fine " * 400, {}, "1,000"),
    "no such run": ("fine", {"run": "none"}, "no run"),
    "no such student": ("fine", {"student": "s9999"}, "s9999"),
    "no such recipe": ("fine", {"recipe": "textfoolery"}, "pwws"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_and_the_worker_lives_on(worker: AttackWorker, calm: str, mistake: str) -> None:
    text, given, word = MISTAKES[mistake]
    options = dict(given)
    job = ended(attack(worker, options.pop("run", calm), text, **options))
    assert job.state == "failed"
    assert job.error is not None
    assert set(job.error) == {"field", "problem", "remedy"}
    assert word in " ".join(job.error.values())
    assert worker.state == "ready"


@pytest.mark.parametrize(
    "text", ["🎬🍿", "סרט נהדר", "it is what it is", "a", "half \ud83d film", 'a "quoted" \\ line\nbreak']
)
def test_any_text_gets_an_answer(worker: AttackWorker, calm: str, text: str) -> None:
    job = ended(attack(worker, calm, text))
    assert job.state in ("done", "failed")
    assert (job.result is None) == (job.state == "failed")
    if job.state == "failed":
        assert job.error is not None
        assert job.error["field"] == "text"
    assert worker.state == "ready"


def test_many_may_ask_at_once(worker: AttackWorker, calm: str) -> None:
    def text(n: int) -> str:
        return f"a fine film number {n}"

    jobs: list[Job] = []
    threads = [
        threading.Thread(target=lambda n=n: jobs.append(attack(worker, calm, text(n), visitor=str(n))))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    texts = {ended(job).result["original"] for job in jobs}  # type: ignore[index]
    assert texts == set(map(text, range(8)))
