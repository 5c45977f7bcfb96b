"""Who may do what: everything that acts asks first, in one place, and what is refused does not happen."""

from __future__ import annotations

import ast
import inspect
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app import access, actions, uploads
from rosearch_engine.config import RunConfig, build
from rosearch_engine.errors import UserError
from rosearch_engine.runs import jobs, process
from rosearch_engine.runs.identity import mark
from rosearch_engine.store import Store
from tests.app.conftest import fill, make_running, open_page
from tests.conftest import ROOT

ENGINE = {
    "process": {"start", "stop", "resume", "remove", "rename", "create", "reopen", "claim_again"},
    "Store": {"write"},
    "annotations": {"annotate"},
    "config": {"from_json"},
    "uploads": {"keep", "remove"},
    "jobs": {"start", "stop"},
}
# Of a live attack's worker, by that name or as what a call returns.
METHODS = {"submit", "submit_batch", "ask"}
# They write, but for no visitor: the recorded run that comes with the program, a checkpoint to take away.
NOT_VISITORS = {"recorded.py", "export.py"}

# As a page has the run: it is not read again before the door.
SEEN: Any = {"id": 1, "name": "demo"}

ACTING: dict[str, Callable[[], Any]] = {
    "start": lambda: actions.start("mine", RunConfig()),
    "stop": lambda: actions.stop("demo"),
    "resume": lambda: actions.resume("demo"),
    "delete": lambda: actions.delete("demo"),
    "upload": lambda: actions.upload("mine.csv", b"text,label\n"),
    "remove_upload": lambda: actions.remove_upload(uploads.Upload(Path("x"), 1, 0.0, ())),
    "mark": lambda: actions.mark("demo", "s0001", "pwws", "a", "b", True),
    "note": lambda: actions.note(SEEN, "s0001", text="a word", tags=["mine"], pinned=True),
    "rename": lambda: actions.rename(SEEN, "other"),
    "start_job": lambda: actions.start_job("demo", "pack", {}),
    "stop_job": lambda: actions.stop_job("demo", "pack"),
    "import_settings": lambda: actions.import_settings('{"search": {"candidates": 20}}'),
}
ATTACKING = {"attack", "attack_batch", "ask"}


