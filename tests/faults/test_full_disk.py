"""A real full disk: a small tmpfs, on which a search stops again and again until it has room, and then ends as any."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rosearch_engine.store import Store
from tests.conftest import ROOT, Workshop
from tests.resume.test_kill import comparable, examples

# A mount of one's own that nobody else sees, and no root is needed for.
OWN_MOUNTS = ["unshare", "--map-root-user", "--mount"]


def can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    command = [*OWN_MOUNTS, "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/mnt"]
    return subprocess.run(command, capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not can_mount(), reason="no tmpfs can be mounted here (unshare, user namespaces)")

# Run where the mount is seen: what it does there is told as JSON, the home folder at its end is copied to `kept`.
SEARCHES = """
import json, shutil, subprocess, sys
from pathlib import Path
from rosearch_engine.runs import process
from rosearch_engine.store import Store

plan = json.loads(sys.argv[1])
home, told = Path(plan["home"]), []
subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={plan['sizes'][0]}", "tmpfs", home], check=True)
for size in plan["sizes"]:
    subprocess.run(["mount", "-o", f"remount,size={size}", home], check=True)
    made = (home / "rosearch.db").exists() and any(run["name"] == "full" for run in Store.read().runs())
    command = ["resume", "full"] if made else ["search", "--run", "full", *plan["settings"]]
    ended = subprocess.run(
        [sys.executable, "-m", "rosearch_engine", *command, "--json"], capture_output=True, text=True
    )
    run = next((run for run in Store.read().runs() if run["name"] == "full"), None)
    students = Store.read().students(run["id"]) if run else []
    told.append({
        "size": size, "code": ended.returncode, "out": ended.stdout, "err": ended.stderr,
        "state": process.state(run) if run else None,
        "stage": (run["progress"] or {}).get("stage") if run else None,
        "done": [one["weights_sha256"] for one in students if one["status"] == "done"],
    })
shutil.copytree(home, plan["kept"])
print(json.dumps(told))
"""


def size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_a_search_that_finds_the_disk_full_loses_nothing(
    calm: str, workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpora = workshop.home / "resources" / "nltk_data" / "corpora"
    resources = size(corpora / "wordnet") + size(corpora / "stopwords")
    assert resources > 20_000_000
    # While resources are copied, among the students, and with room for all. Others' runs stand in the workshop too, so
    # that what it holds in all says nothing.
    sizes = (resources // 2, resources + 1_900_000, 2 * resources + 50_000_000)
    home, kept = tmp_path / "home", tmp_path / "kept"
    plan = {
        "home": str(home),
        "kept": str(kept),
        "sizes": sizes,
        "settings": [part for setting in workshop.settings for part in ("--set", setting)],
    }
    home.mkdir()
    ended = subprocess.run(
        [*OWN_MOUNTS, sys.executable, "-c", SEARCHES, json.dumps(plan)],
        env=os.environ | workshop.environment | {"ROSEARCH_HOME": str(home), "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    told: list[dict[str, Any]] = json.loads(ended.stdout)
    survived: list[str] = []
    for one in told[:-1]:
        assert one["code"] == 2, one
        assert json.loads(one["out"])["error"]["field"] == "disk", one
        assert "Traceback" not in one["err"]
        assert one["state"] in (None, "crashed", "lost")
        assert one["done"][: len(survived)] == survived, "what was measured stays"
        survived = one["done"]
    assert told[-1]["code"] == 0, told[-1]
    assert told[-1]["state"] == "finished"

    calm_store = Store.read()
    undisturbed = calm_store.students(calm_store.run(calm)["id"])
    monkeypatch.setenv("ROSEARCH_HOME", str(kept))
    store = Store.read()
    students = store.students(store.run("full")["id"])
    assert len(students) == len(undisturbed)
    for mine, theirs in zip(students, undisturbed, strict=True):
        assert comparable(mine) == comparable(theirs)
        assert examples(store, mine) == examples(calm_store, theirs)
    assert not list(kept.rglob("*.draft"))


# A home folder with room, and a shared folder for weights that fills up.
SHARES = """
import json, subprocess, sys

plan = json.loads(sys.argv[1])
told = []
subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={plan['sizes'][0]}", "tmpfs", plan["folder"]], check=True)
for size, command in zip(plan["sizes"], (["search", "--run", "full", *plan["settings"]], ["resume", "full"])):
    subprocess.run(["mount", "-o", f"remount,size={size}", plan["folder"]], check=True)
    ended = subprocess.run(
        [sys.executable, "-m", "rosearch_engine", *command, "--json"], capture_output=True, text=True
    )
    told.append({"code": ended.returncode, "out": ended.stdout, "err": ended.stderr})
print(json.dumps(told))
"""


def test_a_search_that_finds_the_shared_folder_for_weights_full_loses_nothing(
    calm: str, workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, folder = tmp_path / "home", tmp_path / "shared"
    folder.mkdir()
    plan = {
        "folder": str(folder),
        "sizes": (400_000, 20_000_000),  # a student has less than 200,000 bytes
        "settings": [part for setting in workshop.settings for part in ("--set", setting)],
    }
    own = {"ROSEARCH_HOME": str(home), "ROSEARCH_WEIGHTS": str(folder), "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [*OWN_MOUNTS, sys.executable, "-c", SHARES, json.dumps(plan)],
        env=os.environ | workshop.environment | own,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    full, mended = json.loads(ended.stdout)
    error = json.loads(full["out"])["error"]
    assert (full["code"], error["field"], error["problem"]) == (2, "ROSEARCH_WEIGHTS", f"{folder} is full.")
    assert "Traceback" not in full["err"]
    assert (mended["code"], json.loads(mended["out"])["state"]) == (0, "finished"), mended

    calm_store = Store.read()
    undisturbed = calm_store.students(calm_store.run(calm)["id"])
    monkeypatch.setenv("ROSEARCH_HOME", str(home))
    store = Store.read()
    run = store.run("full")
    assert any(event["kind"] == "crashed" for event in store.events(run["id"]))
    for mine, theirs in zip(store.students(run["id"]), undisturbed, strict=True):
        assert comparable(mine) == comparable(theirs)
        assert examples(store, mine) == examples(calm_store, theirs)
    assert not (home / "weights").exists()
