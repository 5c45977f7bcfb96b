"""Does a server answer at once? Asked before any library that would retry for a minute."""

from __future__ import annotations

import functools
import re
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from rosearch_engine.resources.install import Absent

_UNREACHABLE = re.compile(
    "name resolution|Name or service not known|Could not resolve|Failed to establish|Network is unreachable"
    "|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|timed out",
    flags=re.IGNORECASE,
)

PROBE_SECONDS = 3.0
DOWNLOAD_SECONDS = 1800.0


@functools.lru_cache(maxsize=16)
def silence(url: str, seconds: float = PROBE_SECONDS) -> str | None:
    """Why the server of a URL does not answer within some seconds, or None where it does.

    The answer is remembered; `silence.cache_clear()` forgets it. Any HTTP status counts as an answer.
    """
    answer: list[str | None] = []

    def ask() -> None:
        try:
            request = urllib.request.Request(url, method="HEAD")
            urllib.request.urlopen(request, timeout=seconds).close()
            answer.append(None)
        except urllib.error.HTTPError:
            answer.append(None)
        except Exception as error:
            answer.append(str(getattr(error, "reason", error)) or type(error).__name__)

    # A thread, because looking up a name has no time limit of its own.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds + 1.0)
    return answer[0] if answer else f"no answer within {seconds:g} s"


def require_answer(url: str) -> None:
    """
    Raises:
        Absent: the server of the URL does not answer at once.
    """
    reason = silence(url)
    if reason is not None:
        raise Absent(f"cannot be reached ({reason})")


def run(command: Sequence[str], cwd: Path, env: dict[str, str] | None = None) -> None:
    """Run a program without showing its output.

    Raises:
        Absent: it is not on this machine, fails or takes too long; the reason is its last line of error.
    """
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=DOWNLOAD_SECONDS,
        )
    except FileNotFoundError:
        raise Absent(f"{command[0]} is not on this machine") from None
    except subprocess.TimeoutExpired:
        raise Absent(f"took longer than {DOWNLOAD_SECONDS:g} s") from None
    if done.returncode != 0:
        if _UNREACHABLE.search(done.stdout + done.stderr):
            raise Absent("its server cannot be reached")
        lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        errors = [line for line in lines if line.lower().startswith(("error", "e:"))]
        raise Absent((errors or lines or [f"exit code {done.returncode}"])[-1][:300])
