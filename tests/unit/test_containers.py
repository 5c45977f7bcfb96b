"""What can be said of Dockerfile and compose.yaml without a container engine; `tests/containers/smoke.sh` runs them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.access import MODES

ROOT = Path(__file__).resolve().parents[2]
OURS = ("app", "ray-head", "ray-worker-1", "ray-worker-2")
SECRETS = ("POSTGRES_PASSWORD", "RAY_AUTH_TOKEN")


@pytest.fixture(scope="module")
def steps() -> list[tuple[str, str]]:
    """Instructions of the Dockerfile with what follows them, lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", lines)
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    return found


def of(steps: list[tuple[str, str]], word: str) -> list[str]:
    return [rest for one, rest in steps if one == word]


def is_let_in(path: str) -> bool:
    """Whether .dockerignore lets a file into the build: of its rules for it or a folder above, the last one counts."""
    let_in = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        rule = line.removeprefix("!").removeprefix("**/").strip()
        if rule and not line.startswith("#"):
            names = [path, *map(str, Path(path).parents)] if "**/" not in line else Path(path).parts
            let_in = line.startswith("!") if any(fnmatch(name, rule) for name in names if name != ".") else let_in
    return let_in


def test_the_image_runs_as_somebody_else_than_root(steps: list[tuple[str, str]]) -> None:
    words = [word for word, _ in steps]
    assert of(steps, "USER") == ["rosearch"]
    # Nothing it runs on is made by that user, who can therefore not change it.
    assert max(index for index, word in enumerate(words) if word in ("RUN", "COPY")) < words.index("USER")
    assert not any("--chown" in rest for rest in of(steps, "COPY"))


def test_what_is_copied_is_there_and_let_in(steps: list[tuple[str, str]]) -> None:
    copied = [source for rest in of(steps, "COPY") for source in rest.split()[:-1]]
    for source in copied:
        assert (ROOT / source).exists(), source
        assert source == "." or is_let_in(source), f"{source} is kept out by .dockerignore"


def test_the_image_has_what_it_runs_on_and_nothing_else() -> None:
    needed = ("app/main.py", "app/.streamlit/config.toml", "pages/overview.py", "benchmarks/demo.md", "docker/start.sh")
    for path in (*needed, "rosearch_engine/recorded/demo.zip", "rosearch_engine/store/migrations/env.py"):
        assert (ROOT / path).exists(), path
        assert is_let_in(path), path
    kept_out = (".env", ".git/config", ".venv/bin/python", "tests/conftest.py", "compose.yaml", "app/__pycache__/x.pyc")
    assert [path for path in kept_out if is_let_in(path)] == []


