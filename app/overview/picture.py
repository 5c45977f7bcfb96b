"""The story as a picture: a bar a model, what it knows and what of that is left after the attack."""

from __future__ import annotations

import html
from collections.abc import Sequence

import streamlit as st

from app import formats
from app.overview.story import Bar

# The marks of the front have the same colours.
INKS = {"teacher": "#7b8494", "searched": "#2f6fe0", "bag": "#a85a00", "chain": "#8a5fd6"}
_STYLE = """<style>
.story { display: grid; grid-template-columns: minmax(9rem, 17rem) 1fr auto; gap: .55rem 1rem; align-items: center;
  margin: .4rem 0 .2rem; }
.story .who b { display: block; } .story .who span, .story .said span { font-size: .85rem; opacity: .85; }
.story .said { text-align: right; white-space: nowrap; } .story .said b { display: block; font-size: 1.25rem; }
.story .track { position: relative; height: 30px; border-radius: 5px; }
.story .track i { position: absolute; top: 0; bottom: 0; left: 0; border-radius: 5px; box-sizing: border-box; }
.story .clean { border: 1.5px solid var(--ink); background: color-mix(in srgb, var(--ink) 16%, transparent); }
.story .after { background: var(--ink); }
.story .proved { background: repeating-linear-gradient(135deg, rgba(255,255,255,.55) 0 3px, transparent 3px 8px); }
.story .track .whisker { top: 13px; bottom: 13px; height: 4px; border-radius: 0; background: currentColor;
  outline: 1px solid var(--ink); }
.story-key { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; font-size: .85rem; --ink: #7b8494; }
.story-key i { display: inline-block; width: 26px; height: 12px; border-radius: 3px; vertical-align: -1px;
  margin-right: .35rem; box-sizing: border-box; }
.story-key .clean { border: 1.5px solid var(--ink); background: color-mix(in srgb, var(--ink) 16%, transparent); }
.story-key .after { background: var(--ink); }
.story-key .proved { background: repeating-linear-gradient(135deg, rgba(255,255,255,.55) 0 3px, transparent 3px 8px),
  var(--ink); }
.story-key .whisker { height: 4px; vertical-align: 3px; background: currentColor; border-radius: 0; }
.story-box { container-type: inline-size; }
@container (max-width: 600px) { .story { grid-template-columns: 1fr auto; grid-auto-flow: dense; row-gap: .3rem; }
  .story .track { grid-column: 1 / -1; margin-bottom: .5rem; }
  .story .said { grid-column: 2; } .story .who { grid-column: 1; } }
</style>"""


def show(bars: Sequence[Bar]) -> None:
    """Draw the bars, the teacher's first."""
    rows = "".join(_row(bar) for bar in bars)
    keys = [("clean", "right before the attack"), ("after", "still right after it")]
    if any(bar.certified for bar in bars):
        keys.append(("proved", "proved: no combination of the attack's swaps can flip it"))
    keys.append(("whisker", "95% interval"))
    legend = "".join(f"<span><i class='{name}'></i>{text}</span>" for name, text in keys)
    st.html(
        f"{_STYLE}<div class='story-box'><div class='story'>{rows}</div></div><div class='story-key'>{legend}</div>"
    )


def _row(bar: Bar) -> str:
    low, high = bar.interval
    proved = f"<i class='proved' style='width:{100 * bar.certified:.1f}%'></i>" if bar.certified else ""
    size = "" if bar.kind == "teacher" else f", {formats.times(bar.compression)} smaller"
    said = f"{formats.percent(bar.clean, 0)} before" + (
        f", {formats.percent(bar.certified, 0)} proved" if bar.certified else ""
    )
    spoken = (
        f"{bar.name}: {formats.percent(bar.clean)} right before the attack, {formats.percent(bar.after)} after it, "
        f"95% interval {formats.interval(bar.interval)}, n = {bar.attacked}"
    )
    return (
        f"<div class='row' style='display:contents;--ink:{INKS[bar.kind]}'>"
        f"<div class='who'><b>{html.escape(bar.name)}</b><span>{html.escape(bar.what + size)}</span></div>"
        f"<div class='track' role='img' aria-label='{html.escape(spoken)}'>"
        f"<i class='clean' style='width:{100 * bar.clean:.1f}%'></i>"
        f"<i class='after' style='width:{100 * bar.after:.1f}%'></i>{proved}"
        f"<i class='whisker' style='left:{100 * low:.1f}%;width:{100 * (high - low):.1f}%'></i></div>"
        f"<div class='said'><b>{formats.percent(bar.after, 0)}</b><span>{said}</span></div></div>"
    )
