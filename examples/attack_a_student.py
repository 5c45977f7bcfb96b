"""Attack a student with word swaps and with character edits, and print each sentence's outcome.

    python examples/attack_a_student.py
    python examples/attack_a_student.py my-run s0007

Without arguments, it attacks a student of the bundled recorded run.
"""

from __future__ import annotations

import sys

from rosearch_engine.attack.run import Attacker, Target
from rosearch_engine.checkpoints.load import load
from rosearch_engine.recorded.unpack import bring_shipped
from rosearch_engine.store import Store

# Reviews with their class: 0 is negative, 1 positive.
REVIEWS = [
    ("a warm and funny film with a great cast", 1),
    ("dull , noisy and far too long , with nothing to say", 0),
    ("the plot is thin , but the acting makes up for it", 1),
]


def main(run: str = "example", name: str = "s0006") -> None:
    bring_shipped()
    student = load(Store.read(), run, name)
    targets = [Target(number, text, label) for number, (text, label) in enumerate(REVIEWS)]
    for recipe in ("pwws", "deepwordbug"):
        # Both attack the calibrated student. `one_swap` also checks every single swap, if the recipe is deterministic.
        attacker = Attacker(recipe, query_budget=500, one_swap=True)
        for result in attacker.attack(student.victim, targets):
            print(f"{recipe}: {result.outcome} after {result.queries} queries")
            print(f"  {result.before.text}")
            if result.outcome == "fooled":
                print(f"  {result.after.text}")
            if result.swaps and result.swaps.asked:
                print(f"  {result.swaps.flips} of {result.swaps.asked} single swaps change the prediction")


if __name__ == "__main__":
    main(*sys.argv[1:])
