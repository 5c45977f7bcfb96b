"""The files that were uploaded so far: how much room they take, and their removal."""

from __future__ import annotations

import streamlit as st

from app import actions, formats, state, uploads
from rosearch_engine.errors import UserError


def panel() -> None:
    """Every uploaded file with its size, its age and the runs that use it; one that none uses can be removed."""
    files = uploads.listed()
    if not files:
        return
    room = sum(file.size for file in files) / 1e6
    title = f"{formats.plural(len(files), 'uploaded file')}, {room:,.1f} MB"
    with st.expander(title, icon=":material/folder_open:"):
        for file in files:
            used = f"used by {', '.join(file.used_by)}" if file.used_by else "not used by any run"
            with st.container(horizontal=True, vertical_alignment="center"):
                about = f"**{state.plain(file.name)}** {file.size / 1e6:,.1f} MB · {formats.ago(file.uploaded)}"
                st.markdown(f"{about} · {state.plain(used)}", width="stretch")
                if not file.used_by and st.button(
                    "Remove", icon=":material/delete:", key=f"remove.{file.path.parent.name}.{file.name}"
                ):
                    _confirm(file)


@st.dialog("Remove this file?", icon=":material/delete:")
def _confirm(file: uploads.Upload) -> None:
    st.write(f"This permanently deletes **{state.plain(file.name)}** from this server.")
    yes, no = st.columns(2)
    if yes.button("Remove it", type="primary", width="stretch", key="remove.yes", on_click=_remove, args=(file,)):
        st.rerun()
    if no.button("Keep it", width="stretch", key="remove.no"):
        st.rerun()


def _remove(file: uploads.Upload) -> None:
    try:
        actions.remove_upload(file)
    except UserError as error:
        st.toast(f"{error.problem} {error.remedy}", icon=":material/error:")