def test_packages_are_those_of_the_lock(steps: list[tuple[str, str]]) -> None:
    installs = [command for rest in of(steps, "RUN") for command in re.findall(r"pip install [^;&]+", rest)]
    assert len(installs) == 3
    assert all("-c requirements.lock" in command for command in installs)
    extras = next(rest for rest in of(steps, "ARG") if rest.startswith("EXTRAS="))
    for extra in extras.partition("=")[2].strip('"').split():
        assert (ROOT / f"requirements-{extra}.txt").exists()
    ray = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"][
        "ray"
    ]
    lines = (ROOT / "requirements-ray.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == ray


def test_the_layers_that_change_seldom_come_first(steps: list[tuple[str, str]]) -> None:
    order = [rest for word, rest in steps if word in ("COPY", "RUN")]
    source = order.index(". .")
    assert max(index for index, rest in enumerate(order) if "pip install" in rest) < source
    torch = next(index for index, rest in enumerate(order) if "pip install torch" in rest)
    assert "requirements.txt" not in " ".join(order[:torch])


def test_the_image_says_whether_it_is_well(steps: list[tuple[str, str]]) -> None:
    (check,) = of(steps, "HEALTHCHECK")
    command = json.loads(check.partition("CMD ")[2])
    (port,) = of(steps, "EXPOSE")
    assert command[0] == "python"
    assert f"http://127.0.0.1:{port}/_stcore/health" in command[2]
    compile(command[2], "HEALTHCHECK", "exec")


def test_a_container_starts_by_a_script_of_the_repository(
    steps: list[tuple[str, str]], services: dict[str, Any]
) -> None:
    (place,) = of(steps, "WORKDIR")
    (entry,) = (json.loads(rest)[0] for rest in of(steps, "ENTRYPOINT"))
    script = ROOT / Path(entry).relative_to(place)
    assert script.stat().st_mode & 0o111 == 0o111
    roles = set(re.findall(r"^  ([a-z-]+)\)$", script.read_text(encoding="utf-8"), re.M))
    commands = [json.loads(of(steps, "CMD")[0])[0], *(services[name]["command"][0] for name in OURS if name != "app")]
    assert set(commands) == roles
    sh = shutil.which("sh")
    assert sh is not None
    for file in (script, *(ROOT / "tests" / "containers").glob("*.sh")):
        shell = "bash" if "bash" in file.read_text(encoding="utf-8").splitlines()[0] else sh
        assert subprocess.run([shell, "-n", str(file)], capture_output=True).returncode == 0, file


def test_only_the_app_is_reached_from_outside_and_from_this_machine_alone(services: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert list(published) == ["app"]
    assert all(port.startswith("127.0.0.1:") and port.endswith(":8501") for port in published["app"])
    assert not any("network_mode" in service or "privileged" in service for service in services.values())


def test_nothing_starts_with_a_secret_that_everybody_knows(services: dict[str, Any]) -> None:
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    for name in SECRETS:
        used = re.findall(rf"\$\{{{name}([^}}]*)\}}", text)
        assert used, name
        assert all(rest.startswith(":?") for rest in used), f"{name} has a default"
    given = {name: services[name].get("environment", {}) for name in services}
    assert [name for name in services if "PGPASSWORD" in given[name]] == ["app"]
    assert ":" not in given["app"]["ROSEARCH_STORE"].partition("//")[2].partition("@")[0], "a password in the address"
    assert all(given[name]["RAY_AUTH_MODE"] == "token" for name in OURS)
    mode = re.fullmatch(r"\$\{ROSEARCH_MODE:-(\w+)\}", given["app"]["ROSEARCH_MODE"])
    assert mode is not None
    assert mode.group(1) in set(MODES) - {"alone"}


def test_what_one_service_names_another_one_has(services: dict[str, Any]) -> None:
    app, postgres = services["app"], services["postgres"]
    user, host, name = re.findall(r"//(\w+)@([\w-]+)/(\w+)$", app["environment"]["ROSEARCH_STORE"])[0]
    assert (user, name) == (postgres["environment"]["POSTGRES_USER"], postgres["environment"]["POSTGRES_DB"])
    assert host in services
    for service in OURS:
        assert services[service]["environment"]["ROSEARCH_RAY"] == "ray-head:6379"
        assert services[service]["image"] == app["image"]
    # Weights, resources and lists of swaps: one volume, where the image says.
    assert all("data:/data" in services[one]["volumes"] for one in ("app", "ray-worker-1", "ray-worker-2"))
    home = re.search(r"ROSEARCH_HOME=(\S+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    assert home is not None
    assert home.group(1) == "/data"


def test_services_wait_for_those_they_need(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}, name
            assert "healthcheck" in services[needed]
    assert set(services["app"]["depends_on"]) == {"postgres", "ray-head"}


def test_the_documents_name_the_arguments_that_there_are(steps: list[tuple[str, str]]) -> None:
    known = {rest.partition("=")[0] for rest in of(steps, "ARG")}
    documents = [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/deploy.md", "Dockerfile")]
    named = {name for text in documents for name in re.findall(r"--build-arg (\w+)", text)}
    assert named
    assert named <= known
