"""What `pip install .` promises: one version, one set of ranges, and requirements that suffice for the engine."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import rosearch_engine

ROOT = Path(__file__).resolve().parents[2]
OURS = {"rosearch_engine", "app", "pages"}


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def ranges(lines: list[str]) -> dict[str, str]:
    """Package name to version range; comments are left out."""
    stated = [Requirement(line.split("#")[0]) for line in lines if line.split("#")[0].strip()]
    return {canonicalize_name(one.name): str(one.specifier) for one in stated}


def imported(*folders: str) -> set[str]:
    """Distributions that the modules of these folders import, at whatever depth of a function."""
    providers = packages_distributions()
    found: set[str] = set()
    for file in (file for folder in folders for file in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    outside = found - OURS - set(sys.stdlib_module_names)
    return {canonicalize_name(name) for module in outside for name in providers.get(module, [module])}


def test_requirements_are_the_engine_the_app_and_the_benchmarks(project: dict[str, Any]) -> None:
    """`make` installs requirements.txt, pip the ranges in pyproject.toml: they must not drift apart."""
    extras = project["optional-dependencies"]
    stated = ranges([*project["dependencies"], *extras["app"], *extras["bench"]])
    assert ranges((ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()) == stated


def test_what_a_server_needs_are_two_extras(project: dict[str, Any]) -> None:
    extras = project["optional-dependencies"]
    stated = ranges([*extras["login"], *extras["postgres"]])
    assert ranges((ROOT / "requirements-server.txt").read_text(encoding="utf-8").splitlines()) == stated


def test_the_tests_have_the_extra_for_onnx(project: dict[str, Any]) -> None:
    stated = ranges((ROOT / "requirements-dev.txt").read_text(encoding="utf-8").splitlines())
    needed = ranges(project["optional-dependencies"]["onnx"])
    assert {name: stated.get(name) for name in needed} == needed


def test_the_locked_versions_are_within_the_ranges(project: dict[str, Any]) -> None:
    lock = ranges((ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines())
    every = [*project["dependencies"], *(line for lines in project["optional-dependencies"].values() for line in lines)]
    for name, specifier in ranges(every).items():
        version = lock[name].removeprefix("==")
        assert Requirement(f"{name}{specifier}").specifier.contains(version), f"{name} {version} is not {specifier}"


def test_the_engine_imports_what_it_declares(project: dict[str, Any]) -> None:
    extras = project["optional-dependencies"]
    declared = ranges([*project["dependencies"], *(line for name in extras if name != "app" for line in extras[name])])
    assert imported("rosearch_engine") <= set(declared)


def test_the_app_needs_no_more_than_the_engine_and_its_extra(project: dict[str, Any]) -> None:
    declared = ranges([*project["dependencies"], *project["optional-dependencies"]["app"]])
    assert imported("app", "pages") <= set(declared)


def test_the_engine_declares_nothing_that_only_the_app_imports(project: dict[str, Any]) -> None:
    """A light core: nobody who installs the command line pays for a screen."""
    not_imported = {"flair"}  # a bound for the resolver, see requirements.txt
    assert set(ranges(project["dependencies"])) - not_imported <= imported("rosearch_engine")


def test_one_version() -> None:
    version = rosearch_engine.__version__
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == version
    assert re.search(rf"^## \[.*{re.escape(version)}", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)


def test_a_commit_is_checked_as_make_lint_checks() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    commands = {
        hook["entry"].replace(".venv/bin/python", "$(PYTHON)").removesuffix(" --force-exclude") for hook in hooks
    }
    lint = (ROOT / "Makefile").read_text(encoding="utf-8").split("\nlint:")[1].split("\n\n")[0]
    assert commands == {line.strip().removeprefix("@").removesuffix(" .") for line in lint.splitlines()[1:]}


def test_everyone_names_the_same_system_libraries() -> None:
    """What pygraphviz's wheel leaves to the system."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    told = re.search(r"system libraries are missing \(Debian: (apt-get install ([^)]+))\)", makefile)
    assert told is not None
    command, libraries = told.groups()
    drawing = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "app").rglob("*.py"))
    assert re.findall(r"`(apt-get install [^`]+)`", drawing) == [command]
    assert f"--no-install-recommends {libraries} " in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert f" {libraries};" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"`{library}`" in readme for library in libraries.split())
