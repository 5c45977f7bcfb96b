"""All that a start looks at, before anything is made: the command `check`, `search` and the app's start share it."""

from __future__ import annotations

import importlib.util
import math
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rosearch_engine import resources, weights
from rosearch_engine.attack.recipes.catalogue import LEXICAL, lexicon_of, ready_recipe, settle
from rosearch_engine.config import FINE_TUNING_TOKENS, TIES, ExecutorConfig, RunConfig, TeacherConfig, stored
from rosearch_engine.data import Preview, preview
from rosearch_engine.data.extra import load_extra
from rosearch_engine.errors import UserError
from rosearch_engine.given import given_path
from rosearch_engine.store.rows import RunRow
from rosearch_engine.teacher_folder import Look, is_missing_path, look, look_at_hub, order_by_name, teacher_key

_SAMPLE = 5

FEW_STEPS = 50
"""Steps of fine-tuning below which a teacher often ends at chance level."""
_ENOUGH_STEPS = 100
# What a client of HTTP/2 says first, with empty settings, and an empty frame of settings: RFC 9113, 3.4 and 4.1.
HTTP2_HEADER = b"\0\0\0\x04\0\0\0\0\0"
HTTP2_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + HTTP2_HEADER
_PIECES_A_WORD = 1.3  # of English, with what marks a sentence's ends


@dataclass(frozen=True)
class Checked:
    """Settings that can be met.

    Attributes:
        config: with the recipe settled and paths in full, so that it means the same whenever and wherever it is used.
    """

    config: RunConfig
    data: Preview
    teacher: Look

    def warnings(self) -> tuple[str, ...]:
        """What a start would go on with, and a reader should know."""
        found = [f"{count} rows are left out: {reason}." for reason, count in self.data.dropped.items()]
        found += self.data.warnings
        length = self.config.teacher.max_length
        if self.teacher.positions < length:
            found.append(f"Texts are cut to {self.teacher.positions} word pieces, which is all the teacher reads.")
        if self.teacher.classes is not None and self.class_order() is None:
            found.append("The names of the teacher's classes say nothing of their order.")
        return tuple(found)

    def class_order(self) -> list[str] | None:
        """The classes as the checkpoint has them; None where its names do not say, or it has no classifier."""
        theirs = self.teacher.classes
        order = order_by_name(theirs, self.data.classes) if theirs else None
        return None if order is None else [name for _, name in sorted(zip(order, self.data.classes, strict=True))]

    def facts(self) -> dict[str, Any]:
        """In plain values."""
        data, teacher, columns = self.data, self.teacher, self.data.columns
        return {
            "data": self.config.data.name,
            "rows": data.rows_in_all,
            "classes": data.balance,
            "sample": list(data.sample[:_SAMPLE]),
            "columns": {"text": columns.text, "pair": columns.pair, "label": columns.label},
            "all_columns": list(data.all_columns),
            "dropped": data.dropped,
            "warnings": list(self.warnings()),
            "sizes": data.sizes,
            "teacher": {
                "name": self.config.teacher.name,
                "family": teacher.family,
                "positions": teacher.positions,
                "classifier": teacher.classes is not None,
            },
            "class_order": self.class_order(),
            "recipe": {"name": self.config.attack.recipe, "ready": True},
        }


def check(config: RunConfig) -> Checked:
    """Look at everything that the settings name.

    Raises:
        UserError: if the data, the extra sentences, the teacher, the recipe, a resource, the workers or the place for
            weights cannot be had.
    """
    _require_executor(config.executor)
    weights.require()
    attack = config.attack.model_copy(update={"recipe": settle(config.attack.recipe, config.attack.level)})
    data = config.data.model_copy(update={"name": whole(config.data.name, "data.name")})
    teacher = config.teacher.model_copy(update={"name": whole(config.teacher.name, "teacher.name")})
    extra = config.distil.extra and whole(config.distil.extra, "distil.extra")
    distil = config.distil.model_copy(update={"extra": extra})
    config = config.model_copy(update={"attack": attack, "data": data, "teacher": teacher, "distil": distil})
    _require_proofs(config)
    found = Checked(config, preview(data), look_at(teacher))
    _require_resources(config, found.teacher)
    if extra:
        load_extra(data, extra, distil.extra_limit)
    return found


def check_again(run: RunRow) -> None:
    """Look at everything that a run needs to go on, before it does.

    Raises:
        UserError: as `check`, or if the data or the teacher is another one than it began with.
    """
    found = check(stored(run["config"]))
    teacher = found.config.teacher
    is_here = teacher.name in resources.RESOURCES or given_path(teacher.name, "teacher.name").is_dir()
    source = str(found.teacher.folder) if is_here else teacher.name
    began = (
        ("data", run["dataset"] and run["dataset"].get("fingerprint"), found.data.fingerprint),
        ("teacher", run["teacher"] and run["teacher"].get("key"), teacher_key(teacher, found.data.fingerprint, source)),
    )
    for field, before, now in began:
        if before not in (None, "", now):
            raise changed(field)


def changed(field: str) -> UserError:
    """What to say where a run would go on with other material than it began with."""
    problem = "it has changed since the run started."
    return UserError(field, problem, "Restore the original, or start a new run.")


