"""The one kind of error a user is meant to read."""

from __future__ import annotations

import errno


class UserError(Exception):
    """Something the user can mend: which field, what is wrong with it, and what to do.

    The command line prints it without a traceback; the app shows it beside the field. What it quotes may come from
    anywhere, so that it is cut where it is long, and signs that steer a terminal are replaced.
    """

    def __init__(self, field: str, problem: str, remedy: str) -> None:
        self.field = _fit(field, 100)
        self.problem = _fit(problem, 600)
        self.remedy = _fit(remedy, 3000)
        super().__init__(f"{self.field}: {self.problem} {self.remedy}")

    def __reduce__(self) -> tuple[type[UserError], tuple[str, str, str]]:
        return type(self), (self.field, self.problem, self.remedy)  # so that it can pass between processes

    def as_dict(self) -> dict[str, str]:
        return {"field": self.field, "problem": self.problem, "remedy": self.remedy}


def _fit(text: str, most: int) -> str:
    if len(text) > most:
        text = f"{text[: most - 110]} … {text[-100:]}" if most > 200 else f"{text[:most]} …"
    return "".join(sign if sign.isprintable() or sign == "\n" else "\ufffd" for sign in text)


def is_full_disk(error: BaseException) -> bool:
    """Whether an error, or one that led to it, says that the disk is full: Python, safetensors and SQLite differ."""
    seen: BaseException | None = error
    while seen is not None:
        words = str(seen)
        if getattr(seen, "errno", None) == errno.ENOSPC or "No space left" in words or "disk is full" in words:
            return True
        seen = seen.__cause__ or seen.__context__
    return False
