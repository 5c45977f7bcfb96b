"""From attacked sentences to the numbers that are reported, and what they were measured with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Never, cast

from rosearch_engine import resources
from rosearch_engine.attack.recipes.build import describe
from rosearch_engine.attack.recipes.catalogue import REVISION, ready_recipe
from rosearch_engine.attack.result import Certificate, Result, Said, Swaps, Target
from rosearch_engine.config import AttackConfig, fingerprint
from rosearch_engine.store.rows import Conditions, Example, Materials, ProtocolRow, SaidRow, Scored


@dataclass(frozen=True)
class Score:
    """The numbers that belong together, and what they rest on. All shares are of ALL attacked sentences: one that
    was wrong from the start, or whose attack broke, counts as lost.

    Attributes:
        accuracy: clean accuracy on the validation sentences.
        accuracy_n: how many those are.
        robustness: `held` of `attacked`: what the search climbs.
        held: sentences that survive the attack and every single swap; of the calibrated and of the raw student,
            the smaller number.
        attacked: how many sentences there were.
        calibrated_held: sentences that survive the attack on the calibrated student, if it was attacked.
        raw_held: the same on its raw logits, if that was asked; far above the other, it shows confidence that
            starves the attack, not robustness (Raina et al. 2024).
        one_swap_held: sentences that no single swap flips, if that was asked.
        certified: sentences that no combination of swaps can flip, proved; None of a student without a ledger, where
            the recipe has no lexicon, or where the lexicon has no swap for any word: then nothing was tried.
        success_rate: fooled / classified rightly before the attack on the calibrated student; None if none was.
        mean_queries: queries a sentence of that attack, over those that were attacked.
        temperature: the calibration.
    """

    accuracy: float
    accuracy_n: int
    robustness: float
    held: int
    attacked: int
    calibrated_held: int | None
    raw_held: int | None
    one_swap_held: int | None
    success_rate: float | None
    mean_queries: float
    temperature: float
    certified: int | None = None

    def row(self) -> Scored[Never]:
        """As the store keeps it."""
        return cast("Scored[Never]", asdict(self))


def score(accuracy: float, accuracy_n: int, results: Sequence[Result], temperature: float) -> Score:
    """Sum up attacked sentences."""
    stands = [result.stands for result in results]
    raw = [result.raw.stands for result in results if result.raw]
    asked = any(result.swaps is not None for result in results)
    swapped = [r.outcome != "already wrong" and r.swaps is not None and r.swaps.flips == 0 for r in results]
    fooled = sum(result.outcome == "fooled" for result in results)
    queries = [result.queries for result in results if result.outcome not in ("already wrong", "failed")]
    held = sum(result.survives for result in results)
    proofs = [result.certificate for result in results if result.certificate]
    tried = any(proof.moves for proof in proofs)
    if raw:
        held = min(held, sum(result.raw.stands and result.unswayed for result in results if result.raw))
    return Score(
        accuracy=accuracy,
        accuracy_n=accuracy_n,
        robustness=held / len(results) if results else 0.0,
        held=held,
        attacked=len(results),
        calibrated_held=sum(stands),
        raw_held=sum(raw) if raw else None,
        one_swap_held=sum(swapped) if asked else None,
        success_rate=fooled / (sum(stands) + fooled) if any(stands) or fooled else None,
        mean_queries=sum(queries) / len(queries) if queries else 0.0,
        temperature=temperature,
        certified=sum(proof.certified for proof in proofs) if tried else None,
    )


def score_swaps(accuracy: float, accuracy_n: int, swaps: Sequence[Swaps | None], temperature: float) -> Score:
    """Sum up exact single swaps, of sentences that were not attacked beside: held is what no single swap flips."""
    held = sum(one is not None and one.flips == 0 for one in swaps)
    asked = [one.asked for one in swaps if one is not None]
    return Score(
        accuracy,
        accuracy_n,
        held / len(swaps) if swaps else 0.0,
        held,
        len(swaps),
        calibrated_held=None,
        raw_held=None,
        one_swap_held=held,
        success_rate=None,
        mean_queries=sum(asked) / len(asked) if asked else 0.0,
        temperature=temperature,
    )


def score_proofs(accuracy: float, accuracy_n: int, proofs: Sequence[Certificate], temperature: float) -> Score:
    """Sum up exact worst cases, of sentences that were not attacked beside: held is what no combination flips."""
    certified = sum(proof.certified for proof in proofs)
    return Score(
        accuracy,
        accuracy_n,
        certified / len(proofs) if proofs else 0.0,
        certified,
        len(proofs),
        calibrated_held=None,
        raw_held=None,
        one_swap_held=None,
        success_rate=None,
        mean_queries=0.0,
        temperature=temperature,
        certified=certified if any(proof.moves for proof in proofs) else None,
    )


def protocol(config: AttackConfig, data: str) -> ProtocolRow:
    """Recipe, settings and versions of a measurement, and one hash over them all."""
    recipe = ready_recipe(config.recipe, config.level)
    facts: Conditions = {
        "recipe": recipe.name,
        "level": config.level,
        "query_budget": config.query_budget,
        "seconds": config.seconds,
        "one_swap": config.one_swap and recipe.swaps,
        "faces": ["calibrated", "raw"],
        "precision": config.precision,
        "data": data,
        **materials(config),
    }
    return {**facts, "hash": fingerprint(facts)}


def materials(config: AttackConfig) -> Materials:
    """What the recipe's candidates depend on: itself, its constraints, TextAttack's version, its resources' content."""
    recipe = ready_recipe(config.recipe, config.level)
    return {
        "textattack": version("textattack"),
        "revision": REVISION,
        "settings": describe(recipe, config.level),
        "resources": {need: resources.digest(need) for need in recipe.needs_at(config.level)},
    }


