"""A student as a `transformers` checkpoint that loads where this project is not installed; or as ONNX."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Never, cast

from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.dynamic_module_utils import get_relative_import_files

from rosearch_engine.atomic import new_folder
from rosearch_engine.checkpoints.form_card import forms_table, loading, tokenizer_note
from rosearch_engine.checkpoints.forms import FILES, Form, chosen
from rosearch_engine.checkpoints.load import Loaded, load
from rosearch_engine.checkpoints.measure import FormFigures, measure_forms
from rosearch_engine.checkpoints.portable import portable
from rosearch_engine.errors import UserError
from rosearch_engine.given import given_path
from rosearch_engine.operations import operation
from rosearch_engine.progress import Progress
from rosearch_engine.report import untried
from rosearch_engine.store.repo import Store
from rosearch_engine.store.rows import Count, MeasuredStudent, RunRow, Scored, copies_loss, share
from rosearch_engine.student.modeling import RoSearchConfig, RoSearchForSequenceClassification

AUTO = "AutoModelForSequenceClassification"
FIGURES = "forms.json"


def export(
    store: Store, run: str, student: str, folder: Path, forms: Sequence[str] = (), progress: Progress | None = None
) -> Path:
    """Write a student, its config, tokenizer and a model card to a new folder.

    Args:
        forms: of `checkpoints.forms`; none: safetensors, with the model's code. If there are others, each is measured
            from its file, and `FIGURES` has what was found.

    Raises:
        UserError: if the folder is not empty or cannot be written, there is no such student or form, or a form needs
            packages that are not installed.
    """
    wanted = chosen(forms)
    folder = given_path(folder, "to").resolve()
    if folder.is_file() or (folder.exists() and any(folder.iterdir())):
        raise UserError("to", f"{folder} is not empty.", "Choose a new folder.")
    loaded = load(store, run, student)
    if loaded.facts is None:
        raise UserError("student", "the teacher is already a checkpoint.", "Export a student.")
    try:
        with new_folder(folder) as draft:
            _write(store, loaded, loaded.facts, store.run(run), draft, wanted, progress or Progress())
    except OSError as error:
        raise UserError("to", f"{folder} cannot be written ({error.strerror}).", "Choose another folder.") from None
    return folder


def _write(
    store: Store,
    loaded: Loaded,
    facts: MeasuredStudent,
    run: RunRow,
    folder: Path,
    forms: list[Form],
    progress: Progress,
) -> None:
    write_forms(loaded, folder, forms)
    figures: list[FormFigures] = []
    if forms != ["safetensors"]:
        figures = measure_forms(store, run, facts, loaded.columns, folder, forms, progress)
        (folder / FIGURES).write_text(json.dumps([asdict(one) for one in figures], indent=2), encoding="utf-8")
    card = _card(facts, run, loaded, cast(RoSearchConfig, loaded.model.config), forms, figures)
    (folder / "README.md").write_text(card, encoding="utf-8")


def write_forms(loaded: Loaded, folder: Path, forms: Sequence[Form]) -> None:
    """Write the files of some forms of a student, its config and its tokenizer to a folder that is there.

    Raises:
        UserError: if an operation cannot be written.
    """
    model = cast(RoSearchForSequenceClassification, loaded.model)
    # Divide logits by it for probabilities that mean what they say. (`temperature` is a setting of text generation.)
    model.config.calibration_temperature = loaded.temperature
    loaded.tokenizer.model_max_length = min(loaded.max_length, model.config.max_position_embeddings)
    tokenizer = loaded.code.wrap(loaded.tokenizer)
    if "safetensors" in forms:
        write_checkpoint(model, tokenizer, folder)
    else:
        (folder / "config.json").write_text(model.config.to_json_string(), encoding="utf-8")
        tokenizer.save_pretrained(folder)
    if any(form != "safetensors" for form in forms):
        _write_graphs(model, folder, forms)


def _write_graphs(model: RoSearchForSequenceClassification, folder: Path, forms: Sequence[Form]) -> None:
    from rosearch_engine.checkpoints.onnx_write import write_int8, write_onnx  # what it imports is an extra

    graph = folder / FILES["onnx"]
    write_onnx(model, graph)
    if "int8" in forms:
        write_int8(graph, folder / FILES["int8"])
    if "onnx" not in forms:
        graph.unlink()


def write_checkpoint(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write a student so that `AutoModelForSequenceClassification` loads it where this project is not installed."""
    RoSearchConfig.register_for_auto_class()
    RoSearchForSequenceClassification.register_for_auto_class(AUTO)
    model.save_pretrained(folder)
    _write_operations(sorted({node["operation"] for node in model.config.nodes}), folder)
    tokenizer.save_pretrained(folder)


