"""Writes this folder's files. Run it with the code of 0.1.0, never with a later one: README.md tells how."""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertModel,
    BertTokenizerFast,
)

from rosearch_engine.store import Store

HERE = Path(__file__).parent
ASKED = ["a charming and funny film", "the plot is dull and rather clumsy", "my friends thought it warm"]
SETTINGS = {
    "data.validation": 60,
    "data.search_attack": 30,
    "data.held_out": 20,
    "teacher.epochs": 8,
    "teacher.learning_rate": 0.005,
    "distil.epochs": 4,
    "distil.learning_rate": 0.01,
    "distil.swaps": "off",
    "space.max_nodes": 2,
    "space.ranks": "[8]",
    "space.codes": '["plain"]',
    "attack.recipe": "pwws",
    "attack.sentences": 8,
    "search.chains": 1,
    "search.population": 2,
    "search.candidates": 4,
}

GOOD = ["charming", "funny", "warm", "honest", "clever", "moving", "fresh", "gripping", "tender", "graceful"]
BAD = ["dull", "clumsy", "stale", "hollow", "tedious", "shallow", "noisy", "bland", "awkward", "dreary"]
SUBJECTS = ["the plot", "the first half", "this comedy", "her latest film", "the acting", "the script", "the music"]
FRAMES = [
    "{subject} is {first} and rather {second}",
    "we found {subject} {first} , even {second} at times",
    "{subject} turns out {first} from the start , and {second} at the end",
    "my friends thought {subject} {first} , I would say {second}",
]


def make_sentences(file: Path) -> list[str]:
    draw = random.Random(0)
    rows: dict[str, int] = {}
    while len(rows) < 1000:
        label = draw.randrange(2)
        first, second = draw.sample(GOOD if label else BAD, 2)
        rows[draw.choice(FRAMES).format(subject=draw.choice(SUBJECTS), first=first, second=second)] = label
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerows([("sentence", "label"), *rows.items()])
    return list(rows)


def make_encoder(folder: Path, sentences: list[str]) -> None:
    """An untrained BERT of two layers x 16 with some 200 word pieces."""
    folder.mkdir()
    words = sorted({word.lower() for sentence in sentences for word in sentence.split()})
    letters = sorted(set("".join(words)))
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    (folder / "vocab.txt").write_text("\n".join(dict.fromkeys([*pieces, *words])))
    tokenizer = BertTokenizerFast(vocab_file=str(folder / "vocab.txt"), model_max_length=64)
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(len(tokenizer), **sizes, max_position_embeddings=64)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def rosearch(*words: object) -> None:
    subprocess.run([sys.executable, "-m", "rosearch_engine", *map(str, words)], check=True)


def copy_store(database: Path) -> dict[str, int]:
    """Copies the store with small pages, which makes a small file; returns the number of rows of every table."""
    with sqlite3.connect(database) as whole, sqlite3.connect(HERE / "store.db") as copy:
        whole.backup(copy)
        copy.execute("UPDATE run SET host = 'elsewhere'")
        copy.commit()
        for change in ("PRAGMA journal_mode=DELETE", "PRAGMA page_size=1024", "VACUUM"):
            copy.execute(change)
        tables = [name for (name,) in copy.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        return {table: copy.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}


def logits() -> list[list[float]]:
    tokenizer = AutoTokenizer.from_pretrained(HERE / "checkpoint", trust_remote_code=True)
    model = AutoModelForSequenceClassification.from_pretrained(HERE / "checkpoint", trust_remote_code=True).eval()
    with torch.no_grad():
        return model(**tokenizer(ASKED, padding=True, return_tensors="pt")).logits.tolist()


def main() -> None:
    for name in ("checkpoint", "run.zip", "store.db", "expected.json"):
        path = HERE / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    home = Path(os.environ["ROSEARCH_HOME"])
    make_encoder(home / "encoder", make_sentences(home / "sentences.csv"))
    settings = SETTINGS | {"data.name": home / "sentences.csv", "teacher.name": home / "encoder"}
    rosearch("search", "--run", "tiny", *(word for key in settings for word in ("--set", f"{key}={settings[key]}")))
    rosearch("rescore", "tiny", "--top", 1, "--seeds", 1, "--n", 5)
    store = Store.write()
    run_id = store.run("tiny")["id"]
    student = next(row["name"] for row in store.students(run_id) if row["knee"])
    store.mark(run_id, student, "pwws", "a warm film", "a lukewarm film", False)
    store.close()
    rosearch("export", f"tiny/{student}", "--to", HERE / "checkpoint")
    rosearch("pack", "tiny", "--to", HERE / "run.zip", "--students", student)
    rows = copy_store(home / "rosearch.db")
    facts = {"student": student, "rows": rows, "sentences": ASKED, "logits": logits()}
    (HERE / "expected.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
