"""Entry of the app: `streamlit run app/main.py`, from any folder. What it serves is `screens.py`."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Streamlit puts this file's own folder on the path, not the repository's root.
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from starlette.middleware import Middleware  # noqa: E402
from streamlit.starlette import App  # noqa: E402

from app.server import Guard  # noqa: E402

app = App(Path(__file__).with_name("screens.py"), middleware=[Middleware(Guard)])