def _require_resources(config: RunConfig, teacher: Look) -> None:
    """Refuse input codes and swaps to learn from whose resources are missing."""
    if not set(TIES).isdisjoint(config.space.codes):
        try:
            resources.require("wordnet")
        except UserError as error:
            raise UserError("space.codes", error.problem, error.remedy) from None
    # Without WordPiece, ledger and adversary are off: `search.context`.
    if teacher.tokenizer in ("", "WordPiece") and (config.distil.adversary != "off" or config.space.has_ledger):
        for name in config.distil.lexicons:
            ready_recipe(name)


def _require_proofs(config: RunConfig) -> None:
    """Refuse a search for proof under an attack of which nothing can be proved.

    Raises:
        UserError: if what the attack may put in a word's place depends on more than the word.
    """
    if config.objectives.measure == "certified" and lexicon_of(config.attack.recipe) is None:
        problem = f"nothing can be certified under '{config.attack.recipe}': its swaps depend on more than the word."
        remedy = f"Set it to held, or attack.recipe to one of: {', '.join(LEXICAL)}."
        raise UserError("objectives.measure", problem, remedy)


def _require_executor(config: ExecutorConfig) -> None:
    """Refuse workers that cannot be had.

    Raises:
        UserError: if Ray is not installed, or nothing answers at its address.
    """
    if config.kind != "ray":
        return
    if importlib.util.find_spec("ray") is None:
        raise UserError("executor.kind", "Ray is not installed.", "Run: pip install '.[ray]'")
    if config.address != "local":
        require_head(config.address)


def require_head(address: str) -> None:
    """Refuse an address at which no head of a Ray cluster can be: Ray itself would try it for minutes.

    Raises:
        UserError: if nothing answers at HOST:PORT, or something that is none.
    """
    place = host_and_port(address)
    problem = "nothing answers" if not answers(*place) else "" if speaks_grpc(*place) else "no Ray head answers"
    if problem:
        remedy = "Start a head with `ray start --head`, and give its HOST:PORT."
        raise UserError("executor.address", f"{problem} at {address}.", remedy)


def host_and_port(address: str) -> tuple[str, int]:
    """The parts of HOST:PORT.

    Raises:
        UserError: if it is none.
    """
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise UserError("executor.address", f"'{address}' is no address of Ray.", "Write 'local' or HOST:PORT.")
    return host.strip("[]"), int(port)


def answers(host: str, port: int, within: float = 5.0) -> bool:
    """Whether something listens there."""
    try:
        with socket.create_connection((host, port), timeout=within):
            return True
    except (OSError, UnicodeError):
        return False


def speaks_grpc(host: str, port: int, within: float = 5.0) -> bool:
    """Whether what listens there greets as every gRPC server does, which a Ray head is: with HTTP/2's settings."""
    try:
        with socket.create_connection((host, port), timeout=within) as connection:
            connection.sendall(HTTP2_GREETING)
            answer = b""
            while len(answer) < len(HTTP2_HEADER) and (part := connection.recv(64)):
                answer += part
    except (OSError, UnicodeError):
        return False
    return len(answer) >= len(HTTP2_HEADER) and answer[3] == HTTP2_HEADER[3]


def teacher_steps(config: RunConfig, sizes: Mapping[str, int], sample: Sequence[str]) -> int:
    """About how many steps the teacher's fine-tuning takes: batches hold so many tokens, not sentences.

    For a form, which has no tokenizer; `search.outlook` counts them.

    Args:
        sizes: sentences of each part of the data.
        sample: some of its texts: how long they are.
    """
    words = sum(len(text.split()) for text in sample) / max(1, len(sample))
    pieces = min(config.teacher.max_length, _PIECES_A_WORD * words + 2)
    return math.ceil(math.ceil(sizes["distillation"] * pieces / FINE_TUNING_TOKENS) * config.teacher.epochs)


def enough_epochs(config: RunConfig, steps: int) -> int:
    """Epochs that give the teacher enough steps, as far as the setting allows."""
    most = next(rule.le for rule in TeacherConfig.model_fields["epochs"].metadata if hasattr(rule, "le"))
    return min(int(most), math.ceil(config.teacher.epochs * _ENOUGH_STEPS / max(1, steps)))


def has_classifier(name: str, classes: int) -> bool:
    """Whether a teacher is used as it is, without fine-tuning; one that cannot be looked at is taken to need it."""
    try:
        found = look_at(TeacherConfig(name=name))
    except UserError:
        return False
    return found.classes is not None and len(found.classes) == classes


def look_at(config: TeacherConfig) -> Look:
    """The teacher by its files, all but its weights.

    Raises:
        UserError: if it is missing or cannot be used.
    """
    if config.name in resources.RESOURCES:
        return look(resources.require(config.name))
    folder = given_path(config.name, "teacher.name")
    if is_missing_path(config.name):
        raise UserError("teacher.name", f"the folder {config.name} does not exist.", "Use the folder of a checkpoint.")
    return look(folder) if folder.is_dir() else look_at_hub(config.name)


def whole(name: str, field: str) -> str:
    """A path in full; any other name as it is.

    Raises:
        UserError: if nothing can be called that.
    """
    if name in resources.RESOURCES:
        return name
    path = given_path(name, field)
    return str(path.resolve()) if path.exists() or name.startswith((".", "/", "~")) else name