def _write_operations(names: list[str], folder: Path) -> None:
    """Put the files of these operations beside the model's, and lines that import them at its end.

    `transformers` finds files to load by the relative imports that it reads in the text.
    """
    lines: list[str] = []
    for name in names:
        kind = operation(name).load()
        source = Path(inspect.getfile(kind))
        if not re.search(rf"^class {kind.__name__}\b", _write_file(source, folder), re.MULTILINE):
            bound = f"the module of '{name}' needs rosearch_engine, which is not part of a checkpoint."
            raise UserError("operation", bound, "Make it use torch and transformers only.")
        for file in map(Path, get_relative_import_files(source)):
            _write_file(file, folder)
            # It looks no deeper than the model's own imports: what those import is named here too.
            lines.append(f"from .{file.stem} import __doc__ as _")
        lines += [f"from .{source.stem} import {kind.__name__}", f'MODULES["{name}"] = {kind.__name__}']
    lines = list(dict.fromkeys(lines))
    with (folder / "modeling.py").open("a", encoding="utf-8") as model:
        model.write("\n\n" + "\n".join(lines) + "\n")


def _write_file(source: Path, folder: Path) -> str:
    """Write what can travel of a file into the folder, and return it."""
    text, file = portable(source.read_text(encoding="utf-8")), folder / source.name
    if not source.stem.isidentifier() or (file.exists() and file.read_text(encoding="utf-8") != text):
        taken = f"the module in {source} cannot be written: its file name is taken or is not a valid module name."
        raise UserError("operation", taken, "Rename the file.")
    file.write_text(text, encoding="utf-8")
    return text


def _card(
    facts: MeasuredStudent,
    run: RunRow,
    loaded: Loaded,
    config: RoSearchConfig,
    forms: Sequence[Form],
    figures: Sequence[FormFigures],
) -> str:
    low, high = facts["robustness_interval"]
    success = (
        "no sentence was classified correctly" if facts["success_rate"] is None else f"{facts['success_rate']:.1%}"
    )
    proof = _proof(config) if "safetensors" in forms else ""  # its lines ask the model that torch loads
    protocol = "\n".join(f"- {key}: {value}" for key, value in facts["protocol"].items())
    return f"""# Student {facts["name"]} of run {run["name"]}

A small text classifier ({", ".join(loaded.classes)}) found and distilled by RoSearch Explorer.{_left_out(run)}

| measured | value |
| --- | --- |
| clean accuracy | {facts["accuracy"]:.1%} (n = {facts["accuracy_n"]}) |
| held under attack | {facts["robustness"]:.1%}, 95% interval {low:.1%} to {high:.1%} (n = {facts["attacked"]}) |
| after-attack accuracy, calibrated | {_share(facts, "calibrated_held")} |
| after-attack accuracy, raw logits | {_share(facts, "raw_held")} |
| robust to every single swap | {_share(facts, "one_swap_held")} |
| certified: no combination of swaps can flip | {_share(facts, "certified")} |
| training loss on adversarial copies, one step / refined | {_losses(facts)} |
| attack success rate | {success} |
| mean queries per sentence | {facts["mean_queries"]:.0f} |
| parameters | {facts["weights"]:,} ({facts["compression"]:.1f}x fewer than the teacher) |
| encoder parameters | {facts["encoder_weights"]:,} ({facts["encoder_compression"]:.1f}x fewer) |
| temperature | {facts["temperature"]:.3f} (divide the logits by it for calibrated probabilities) |

Held: classified correctly after the attack and after every single swap, on calibrated or on raw logits, whichever
is lower. All shares are relative to all attacked sentences.{_untried(run, facts["attacked"])}
Adversarial copies: training sentences whose words the adversary swapped in one gradient step, and after three more. If
the second loss is far above the first, the student has only learned to resist one gradient step.
These are search-time figures: the student was selected by them, so expect lower figures on new sentences.

Measured with:
{protocol}

{forms_table(figures)}{loading(forms, loaded)}{tokenizer_note(forms, loaded)}{proof}"""


def _proof(config: RoSearchConfig) -> str:
    """How to prove a sentence with nothing but the checkpoint."""
    if config.invariant and config.edges:
        return _invariant_proof()
    if config.bigrams:
        return _bigram_proof()
    bound = config.ledger_bound
    if bound is None:
        return ""
    graph = f"plus a graph that changes a margin by at most 2 x {bound:g}" if bound else "and nothing else"
    return f"""
## Certificates

The student is a ledger, a sum over the words, {graph}. So the worst effect of any combination of swaps is the sum of
the worst effects of each word's swaps. If the ledger's worst-case margin stays above {2 * bound:g}, no attack with
these swaps can flip the sentence. The ledger's table is part of the weights:

```python
table = model.ledger.table.weight.detach()  # (vocabulary, classes)


def said(word):
    return table[tokenizer(word, add_special_tokens=False)["input_ids"]].sum(dim=0)


def worst_margin(words, swaps, label, other):
    # words: those of the sentence; swaps: for each word, the list of its substitutes, including the word itself
    margin = model.ledger.bias[label] - model.ledger.bias[other]
    return float(margin + sum(min(said(one)[label] - said(one)[other] for one in swaps[word]) for word in words))
```

A sentence is certified if `worst_margin` exceeds {2 * bound:g} for every other class. This requires that each word is
tokenized on its own and that nothing is truncated; the figure above excludes sentences where that is in doubt.
"""


