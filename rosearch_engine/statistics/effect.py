"""The effect that answers a question, and the correction for multiple tests."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

LEVEL = 0.05
CORRECTION = "Benjamini-Hochberg, over all tests"
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Effect:
    """An effect's size, how sure it is, and whether chance would do as well.

    Attributes:
        size: the estimate; 0 is no effect.
        interval: 95% interval of this effect alone.
        p: how often chance gives an effect as large, in either direction.
        q: the same, adjusted for all questions that were asked along with it.
        found: whether it is told from chance: q at most `LEVEL`, and 0 outside the interval.
    """

    size: float
    interval: tuple[float, float]
    p: float
    q: float = 1.0
    found: bool = False


def corrected(effects: Mapping[Key, Effect]) -> dict[Key, Effect]:
    """The same effects with `q`, the p values adjusted by Benjamini & Hochberg (1995), and `found`.

    The false discovery rate, not Holm's family-wise error: the statistics look for leads among many questions that
    overlap (depth, edges and weights grow together), where one false lead in twenty is a fair price and missing most
    true ones is not. If nothing at all is true, both hold the chance of any finding at `LEVEL`.
    """
    if not effects:
        return {}
    from scipy.stats import false_discovery_control  # most of a second to import

    adjusted = false_discovery_control([effect.p for effect in effects.values()])
    return {key: _judged(effect, float(q)) for (key, effect), q in zip(effects.items(), adjusted, strict=True)}


def _judged(effect: Effect, q: float) -> Effect:
    low, high = effect.interval
    return replace(effect, q=q, found=q <= LEVEL and (low > 0 or high < 0))
