"""The hidden command that does a background job: what the app starts and watches."""

from __future__ import annotations

import signal
import threading
import traceback
from typing import Any, cast

import typer

from rosearch_engine.cli.options import RunName, quieten
from rosearch_engine.errors import UserError
from rosearch_engine.progress import Progress, Stopped
from rosearch_engine.runs import jobs

PAUSE = 0.5  # seconds between two words about a job

app = typer.Typer()


@app.command(hidden=True)
def job(run: RunName, kind: str) -> None:
    """Do a job whose request lies in the run's folder: what the app runs in the background."""
    quieten()
    which = cast(jobs.Kind, kind)
    asked = jobs.look(run, which)
    if asked is None:
        raise UserError("job", f"nobody asked for {kind} of '{run}'.", "Use the command of that name.")
    progress, over = Progress(), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: progress.stop())
    teller = threading.Thread(target=_tell, args=(run, which, progress, over), daemon=True)
    teller.start()
    try:
        ending: dict[str, Any] = {"state": "done", "result": _work(run, which, asked.arguments, progress)}
    except Stopped:
        ending = {"state": "stopped"}
    except UserError as error:
        ending = {"state": "failed", "error": error.as_dict()}
    except Exception as error:
        traceback.print_exc()
        problem = f"it failed ({type(error).__name__}: {error})."
        ending = {"state": "failed", "error": UserError(kind, problem, "See its log, and try again.").as_dict()}
    over.set()
    teller.join()
    jobs.write(run, which, "ending", ending)


def _tell(run: str, kind: jobs.Kind, progress: Progress, over: threading.Event) -> None:
    while not over.wait(PAUSE):
        jobs.write(run, kind, "progress", progress.facts())


def _work(run: str, kind: jobs.Kind, arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    if kind == "pack":
        from rosearch_engine.recorded.pack import pack

        file = jobs.folder(run, kind) / f"{run}.zip"
        manifest = pack(run, file, arguments.get("students", ()), None, overwrite=True)
        return {"file": str(file), "bytes": file.stat().st_size, "students": manifest.made.students}
    if kind == "rescore":
        from rosearch_engine.rescore.run import rescore

        return dict(rescore(run, **arguments, progress=progress))
    from rosearch_engine.rescore.transfer import table_rows, transfer

    what = transfer(run, **arguments, progress=progress)
    header, rows = table_rows(what)
    return {"header": header, "rows": rows, "label": what["label"], "recipe": what["recipe"]}