@pytest.fixture
def demo(run_id: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """A finished run in an app that is shown to visitors."""
    monkeypatch.setenv("ROSEARCH_MODE", "demo")
    return run_id


def everything(home: Path) -> dict[str, bytes]:
    return {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*") if path.is_file()}


def test_every_action_is_tried_here() -> None:
    public = {
        name for name, one in vars(actions).items() if inspect.isfunction(one) and one.__module__ == "app.actions"
    }
    assert {name for name in public if not name.startswith("_")} == set(ACTING) | ATTACKING


@pytest.mark.parametrize("name", ACTING)
def test_a_demo_refuses_to_act_and_nothing_happens(demo: int, home: Path, name: str) -> None:
    before = everything(home)
    with pytest.raises(UserError, match="in a shared demo") as caught:
        ACTING[name]()
    assert caught.value.field == "access"
    assert everything(home) == before


def test_a_running_search_goes_on_in_a_demo(demo: int) -> None:
    make_running(demo)
    Store.write().update_run(demo, exit=None)
    for name in ("stop", "delete"):
        with pytest.raises(UserError, match="in a shared demo"):
            ACTING[name]()
    assert Store.read().run("demo")["stop_requested"] is None


def _acting_calls(path: Path) -> list[str]:
    """Calls, or mentions, of what acts, in a module."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            of = node.value.id if isinstance(node.value, ast.Name) else ""
            if node.attr in ENGINE.get(of, ()) or (node.attr in METHODS and of in ("", "worker")):
                found.append(f"{of}.{node.attr}")
        elif isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names}
            module = (node.module or "").rpartition(".")[2]
            found += [f"from {module} import {name}" for name in names & ENGINE.get(module, set())]
    return found


@pytest.mark.parametrize(
    "path", sorted([*ROOT.glob("app/**/*.py"), *ROOT.glob("pages/*.py")]), ids=lambda p: str(p.relative_to(ROOT))
)
def test_nothing_but_the_one_door_acts(path: Path) -> None:
    if path.name == "actions.py":
        assert len(_acting_calls(path)) >= len(ACTING)
    elif path.name not in NOT_VISITORS:
        assert _acting_calls(path) == []


def test_every_action_passes_the_check() -> None:
    """In the source: an action's body begins with, or is all within, `access.acting`."""
    tree = ast.parse((ROOT / "app" / "actions.py").read_text(encoding="utf-8"))
    bodies = {node.name: ast.unparse(node) for node in tree.body if isinstance(node, ast.FunctionDef)}
    for name in ACTING:
        assert "access.acting(" in bodies[name]


@pytest.mark.parametrize("mode", ["dmeo", "open", "alone demo"])
def test_a_mode_that_is_none_lets_nobody_in(run_id: int, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    monkeypatch.setenv("ROSEARCH_MODE", mode)
    app = open_page()
    assert not app.exception
    assert "is no mode" in app.error[0].value
    assert not app.title
    for act in ACTING.values():
        with pytest.raises(UserError, match="is no mode"):
            act()


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd", "/nowhere/x.csv", "~/x.csv", "~nobody9/x", "../x", "./README.md", "pages", "app/main.py",
        "x.csv", "C:\\x", "file:///etc/passwd", "a/b/c", "data\0.csv", "x" * 5000,
    ],
)  # fmt: skip
@pytest.mark.parametrize("field", ["data.name", "teacher.name", "distil.extra"])
def test_files_of_the_server_are_refused_alike(
    demo: int, monkeypatch: pytest.MonkeyPatch, field: str, name: str
) -> None:
    """Whether there is such a file is not told."""
    monkeypatch.chdir(ROOT)
    with pytest.raises(UserError, match="not in a folder of this server that may be read") as caught:
        access.require_sources(settings(field, name))
    assert caught.value.field == field
    assert name not in str(caught.value)


def settings(field: str, name: str) -> RunConfig:
    stage, key = field.split(".")
    config = RunConfig()
    return config.model_copy(update={stage: getattr(config, stage).model_copy(update={key: name})})


@pytest.mark.parametrize("name", ["movie-reviews", "ag_news", "glue/sst2", "bert-base-uncased", "org/model-v1.5"])
def test_names_of_the_hub_are_free(demo: int, name: str) -> None:
    access.require_sources(settings("data.name", name))
    access.require_sources(settings("teacher.name", name))


def test_named_folders_are_free_and_links_out_of_them_are_not(
    demo: int, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free, other = tmp_path / "free", tmp_path / "other"
    for folder in (free, other, home / "uploads" / "ab"):
        folder.mkdir(parents=True)
        (folder / "x.csv").write_text("text,label\n")
    (free / "out.csv").symlink_to(other / "x.csv")
    monkeypatch.setenv("ROSEARCH_DATA_FOLDERS", str(free))
    for fine in (free / "x.csv", free, home / "uploads" / "ab" / "x.csv"):
        access.require_sources(settings("data.name", str(fine)))
    for bad in (other / "x.csv", free / "out.csv", free / ".." / "other" / "x.csv", Path(f"{free}2/x.csv")):
        with pytest.raises(UserError, match="may be read"):
            access.require_sources(settings("data.name", str(bad)))


def test_alone_every_file_is_free(run_id: int) -> None:
    access.require_sources(settings("data.name", "/etc/passwd"))
    assert access.shown_source("/home/me/x.csv") == "/home/me/x.csv"


# Pages


def buttons(app: AppTest) -> set[str]:
    return {button.label for button in app.button}


def test_a_visitor_of_a_demo_is_offered_nothing_that_acts(demo: int) -> None:
    store = Store.write()
    paths = {"data": {"name": "/srv/secret/data.csv"}, "teacher": {"name": "/srv/secret/teacher"}}
    config = store.run("demo")["config"]
    store.update_run(demo, config={**config, **{k: config[k] | v for k, v in paths.items()}}, dataset=None)
    for page in ("overview", "search"):
        app = open_page(page)
        assert not app.exception
        assert not buttons(app) & {"Delete", "Stop", "Resume", "Start a search", "Duplicate settings"}
        assert "New search" not in str(app)
        assert not app.get("file_uploader")
        assert "/srv/secret" not in str(app)
        tables = [table.value.to_string() for table in app.dataframe]
        assert "/srv/secret" not in str(tables)
    assert open_page("attack").session_state["run"] == "demo"


def test_a_visitor_of_a_demo_may_not_change_what_is_exported(demo: int) -> None:
    store = Store.write()
    config = store.run("demo")["config"]
    paths = {"data": {"name": "/srv/secret/data.csv"}, "teacher": {"name": "/srv/secret/teacher"}}
    store.update_run(demo, config={**config, **{k: config[k] | v for k, v in paths.items()}}, dataset=None)
    seen = set[str]()
    for view in ("This student", "The run", "Check it again", "Settings"):
        app = open_page("export", export_what=view)
        assert not app.exception
        assert not [field.label for field in (*app.text_input, *app.text_area)]
        assert "/srv/secret" not in str(app)
        seen |= buttons(app)
    assert not seen & {"Pin", "Unpin", "Note and tags", "Rename", "Pack the run", "Re-score", "Replay the attacks"}
    assert not seen & {"Open in the search form"}


def test_alone_one_may(run_id: int) -> None:
    """Else the test before would find nothing whatever the mode."""
    views = ("This student", "The run", "Check it again", "Settings")
    apps = [open_page("export", export_what=view) for view in views]
    labels = {"Pin", "Note and tags", "Rename", "Pack the run", "Re-score", "Replay the attacks"}
    assert labels | {"Open in the search form"} <= set.union(*map(buttons, apps))


def test_alone_all_of_it_is_offered(run_id: int) -> None:
    """Else the test before would find nothing whatever the mode."""
    app = open_page("search")
    app.session_state["panel"] = "Watch"
    app.run()
    assert {"Delete", "Duplicate settings"} <= buttons(app)


def test_a_handler_that_a_hidden_button_would_call_refuses(demo: int) -> None:
    from app.search import dialogs, new_run

    dialogs._delete("demo")  # says so in a notice
    dialogs._stop("demo")
    new_run._start("mine", RunConfig(), None)
    assert [run["name"] for run in Store.read().runs()] == ["demo"]


# A team


@pytest.fixture
def team(run_id: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> int:
    """A finished run in an app of a team, with an identity provider that nobody asks here."""
    from streamlit.runtime.secrets import secrets_singleton

    monkeypatch.setenv("ROSEARCH_MODE", "team")
    monkeypatch.setenv("ROSEARCH_USERS", "ann@example.com, Bob@Example.com")
    provider = {
        "redirect_uri": "http://localhost:8501/oauth2callback",
        "cookie_secret": "x" * 32,
        "client_id": "rosearch",
        "client_secret": "x",
        "server_metadata_url": "http://127.0.0.1:9/.well-known/openid-configuration",
    }
    monkeypatch.setattr(secrets_singleton, "load_if_toml_exists", lambda: True)
    monkeypatch.setattr(secrets_singleton, "_secrets", {"auth": provider})
    return run_id


def visit(**claims: object) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app" / "screens.py"), default_timeout=120)
    app.user = claims
    app.session_state["panel"] = "Watch"
    app.run()
    return app.switch_page("../pages/search.py").run() if app.title[0].value and claims else app


def audit(home: Path) -> list[dict[str, Any]]:
    file = home / "audit.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_who_is_not_logged_in_sees_the_login_alone(team: int) -> None:
    app = visit()
    assert not app.exception
    assert buttons(app) == {"Log in"}
    assert not app.selectbox
    assert "demo" not in str([text.value for text in app.markdown])


@pytest.mark.parametrize("address", ["ann@example.com", "bob@example.com", "Ann@Example.com"])
def test_a_named_user_deletes_and_the_log_says_so(team: int, home: Path, address: str) -> None:
    app = visit(is_logged_in=True, email=address)
    assert "Delete" in buttons(app)
    app.button(key="delete").click().run()
    app.button(key="delete.yes").click().run()
    assert Store.read().runs() == []
    (line,) = audit(home)
    assert (line["user"], line["action"], line["subject"], line["outcome"]) == (
        address.lower(), "delete", "demo", "done",
    )  # fmt: skip


@pytest.mark.parametrize(
    "claims", [{"email": "eve@example.com"}, {"email": "ann@example.com", "email_verified": False}, {"sub": "ann"}]
)
def test_another_one_looks_only(team: int, home: Path, claims: dict[str, object]) -> None:
    app = visit(is_logged_in=True, **claims)
    assert not app.exception
    assert not buttons(app) & {"Delete", "Resume", "Duplicate settings"}
    assert audit(home) == []


REFUSED = """
from app import actions
from rosearch_engine.errors import UserError
from rosearch_engine.runs import process
import streamlit as st
try:
    actions.delete("demo")
except UserError as error:
    st.error(str(error))
"""


def test_what_is_refused_is_noted(team: int, home: Path) -> None:
    app = AppTest.from_string(REFUSED)
    app.user = {"is_logged_in": True, "email": "eve@example.com"}
    app.run()
    assert "eve@example.com" in app.error[0].value
    assert [line["outcome"] for line in audit(home)] == ["refused"]
    assert len(Store.read().runs()) == 1


def test_without_a_provider_nobody_comes_in(run_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROSEARCH_MODE", "team")
    app = open_page()
    assert not app.exception
    assert "no identity provider is set up" in app.error[0].value
    assert not app.title


# Bounds


def test_no_more_searches_than_may_run_at_once(run_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROSEARCH_SEARCHES", "1")
    make_running(run_id)
    Store.write().update_run(run_id, exit=None)
    with pytest.raises(UserError, match=r"1 of at most 1 searches and jobs are running: demo") as caught:
        actions.start("second", RunConfig())
    assert "ROSEARCH_SEARCHES" in caught.value.remedy
    other = fill("other", students=3)
    Store.write().update_run(other, exit={"reason": "stopped", "message": "", "time": 0.0})
    with pytest.raises(UserError, match="at most 1"):
        actions.resume("other")
    with pytest.raises(UserError, match="at most 1"):
        actions.start_job("other", "pack", {})
    assert jobs.look("other", "pack") is None


def at_work(run: str, kind: jobs.Kind) -> None:
    """A job whose process is this one."""
    jobs.write(run, kind, "request", {"arguments": {}, "began": time.time()})
    jobs.write(run, kind, "process", {"pid": os.getpid(), "mark": mark(os.getpid())})


def test_background_jobs_count_too(run_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROSEARCH_SEARCHES", "2")
    at_work("demo", "rescore")
    at_work("demo", "transfer")
    for act in (lambda: actions.start("second", RunConfig()), lambda: actions.start_job("demo", "pack", {})):
        with pytest.raises(UserError, match=r"2 of at most 2 .*: rescore of demo, transfer of demo"):
            act()
    jobs.write("demo", "transfer", "ending", {"state": "stopped"})
    assert [job.kind for job in jobs.running()] == ["rescore"]


def test_of_two_that_start_at_once_one_waits_for_the_other(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both would find room, were they to look at the same time."""
    monkeypatch.setenv("ROSEARCH_SEARCHES", "1")
    Store.write().close()
    inside, most, lock = 0, 0, threading.Lock()

    def slow(name: str, config: RunConfig) -> None:
        nonlocal inside, most
        with lock:
            inside, most = inside + 1, max(most, inside + 1)
        threading.Event().wait(0.2)
        with lock:
            inside -= 1

    def slow_job(run: str, kind: jobs.Kind, arguments: object) -> None:
        slow(run, RunConfig())

    monkeypatch.setattr(process, "start", slow)
    monkeypatch.setattr(jobs, "start", slow_job)
    threads = [threading.Thread(target=actions.start, args=(name, RunConfig())) for name in ("a", "b")]
    threads.append(threading.Thread(target=actions.start_job, args=("c", "pack", {})))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most == 1


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5", "٣"])
def test_a_bound_that_is_no_number_is_said(home: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("ROSEARCH_SEARCHES", text)
    with pytest.raises(UserError, match="whole number above 0"):
        access.most_searches()


def test_a_run_of_a_refused_file_is_not_made(run_id: int, monkeypatch: pytest.MonkeyPatch, team: int) -> None:
    monkeypatch.setattr(access, "user", lambda: "ann@example.com")
    with pytest.raises(UserError, match="may be read"):
        actions.start("mine", build("demo", settings=["data.name=/etc/passwd"]))
    assert [run["name"] for run in Store.read().runs()] == ["demo"]
