"""Hostile inputs by the ten thousand: `python -m benchmarks.fuzz [--cases 50000] [--seed 0] [--write]`.

Draws settings, config files, data files, names, recorded runs, rows of a store and its addresses, and gives each to the
program: it must go on or refuse in a sentence. Prints a table of what came, and with `--write` puts it into
benchmarks/faults.md.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from benchmarks.own_home import own_home
from benchmarks.page import made_on, put
from rosearch_engine.errors import UserError
from tests.fuzz.cases import KINDS, Kind
from tests.fuzz.watch import Watch

PAGE = Path(__file__).with_name("faults.md")
# Shares of the cases: what is quick and has many ways in gets more.
SHARES = {
    "settings": 0.28,
    "config files": 0.18,
    "data files": 0.16,
    "names": 0.14,
    "recorded runs": 0.08,
    "rows": 0.04,
    "addresses": 0.12,
}


@dataclass
class Tally:
    """What came of the cases of a kind."""

    cases: int = 0
    refused: int = 0
    writes: int = 0
    starts: int = 0
    seconds: float = 0.0
    tracebacks: Counter[str] = field(default_factory=Counter)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--cases", type=int, default=50_000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--write", action="store_true", help="put the table into benchmarks/faults.md")
    chosen = options.parse_args()
    watch = Watch()
    with tempfile.TemporaryDirectory() as folder:
        own_home(Path(folder) / "home")
        tallies = {
            name: measure(kind, max(1, round(chosen.cases * SHARES[name])), chosen.seed, Path(folder), watch)
            for name, kind in KINDS.items()
        }
    text = table(tallies, chosen.seed)
    print(text)
    for name, tally in tallies.items():
        for trace, count in tally.tracebacks.most_common():
            print(f"\n{name}, {count} times:\n{trace}")
    if chosen.write:
        put(PAGE, "fuzz", text)


def measure(kind: Kind, count: int, number: int, folder: Path, watch: Watch) -> Tally:
    """Give so many cases of a kind to the program."""
    tally, began = Tally(), time.process_time()

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(kind.inputs)
    def each(case: object) -> None:
        tally.cases += 1
        with watch.over(folder):
            try:
                kind.use(case, folder)
            except UserError:
                tally.refused += 1
            except Exception:
                tally.tracebacks[traceback.format_exc(limit=-4)[-1500:]] += 1
        tally.writes += len(watch.writes)
        tally.starts += len(watch.starts)

    each()
    tally.seconds = time.process_time() - began
    return tally


def table(tallies: dict[str, Tally], number: int) -> str:
    """The tallies in Markdown."""
    rows = [
        f"| {name} | {one.cases:,} | {one.refused:,} | {one.cases - one.refused - one.tracebacks.total():,} | "
        f"{one.tracebacks.total()} | {one.writes} | {one.starts} | {one.seconds:.0f} |"
        for name, one in tallies.items()
    ]
    every = tallies.values()
    rows.append(
        f"| all | {sum(one.cases for one in every):,} | {sum(one.refused for one in every):,} | "
        f"{sum(one.cases - one.refused - one.tracebacks.total() for one in every):,} | "
        f"{sum(one.tracebacks.total() for one in every)} | {sum(one.writes for one in every)} | "
        f"{sum(one.starts for one in every)} | {sum(one.seconds for one in every):.0f} |"
    )
    head = "| inputs | cases | refused in a sentence | taken | tracebacks | writes outside | programs started | CPU s |"
    command = f"python -m benchmarks.fuzz --cases {sum(one.cases for one in every)} --seed {number}"
    made = f"`{command}`, {made_on()}."
    return "\n".join([made, "", head, "| --- " + "| ---: " * 7 + "|", *rows])


if __name__ == "__main__":
    main()
