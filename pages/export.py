"""Export: take the student in hand away as a checkpoint."""

from __future__ import annotations

import streamlit as st

from app import cards, export, recorded, state, words

st.title("Export", anchor=False)
run, student = state.run(), state.student()
if run is None or student is None:
    cards.empty("No student to export", "You can export a student as soon as a search has measured it.")
    st.stop()

st.caption(f"**{student['name']}** of {state.plain(run['name'])} · {words.summary(student)}")
recorded.stop_without_weights(run, student, "exported")
key = (run["name"], student["name"])
if st.session_state.get("exported") != key:
    st.write(
        "A standard `transformers` checkpoint: weights, config, tokenizer, modelling code, and a model card with all "
        "measurements and how they were made. It loads without this program being installed."
    )
    if st.button("Create the checkpoint", type="primary", icon=":material/inventory_2:", key="export"):
        st.session_state["exported"] = key
        st.rerun()
    st.stop()

del st.session_state["exported"]  # one that fails is asked for anew
checkpoint = export.checkpoint(run["name"], student["name"], student["weights_sha256"] or "")
st.session_state["exported"] = key
left, right = st.columns([3, 2], gap="large")
with left:
    st.download_button(
        f"Checkpoint (zip, {len(checkpoint.content) / 1e6:.1f} MB)",
        checkpoint.content,
        f"{run['name']}-{student['name']}.zip",
        "application/zip",
        type="primary",
        icon=":material/download:",
        on_click="ignore",
    )
    st.markdown("**How to use it**")
    st.code(f'folder = "{run["name"]}-{student["name"]}"\n{checkpoint.code}', language="python")
    with st.container(border=True):
        st.markdown(checkpoint.prose)
with right:
    st.markdown("**In the zip**")
    for name, size in checkpoint.files.items():
        st.caption(f"`{name}` {size / 1000:,.0f} kB")
    cards.ways_on("export")
