"""The first screen must paint without what costs seconds and hundreds of megabytes."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"torch", "textattack", "transformers", "datasets", "scipy", "sklearn"}
SCREENS = ("overview", "search", "front", "statistics", "architecture", "compare", "attack", "export")

DRAW = """
import sys
sys.path.insert(0, {root!r})
from streamlit.testing.v1 import AppTest
app = AppTest.from_file({main!r}, default_timeout=60).run()
assert not app.exception, app.exception
import app as package, importlib, pkgutil
for module in pkgutil.walk_packages(package.__path__, "app."):
    if module.name not in ("app.main", "app.screens"):
        importlib.import_module(module.name)
for page in ("search", "front", "architecture"):
    app.switch_page("../pages/" + page + ".py").run()
    assert not app.exception, app.exception
print(sorted({heavy!r} & set(sys.modules)))
"""


def test_screens_do_not_import_the_heavy_packages(run_id: int) -> None:
    code = DRAW.format(root=str(ROOT), main=str(ROOT / "app" / "screens.py"), heavy=HEAVY)
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ), check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip().splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "path", sorted([*ROOT.glob("app/**/*.py"), *ROOT.glob("pages/*.py")]), ids=lambda p: str(p.relative_to(ROOT))
)
def test_no_module_names_a_heavy_package_at_its_top(path: Path) -> None:
    top = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)]
    named = {alias.name for node in top if isinstance(node, ast.Import) for alias in node.names}
    named |= {node.module or "" for node in top if isinstance(node, ast.ImportFrom)}
    assert not {name.split(".")[0] for name in named} & HEAVY


@pytest.mark.parametrize("name", SCREENS)
def test_a_page_stays_short(name: str) -> None:
    assert len((ROOT / "pages" / f"{name}.py").read_text().splitlines()) <= 80
