"""Who may do what: the way the app is run, who looks at it, and the one door that everything that acts passes through.

`ROSEARCH_MODE` is `alone` (the default: this machine's own user, who may do all), `demo` (visitors look, attack and
export) or `team` (people log in, and those named in `ROSEARCH_USERS` act). What a page hides is refused here as well.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, cast, get_args

import streamlit as st

from rosearch_engine import resources
from rosearch_engine.config import RunConfig
from rosearch_engine.errors import UserError

Mode = Literal["alone", "demo", "team"]
Action = Literal["start", "stop", "resume", "delete", "upload", "import", "mark", "note", "rename", "work"]
MODES: Final[tuple[Mode, ...]] = get_args(Mode)
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)

_WORDS: Final[dict[Action, str]] = {
    "start": "searches cannot be started",
    "stop": "searches cannot be stopped",
    "resume": "searches cannot be resumed",
    "delete": "runs cannot be deleted",
    "upload": "files cannot be uploaded",
    "import": "settings cannot be imported",
    "mark": "verdicts cannot be saved",
    "note": "notes cannot be saved",
    "rename": "runs cannot be renamed",
    "work": "work in the background cannot be started or stopped",
}
_FILES: Final = (".csv", ".tsv", ".jsonl", ".parquet", ".txt", ".gz")
_ON_YOUR_OWN: Final = "Run the program on your own machine to do so: `make app`."


def mode() -> Mode:
    """The way the app is run.

    Raises:
        UserError: if `ROSEARCH_MODE` is none: nobody should get more than was meant.
    """
    found = os.environ.get("ROSEARCH_MODE", "").strip().lower() or "alone"
    if found not in MODES:
        raise UserError("ROSEARCH_MODE", f"'{found[:40]}' is no mode.", f"Use one of {', '.join(MODES)}.")
    return found


def is_shared() -> bool:
    """Whether others than this machine's user are meant to come."""
    return os.environ.get("ROSEARCH_MODE", "").strip().lower() in ("demo", "team")


def is_demo() -> bool:
    """Whether only visitors come."""
    return os.environ.get("ROSEARCH_MODE", "").strip().lower() == "demo"


def enter() -> None:
    """What comes before every page: in a team, the login, without which the script ends here.

    Raises:
        UserError: if the way the app is run cannot be told, or logging in is not set up.
    """
    if mode() == "team" and not _is_logged_in():
        st.title("RoSearch Explorer", anchor=False)
        st.write("Log in to go on.")
        st.button("Log in", type="primary", icon=":material/login:", key="login", on_click=st.login)
        st.stop()


def show_user() -> None:
    """Who is logged in, and the way out; nothing where nobody logs in."""
    if mode() == "team" and _is_logged_in():
        st.caption(f"Logged in as {st.user.get('email') or st.user.get('name') or 'somebody'}.")
        st.button("Log out", icon=":material/logout:", key="logout", on_click=st.logout)


def user() -> str | None:
    """The e-mail address of who is logged in; None where nobody logs in, or the provider could not verify it."""
    if mode() != "team" or not _is_logged_in() or st.user.get("email_verified") is False:
        return None
    return str(st.user.get("email") or "").strip().lower() or None


def may(action: Action) -> bool:
    """Whether who looks at the page may do something; what a page asks before it offers it."""
    now = mode()
    return now == "alone" or (now == "team" and user() in _users())


@contextmanager
def acting(action: Action, subject: str) -> Iterator[None]:
    """What changes something happens within this block, which a team's audit log notes with how it ended.

    Args:
        subject: what it is done to: a run's name, a file's.

    Raises:
        UserError: if this visitor may not do that; then nothing in the block happens.
    """
    if not may(action):
        _note(action, subject, "refused")
        raise refusal(action)
    try:
        yield
    except Exception:
        _note(action, subject, "failed")
        raise
    _note(action, subject, "done")


def refusal(action: Action) -> UserError:
    """Why an action is not there for this visitor."""
    if mode() == "demo":
        return UserError("access", f"{_WORDS[action]} in a shared demo.", _ON_YOUR_OWN)
    problem = f"{_WORDS[action]} by {user() or 'an address that is not verified'}."
    return UserError("access", problem, "Ask who runs this app to add you to ROSEARCH_USERS.")


