"""The screens and how one goes from one to another: what `main.py` serves."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Streamlit puts this file's own folder on the path, not the repository's root.
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import streamlit as st  # noqa: E402

from app import access, glossary, recorded, sidebar, state  # noqa: E402

SCREENS = {
    "overview": ("Overview", ":material/home:"),
    "search": ("Search", ":material/travel_explore:"),
    "front": ("Pareto front", ":material/scatter_plot:"),
    "statistics": ("Statistics", ":material/query_stats:"),
    "architecture": ("Architecture", ":material/account_tree:"),
    "compare": ("Compare", ":material/compare:"),
    "attack": ("Attack", ":material/bolt:"),
    "export": ("Export", ":material/inventory_2:"),
}

st.set_page_config(page_title="RoSearch Explorer", page_icon=Path(__file__).with_name("icon.svg"), layout="wide")
page = st.navigation(
    [
        st.Page(state.PAGES / f"{name}.py", title=title, icon=icon, url_path=name, default=name == "overview")
        for name, (title, icon) in SCREENS.items()
    ]
)
# A chosen option keeps the text's own colour, which can be read on any ground; its frame and ground show the choice.
st.html(
    "<style>[data-testid=stMainBlockContainer] { padding-left: 2.5rem; padding-right: 2.5rem; }"
    "[data-testid=stButtonGroup] button[data-selected] { color: inherit !important; }"
    # There is always a run and a student in hand: to clear them would only jump to another.
    "[data-testid=stSidebar] [data-testid=stSelectbox] button[aria-label='Clear value'] { display: none; }</style>"
)

with state.guarded():
    access.enter()
    recorded.bring()
    state.take_picks()
    state.show_notices()
    with st.sidebar:
        sidebar.show()
        glossary.button()
        access.show_user()
    page.run()