def _untried(run: RunRow, attacked: int) -> str:
    said = untried(run, attacked)
    return f"\n{said}" if said else ""


def _bigram_proof() -> str:
    return """
## Certificates

The student adds up what the words say, and what pairs of neighbouring tokens say. What a swap does to a word's pairs
depends on its neighbours alone, so the worst combination of swaps is the shortest path through the options of all
words, found from left to right. If the margin stays above zero, no attack with these swaps can flip the sentence:

```python
import sys

import torch

words, pairs, keys = model.ledger.table.weight.detach(), model.ledger.bigrams.weight.detach(), model.ledger.keys
bigram_rows = sys.modules[type(model).__module__].bigram_rows


def lead(tokens, label, other):
    # what some tokens in a row add to the margin
    tokens = torch.tensor(tokens)
    said = words[tokens].sum(dim=0) + pairs[bigram_rows(tokens[:-1], tokens[1:], keys)].sum(dim=0)
    return float(said[label] - said[other])


def worst_margin(places, label, other):
    # places: for each word of the sentence in order, and for [CLS] and [SEP], the list of its options: the token
    # numbers of the word itself and of its substitutes, at least one token each
    bias = float((model.ledger.bias[label] - model.ledger.bias[other]).detach())
    least = {tuple(option): lead(option, label, other) for option in places[0]}
    for options in places[1:]:
        least = {
            tuple(option): min(
                before + lead([left[-1], *option], label, other) - lead([left[-1]], label, other)
                for left, before in least.items()
            )
            for option in options
        }
    return bias + min(least.values())
```

A sentence is certified if `worst_margin` is positive for every other class. This requires that each word is tokenized
on its own and that nothing is truncated; the figure above excludes sentences where that is in doubt.
"""


def _invariant_proof() -> str:
    return """
## Certificates

The student adds up what the words say, each weighed by a graph that reads of every word only its class of swaps
(`model.embedding.heads`): a swap within a class changes nothing but that one word's own evidence. So the worst effect
of any combination of swaps is the sum of the worst effects of each word's swaps. If the margin stays above zero, no
attack with these swaps can flip the sentence:

```python
import torch

classes, evidence = model.embedding.heads, model.ledger.evidence.detach()  # (vocabulary, 1 + coefficients, classes)


def worst_margin(text, swaps, label, other):
    # swaps: from words of the text, each once in it, to the lists of their substitutes; all of one token
    read = tokenizer(text, return_tensors="pt")
    said = model(**read)
    weights = said.logits.new_ones(read["input_ids"].shape[1], 1)
    if said.coefficients is not None:
        weights = torch.cat([weights, said.coefficients[0]], dim=1)
    margin = said.logits[0, label] - said.logits[0, other]
    for word, substitutes in swaps.items():
        own, *others = (tokenizer(one, add_special_tokens=False)["input_ids"] for one in (word, *substitutes))
        assert all(len(one) == 1 and classes[one] == classes[own] for one in others), "the graph would read a swap"
        at = read["input_ids"][0].tolist().index(own[0])
        says = torch.stack([weights[at] @ evidence[one[0]] for one in (own, *others)])  # (options, classes)
        leads = says[:, label] - says[:, other]
        margin = margin + leads.min() - leads[0]
    return float(margin)
```

A sentence is certified if `worst_margin` is positive for every other class. The figure above also counts sentences in
which a few swaps do change what the graph reads, each combination of those looked at by itself.
"""


def _left_out(run: RunRow) -> str:
    dropped = run["dataset"].get("dropped") if run["dataset"] else None
    if not dropped:
        return ""
    return f" Rows of its data left out: {', '.join(f'{count:,} {reason}' for reason, count in dropped.items())}."


def _share(facts: Scored[Never], count: Count) -> str:
    held = share(facts, count)
    return "not measured" if held is None else f"{held:.1%}"


def _losses(facts: MeasuredStudent) -> str:
    losses = copies_loss(facts)
    return "not measured" if losses is None else "{:.2f} / {:.2f}".format(*losses)
