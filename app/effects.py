"""How closely each feature goes with an outcome: a bar each, with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from rosearch_engine.statistics import words_of

Said = Mapping[str, Any]  # an `Association` as plain values

_STYLE = """<style>
.effects { display: grid; grid-template-columns: minmax(8rem, 17rem) 1fr 3.4rem; gap: .25rem .8rem; align-items: center;
  font-size: .92rem; }
.effects .track { position: relative; height: 18px; border-left: 1px solid rgba(128,138,155,.35);
  border-right: 1px solid rgba(128,138,155,.35); }
.effects .track i { position: absolute; top: 3px; bottom: 3px; }
.effects .track .zero { left: 50%; top: -3px; bottom: -3px; border-left: 1px solid #7b8494; }
.effects .found { background: #2f6fe0; } .effects .chance { border: 1.5px solid #7b8494; box-sizing: border-box; }
.effects .whisker { top: 8px; bottom: 8px; background: currentColor; height: 2px; }
.effects .size { text-align: right; font-variant-numeric: tabular-nums; }
.effects .scale { display: flex; justify-content: space-between; font-size: .8rem; }
.effects-key { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; font-size: .85rem; margin-top: .4rem; }
.effects-key i { display: inline-block; width: 22px; height: 11px; margin-right: .35rem; box-sizing: border-box; }
.effects-key .found { background: #2f6fe0; } .effects-key .chance { border: 1.5px solid #7b8494; }
.effects-key .whisker { height: 2px; vertical-align: 4px; background: currentColor; }
@media (max-width: 640px) { .effects { grid-template-columns: 1fr 3.4rem; } .effects .track, .effects .scale {
  grid-column: 1 / -1; } .effects .corner { display: none; } }
</style>"""


def html(associations: Sequence[Said]) -> str:
    """A row a feature, the closest first; those told from chance are filled."""
    rows = sorted(associations, key=lambda row: -abs(row["spearman"]["size"]))
    if not rows:
        return "<div></div>"
    scale = (
        "<span class='corner'></span><div class='scale'><span>−1</span><span>0</span><span>+1</span></div><span></span>"
    )
    key = "".join(
        f"<span><i class='{name}'></i>{text}</span>"
        for name, text in (("found", "significant"), ("chance", "not significant"), ("whisker", "95% interval"))
    )
    drawn = "".join(map(_row, rows))
    return f"{_STYLE}<div class='effects'>{drawn}{scale}</div><div class='effects-key'>{key}</div>"


def _row(row: Said) -> str:
    effect, name = row["spearman"], words_of(row["feature"]).name
    size, (low, high) = effect["size"], effect["interval"]
    kind = "found" if effect["found"] else "chance"
    said = escape(_said(row, name), quote=True)
    return (
        f"<div>{escape(name)}</div><div class='track' role='img' title='{said}' aria-label='{said}'>"
        f"<i class='{kind}' style='left:{_place(min(0.0, size)):.1f}%;width:{50 * abs(size):.1f}%'></i>"
        f"<i class='zero'></i>"
        f"<i class='whisker' style='left:{_place(low):.1f}%;width:{50 * (high - low):.1f}%'></i></div>"
        f"<div class='size'>{size:+.2f}</div>"
    )


def _place(value: float) -> float:
    """Where a correlation stands, in percent from the left."""
    return 50 + 50 * value


def _said(row: Said, name: str) -> str:
    lines = [f"{name}: Spearman {_figure(row['spearman'])}"]
    if row["partial"]:
        controls = " and ".join(words_of(control).name for control in row["controls"])
        lines.append(f"controlling for {controls} {_figure(row['partial'])}")
    return "; ".join([*lines, f"n = {row['n']}"])


def _figure(effect: Said) -> str:
    low, high = effect["interval"]
    return f"{effect['size']:+.2f} (95% {low:+.2f} to {high:+.2f}), q = {effect['q']:.2g}"
