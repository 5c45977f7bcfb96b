"""Tries to refute certificates of a real student: `python -m benchmarks.refute [--layers N] [--tries 1000000]`.

Trains a student with a ledger on movie reviews (0 layers: the bag of words), certifies sentences that it has not seen,
and asks it about combinations of swaps of those that are certified. Prints how many flipped one: it must be none.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np

from rosearch_engine.attack.certificate import Certifier
from rosearch_engine.attack.lexicon import named_lexicon
from rosearch_engine.attack.refute import Combinations, beam
from rosearch_engine.config import build
from rosearch_engine.genome import Genome
from rosearch_engine.progress import Progress
from rosearch_engine.search.context import prepare, targets
from rosearch_engine.search.evaluate import train

AT_ONCE = 1_000  # texts of one sentence at a time


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--layers", type=int, default=0)
    options.add_argument("--tries", type=int, default=1_000_000)
    options.add_argument("--sentences", type=int, default=400)
    options.add_argument("--set", action="append", default=[], help="stage.field=value")
    given = options.parse_args()
    context = prepare(build("standard", settings=["attack.recipe=pwws", *given.set]), Progress())
    genome = context.space.chain(given.layers, "plain") if given.layers else Genome.bag("plain")
    model, _ = train(genome, context.config.search.seed, context, Progress())
    reading, lexicon = context.readings["plain"], named_lexicon("pwws")
    victim = context.victim(model, context.teacher.validation_logits, "plain")
    some = targets(context.data.search_attack.head(given.sentences), context.data.columns)
    certifier = Certifier(model, reading.pieces, context.teacher.max_length, lexicon)
    proofs = certifier.certify([one.text for one in some], [one.label for one in some])
    certified = [one for one, proof in zip(some, proofs, strict=True) if proof.certified]
    rng, tries, flips, began = np.random.default_rng(0), 0, 0, time.perf_counter()
    ways = {id(one): Combinations(str(one.text), lexicon) for one in certified}
    first = True
    while certified and tries < given.tries:
        for target in certified:
            all_of_it = ways[id(target)]
            texts = beam(victim, all_of_it, target.label) if first else all_of_it.draw(rng, AT_ONCE)
            if texts:
                flips += int((victim.logits(texts).argmax(axis=1) != target.label).sum())
            tries += len(texts)
            if tries >= given.tries:
                break
        first = False
    print(
        json.dumps(
            {
                "student": f"{given.layers} layers" if given.layers else "bag of words",
                "sentences": len(some),
                "certified": len(certified),
                "tries": tries,
                "flips": flips,
                "seconds": round(time.perf_counter() - began),
            }
        )
    )


if __name__ == "__main__":
    main()