def swap_store_key(config: AttackConfig) -> str:
    """The recipe's key in the store of swaps."""
    recipe = ready_recipe(config.recipe, config.level)
    return f"{recipe.name}-{config.level}-{fingerprint(materials(config))}"


def example(result: Result) -> Example:
    """A result as the store keeps it."""
    swaps, raw, proof = result.swaps, result.raw, result.certificate
    return {
        "sentence": result.target.sentence,
        "outcome": result.outcome,
        "label": result.target.label,
        "before": _stored(result.before),
        "after": _stored(result.after),
        "queries": result.queries,
        "reason": result.reason,
        "raw_outcome": raw.outcome if raw else None,
        "raw_queries": raw.queries if raw else None,
        "swaps": swaps.asked if swaps else None,
        "flips": swaps.flips if swaps else None,
        "worst_swap": _stored(swaps.worst) if swaps and swaps.worst else None,
        "certified": proof.certified if proof else None,
    }


def restored(row: Example, target: Target) -> Result:
    """The result of a row of `example`, as far as a score asks; a proof is not kept with it."""
    before, after = _said(row["before"]), _said(row["after"])
    raw, swaps = None, None
    if row["raw_outcome"] is not None:
        raw = Result(target, row["raw_outcome"], before, after, row["raw_queries"] or 0)
    if row["swaps"] is not None:
        worst = None if row["worst_swap"] is None else _said(row["worst_swap"])
        swaps = Swaps(row["swaps"], row["flips"] or 0, worst)
    return Result(target, row["outcome"], before, after, row["queries"], row["reason"], raw, swaps)


def _said(row: SaidRow) -> Said:
    text = row["text"] if isinstance(row["text"], str) else tuple(row["text"])
    return Said(text, row["class"], row["probabilities"])


def _stored(said: Said) -> SaidRow:
    text = said.text if isinstance(said.text, str) else list(said.text)
    return {"text": text, "class": said.label, "probabilities": said.probabilities}