def require_sources(config: RunConfig) -> None:
    """Refuse settings that name a file or folder of the server outside the ones that are free to be read, or a cluster
    that is not the server's own.

    Raises:
        UserError: naming the setting; the same whether there is such a file or not.
    """
    named = {
        "data.name": config.data.name,
        "teacher.name": config.teacher.name,
        "distil.extra": config.distil.extra,
    }
    for field, name in named.items():
        if name and not _is_free(name):
            remedy = "Upload a file, or use a name of the hub. ROSEARCH_DATA_FOLDERS names the folders."
            raise UserError(field, "it is not in a folder of this server that may be read.", remedy)
    own = ("local", os.environ.get("RAY_ADDRESS"))
    if mode() != "alone" and config.executor.kind == "ray" and config.executor.address not in own:
        problem = "a shared app uses no other cluster than its server's."
        raise UserError("executor.address", problem, "Write 'local'; RAY_ADDRESS on the server allows one more.")


def shown_source(name: str) -> str:
    """A data set's or a teacher's name as visitors may see it: of a path, its last part."""
    return Path(name).name if is_shared() and _is_path(name) else name


def shown_settings(config: RunConfig) -> RunConfig:
    """A run's settings as this visitor may see them: whole for who may start a search with them."""
    if may("start"):
        return config
    data = config.data.model_copy(update={"name": shown_source(config.data.name)})
    teacher = config.teacher.model_copy(update={"name": shown_source(config.teacher.name)})
    extra = config.distil.extra and shown_source(config.distil.extra)
    distil = config.distil.model_copy(update={"extra": extra})
    return config.model_copy(update={"data": data, "teacher": teacher, "distil": distil})


def visitor() -> str:
    """Who attacks, for the bound on each: the one who is logged in, else the browser's tab."""
    return user() or cast(str, st.session_state.setdefault("visitor", secrets.token_hex(8)))


def most_searches() -> int | None:
    """How many searches and jobs may run at once: `ROSEARCH_SEARCHES`; unset, two in a team and any number alone."""
    return number("ROSEARCH_SEARCHES", 2 if mode() == "team" else None)


def number(name: str, default: int | None) -> int | None:
    """A whole number that the environment sets.

    Raises:
        UserError: if it is none, or below 1.
    """
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not int(text[:9]) > 0:
        raise UserError(name, f"'{text[:40]}' is no whole number above 0.", "Correct it, and start the app again.")
    return int(text[:9])


def _is_logged_in() -> bool:
    from streamlit.auth_util import get_secrets_auth_section, is_authlib_installed

    if not is_authlib_installed():
        raise UserError("login", "Authlib is not installed.", "pip install '.[login]', then start the app again.")
    if not get_secrets_auth_section():
        problem = "no identity provider is set up."
        raise UserError("login", problem, "Write `.streamlit/secrets.toml` as docs/deploy.md tells.")
    return bool(st.user.get("is_logged_in"))


def _users() -> frozenset[str | None]:
    named = os.environ.get("ROSEARCH_USERS", "").split(",")
    return frozenset(name.strip().lower() for name in named if name.strip())


def _is_free(name: str) -> bool:
    if mode() == "alone" or name in resources.RESOURCES:
        return True
    if not _is_path(name):
        return True
    try:
        real = Path(name).expanduser().resolve()
        return any(real.is_relative_to(folder) for folder in _folders())
    except (OSError, RuntimeError, ValueError):
        return False


def _is_path(name: str) -> bool:
    """Whether a name is meant as a path, or is one from the folder in which the app was started."""
    if name.startswith((".", "/", "~")) or "\\" in name or ":" in name or ".." in name or name.count("/") > 1:
        return True
    try:
        return Path(name).exists() or name.lower().endswith(_FILES)
    except (OSError, ValueError):
        return True


def _folders() -> list[Path]:
    named = filter(None, os.environ.get("ROSEARCH_DATA_FOLDERS", "").split(os.pathsep))
    folders = [resources.home() / "uploads", *map(Path, named)]
    return [folder.expanduser().resolve() for folder in folders]


def _note(action: Action, subject: str, outcome: str) -> None:
    """One line of a team's audit log, which is only ever added to.

    Raises:
        UserError: if it cannot be written.
    """
    if mode() != "team":
        return
    line = {"time": time.time(), "user": user(), "action": action, "subject": subject[:200], "outcome": outcome}
    try:
        resources.home().mkdir(parents=True, exist_ok=True)
        log = os.open(resources.home() / "audit.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(log, (json.dumps(line) + "\n").encode())
        finally:
            os.close(log)
    except OSError as error:
        problem = f"its line cannot be written ({error.strerror}): this was {outcome}."
        raise UserError("audit log", problem, "Ask who runs this app.") from None
