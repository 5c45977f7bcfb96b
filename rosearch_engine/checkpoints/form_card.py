"""What a model card says of a student's forms: which gave which number, how each is loaded, what is not in it."""

from __future__ import annotations

from collections.abc import Sequence

from rosearch_engine.checkpoints.forms import FILES, Form
from rosearch_engine.checkpoints.load import Loaded
from rosearch_engine.checkpoints.measure import FormFigures

_TORCH = """```python
from transformers import AutoModelForSequenceClassification, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
model = AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True)
logits = model(**tokenizer("a sentence", truncation=True, return_tensors="pt")).logits
```
"""


def forms_table(figures: Sequence[FormFigures]) -> str:
    """Each form's own figures; nothing where none was measured by itself."""
    if not figures:
        return ""
    rows = "\n".join(
        f"| {one.form} | `{one.file}` | {one.bytes / 1e6:.2f} MB | {_accuracy(one)} | {_of(one.held, one.attacked)} "
        f"| {_of(one.certified, one.attacked)} | {_of(one.same, one.attacked)} | {one.p50:.2f} / {one.p95:.2f} ms |"
        for one in figures
    )
    missing = " ".join(sorted({one.missing for one in figures if one.missing}))
    return f"""## Forms

The table above is the search's, of the student as it was trained. Each form was then measured from its file:

| form | file | size | clean accuracy | held under attack | certified | outcome as in the search | latency p50 / p95 |
| --- | --- | --- | --- | --- | --- | --- | --- |
{rows}

Latency: one sentence of 32 tokens, one thread, {figures[0].cpu}, the forms in turns. All forms compute in float32 but
for the products of int8, and are calibrated by the same temperature.
{_INT8 if any(one.form == "int8" for one in figures) else ""}{missing}
"""


_INT8 = """
A certificate is a statement about a student's arithmetic, and int8 has its own. Here only the products of the graph's
linear layers are rounded, activations in blocks of one token's state, so that no sentence's result depends on the
sentences beside it. Word tables, ledger, its sum and the bound of a bounded graph stay in float32, which is what a
certificate counts with: the worst case over swaps stays a sum. The number certified above was found anew, from the
int8 file and the weights that its own graph gives the words. A processor that multiplies otherwise may round otherwise:
measure it where it runs.
"""


def loading(forms: Sequence[Form], loaded: Loaded) -> str:
    """Code that loads the forms."""
    parts = [_TORCH] if "safetensors" in forms else []
    graphs = [FILES[form] for form in ("onnx", "int8") if form in forms]
    if graphs:
        other = f"  # or {graphs[1]}" if len(graphs) > 1 else ""
        coded = loaded.code.canonical is not None
        parts.append(_graph_code(graphs[0], other, loaded.tokenizer.model_max_length, coded, loaded.pair))
    return "\n".join(parts)


def _graph_code(file: str, other: str, length: int, coded: bool, pair: bool) -> str:
    rule = """
sys.path.insert(0, folder)  # canonical.py, which needs Python alone
from canonical import Canonical

read = Canonical.from_dict(json.load(open(f"{folder}/words.json", encoding="utf-8")))"""
    texts = ["a sentence", "another sentence"] if pair else ["a sentence"]
    given = ", ".join(f'read("{text}")' if coded else f'"{text}"' for text in texts)
    imports = "import json\nimport sys\n\n" if coded else ""
    return f"""With ONNX Runtime, without PyTorch and transformers:

```python
{imports}import numpy as np
import onnxruntime
from tokenizers import Tokenizer
{rule if coded else ""}
tokenizer = Tokenizer.from_file(f"{{folder}}/tokenizer.json")
tokenizer.enable_truncation({length})
session = onnxruntime.InferenceSession(f"{{folder}}/{file}"){other}
said = tokenizer.encode({given})
rows = {{"input_ids": said.ids, "attention_mask": said.attention_mask, "token_type_ids": said.type_ids}}
logits = session.run(["logits"], {{one.name: np.array([rows[one.name]]) for one in session.get_inputs()}})[0]
```
"""


def tokenizer_note(forms: Sequence[Form], loaded: Loaded) -> str:
    """What of the tokenizer is not part of a graph's files."""
    if not any(form in forms for form in ("onnx", "int8")):
        return ""
    if loaded.code.canonical is None:
        return "\nA graph takes token numbers; `tokenizer.json` alone makes them, in any language that reads it.\n"
    return """
A graph takes token numbers. The student reads words by an input code, without which it is another, weaker student:
`tokenizer.json` does not contain that code. `words.json` (its words) and `canonical.py` (its rule, Python's standard
library only) do, and rewrite a text before `tokenizer.json` reads it, as above. Elsewhere than in Python, the rule
has to be written again.
"""


def _accuracy(one: FormFigures) -> str:
    return "not measured" if one.accuracy is None else f"{one.accuracy:.1%} (n = {one.accuracy_n})"


def _of(count: int | None, n: int | None) -> str:
    return "not measured" if count is None or not n else f"{count / n:.1%} ({count} of {n})"
