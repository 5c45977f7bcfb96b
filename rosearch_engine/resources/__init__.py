"""Outside things (weights, data, WordNet …): what is here, what is missing, and how to get it.

Everything ends below home()/resources; NLTK's data in nltk_data(), the folder NLTK_DATA should name.
"""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from rosearch_engine.errors import UserError, is_full_disk
from rosearch_engine.resources import install, network
from rosearch_engine.resources.install import Absent, home, home_path
from rosearch_engine.resources.table import RESOURCES, Resource

__all__ = [
    "RESOURCES",
    "Resource",
    "Status",
    "digest",
    "fetch",
    "home",
    "home_path",
    "is_ready",
    "nltk_data",
    "require",
    "status",
]

_BROKEN_ARCHIVE = (tarfile.TarError, zipfile.BadZipFile, zlib.error)

Report = Callable[[str, str], None]


@dataclass(frozen=True)
class Status:
    """What is known about one resource on this machine.

    Attributes:
        path: where it lies; None where it is missing.
        source: "here", or the place on this machine it is copied from at first use; empty where missing.
        command: the one command that brings it.
        note: where it came from, or why it is missing.
    """

    name: str
    what: str
    enables: str
    default: bool
    path: Path | None
    source: str
    command: str
    note: str

    @property
    def ready(self) -> bool:
        return self.path is not None


def nltk_data() -> Path:
    """The folder to name in NLTK_DATA; it holds the NLTK resources that were required or fetched."""
    return install.resources_folder() / "nltk_data"


def status() -> list[Status]:
    """The state of every resource. Asks no network and writes nothing but home() itself."""
    return [_status(resource) for resource in RESOURCES.values()]


def is_ready(name: str) -> bool:
    """Whether `require(name)` will succeed."""
    return _status(_resource(name)).ready


def require(name: str) -> Path:
    """The folder of a resource. One that lies elsewhere on this machine is copied first; no network is asked.

    Raises:
        UserError: it is not on this machine or cannot be copied, or no such resource is known.
        OSError: the disk is full.
    """
    resource = _resource(name)
    if _fault(resource) is not None:
        done, reasons = _bring(resource, local_only=True, report=_mute)
        if not done:
            problem = f"{resource.name} is missing ({'; '.join(reasons) or _fault(resource)})."
            raise UserError(name, problem, f"Run: {resource.command}")
    return _path(resource)


def digest(name: str) -> str:
    """Sixteen hexadecimal digits of a resource's content, to store beside results that depend on it.

    Raises:
        UserError: as `require`.
    """
    require(name)
    root = install.resources_folder()
    contents = "".join(install.digest(root / folder, files) for folder, files in _resource(name).folders.items())
    return hashlib.sha256(contents.encode()).hexdigest()[:16]


def fetch(names: Iterable[str] | None = None, report: Report | None = None) -> list[Status]:
    """Bring resources to home()/resources; those already there cost nothing. One's failure stops no other.

    Args:
        names: which; None means the default set.
        report: called with a resource's name and what happens to it.

    Returns:
        The state of each named resource; the note of a missing one says every place tried, with the reason.

    Raises:
        UserError: an unknown name.
    """
    chosen = [r for r in RESOURCES.values() if r.default] if names is None else [_resource(n) for n in names]
    network.silence.cache_clear()
    tell = report or _mute
    states = []
    for resource in chosen:
        if _fault(resource) is None:
            tell(resource.name, "already installed")
            states.append(_status(resource))
            continue
        done, reasons = _bring(resource, local_only=False, report=tell)
        if done:
            states.append(_status(resource))
        else:
            note = "; ".join([*reasons, resource.by_hand] if resource.by_hand else reasons)
            tell(resource.name, f"missing: {note}")
            states.append(_missing(resource, note))
    return states


def _bring(resource: Resource, local_only: bool, report: Report) -> tuple[bool, list[str]]:
    """Try a resource's places in order: whether one had it, and the reasons of those that had not."""
    reasons = []
    for place in resource.places:
        if local_only and place.here(resource.folders) is None:
            continue
        report(resource.name, f"trying {place.label}")
        try:
            with install.staging() as stage:
                place.bring(resource.folders, stage)
                for folder, files in resource.folders.items():
                    install.install(stage, folder, files, place.label)
        except (Absent, OSError, ValueError, KeyError, *_BROKEN_ARCHIVE) as error:
            if local_only and is_full_disk(error):
                raise
            reasons.append(f"{place.label}: {_reason(error)}")
            continue
        report(resource.name, f"ready, from {place.label}")
        return True, reasons
    return False, reasons


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).strip()


def _resource(name: str) -> Resource:
    if name not in RESOURCES:
        raise UserError("resource", f"there is no resource '{name}'.", f"Choose from: {', '.join(RESOURCES)}.")
    return RESOURCES[name]


def _fault(resource: Resource) -> str | None:
    root = install.resources_folder()
    faults = (install.fault(root / folder, files) for folder, files in resource.folders.items())
    return next((found for found in faults if found), None)


def _path(resource: Resource) -> Path:
    return install.resources_folder() / next(iter(resource.folders))


def _status(resource: Resource) -> Status:
    problem = _fault(resource)
    if problem is None:
        origin = install.source_of(_path(resource))
        return _state(resource, _path(resource), "here", f"from {origin}" if origin else "placed there by hand")
    for place in resource.places:
        found = place.here(resource.folders)
        if found is not None:
            return _state(resource, found, place.label, "copied on first use")
    return _missing(resource, f"{problem}; {resource.by_hand}" if resource.by_hand else problem)


def _missing(resource: Resource, note: str) -> Status:
    return _state(resource, None, "", note)


def _state(resource: Resource, path: Path | None, source: str, note: str) -> Status:
    return Status(
        name=resource.name,
        what=resource.what,
        enables=resource.enables,
        default=resource.default,
        path=path,
        source=source,
        command=resource.command,
        note=note,
    )


def _mute(name: str, message: str) -> None:
    pass
