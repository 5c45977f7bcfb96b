"""The picture on the page: a component that returns clicks."""

from __future__ import annotations

import streamlit as st

from app.architecture.drawing import Layout, layout, svg, whole
from rosearch_engine.genome import Frame, Genome

_CSS = """
.host { overflow-x: auto; }
.host svg { display: block; margin: 0 auto; max-width: 100%; height: auto; }
.host svg text { font-family: var(--st-font); }
.node { cursor: pointer; outline: none; }
.node, .edge { transition: opacity .12s; }
.node:hover .body, .node:focus-visible .body { stroke-width: 2.5; }
.node.picked .body { stroke: var(--st-primary-color) !important; stroke-width: 3.5; }
.faded { opacity: .45; }
.host.full svg { max-width: none; margin: 0; }
.size { display: none; font: inherit; font-size: 13px; color: inherit; background: none; cursor: pointer;
  padding: 4px 10px;
  border: 1px solid var(--st-border-color); border-radius: 6px; margin-bottom: 6px; }
.size.needed { display: inline-block; }
"""
_JS = """
export default function ({ parentElement, data, setStateValue }) {
  const host = parentElement.querySelector('.host');
  if (host.dataset.drawn !== data.svg) { host.innerHTML = data.svg; host.dataset.drawn = data.svg; }
  // On a phone the whole picture is shown first, and its text on demand.
  const size = parentElement.querySelector('.size'), wide = Number(host.firstElementChild?.getAttribute('width')) || 0;
  const tell = () => {
    size.classList.toggle('needed', wide > host.clientWidth * 1.15);
    size.textContent = host.classList.contains('full') ? 'Show the whole graph' : 'Full size (swipe sideways to move)';
  };
  size.onclick = () => {
    host.classList.toggle('full');
    host.scrollLeft = (host.scrollWidth - host.clientWidth) / 2;
    tell();
  };
  host.watched ??= new ResizeObserver(() => host.tell());
  host.tell = tell;
  host.watched.observe(host);
  tell();
  const nodes = [...host.querySelectorAll('.node')], edges = [...host.querySelectorAll('.edge')];
  const mark = id => nodes.forEach(n => n.classList.toggle('picked', Number(n.dataset.id) === id));
  const focus = id => {
    const near = new Set([id]);
    edges.forEach(e => {
      const joined = Number(e.dataset.a) === id || Number(e.dataset.b) === id;
      if (joined) { near.add(Number(e.dataset.a)); near.add(Number(e.dataset.b)); }
      e.classList.toggle('faded', id !== null && !joined);
    });
    nodes.forEach(n => n.classList.toggle('faded', id !== null && !near.has(Number(n.dataset.id))));
  };
  nodes.forEach(n => {
    const id = Number(n.dataset.id);
    n.onclick = () => { mark(id); setStateValue('node', id); };
    n.onkeydown = event => {
      if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); n.onclick(); }
    };
    n.onmouseenter = n.onfocus = () => focus(id);
    n.onmouseleave = n.onblur = () => focus(null);
  });
  mark(data.picked);
}
"""
_view = st.components.v2.component(
    "architecture", html="<button type='button' class='size'></button><div class='host'></div>", css=_CSS, js=_JS
)


def show(genome: Genome, frame: Frame | None, key: str) -> int | None:
    """Draw a student; returns the node that was clicked last."""
    drawn = whole(genome, frame)
    placed = layout(drawn)
    return view(svg(genome, frame, placed), placed, drawn.head, key)


def view(drawn: str, placed: Layout, head: int, key: str) -> int | None:
    """Put a picture on the page; returns the node that was clicked last."""
    held = st.session_state.get(key) or {}
    picked = held.get("node")
    result = _view(data={"svg": drawn, "picked": picked}, key=key, on_node_change=lambda: None)
    if placed.engine == "layers":
        st.caption(
            "Drawn with a plain layered layout, because Graphviz could not be loaded. On Debian or Ubuntu, "
            "`apt-get install libglib2.0-0 libxext6 libxrender1` installs what it needs."
        )
    node = result.node
    return node if isinstance(node, int) and 0 <= node <= head else None
