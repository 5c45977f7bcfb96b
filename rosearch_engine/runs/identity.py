"""Which process it is, told by what a step of the clock leaves as it is.

psutil's creation time is the ticks since the start of the machine, which stay, plus the moment of that start, which
is reckoned back from the clock: after a step, every process seems to be another one.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import psutil

_PROC = Path("/proc")
_START_TICKS = 19  # place after the name's bracket, see proc(5): field 22 of /proc/PID/stat


def holder(pid: int) -> dict[str, Any]:
    """The columns of a run that tell which process holds it. One that is gone already is told as such."""
    try:
        created = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        created = 0.0
    return {"pid": pid, "process_created": created, "process_mark": mark(pid) or "gone", "host": socket.gethostname()}


def mark(pid: int) -> str | None:
    """What no other process has, on this machine and since it was switched on; None if there is no such process."""
    if psutil.LINUX:
        try:
            boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
            ticks = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[_START_TICKS]
        except (OSError, IndexError):
            return None
        return f"{boot} {ticks}"
    try:
        # Elsewhere the system itself wrote the time down.
        return str(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None
