"""Where the arithmetic runs, and in which precision."""

from __future__ import annotations

import ctypes
import gc
import platform
import sys
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import TypedDict

import psutil
import torch


def device() -> torch.device:
    """The accelerator where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def has_fast_bfloat16(where: torch.device) -> bool:
    """Whether bfloat16 products are faster than float32 ones there."""
    if where.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def training_precision(where: torch.device) -> AbstractContextManager[object]:
    """Autocast to bfloat16 where that is faster."""
    if has_fast_bfloat16(where):
        return torch.autocast(where.type, dtype=torch.bfloat16)
    return nullcontext()


def arithmetic(precision: str, where: torch.device) -> AbstractContextManager[object]:
    """Autocast to that precision; none for float32."""
    return torch.autocast(where.type, dtype=torch.bfloat16) if precision == "bfloat16" else nullcontext()


def attack_tokens(where: torch.device) -> int:
    """Padded tokens in a batch of an attack's queries: a CPU's caches hold few, a GPU needs many to be busy."""
    return 65_536 if where.type == "cuda" else 1_536


def describe(where: torch.device) -> str:
    """The device in words, for people."""
    precision = "bfloat16 training" if has_fast_bfloat16(where) else "float32 training"
    if where.type == "cuda":
        return f"{torch.cuda.get_device_name(where)}, {precision}"
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' if threads > 1 else ''}, {precision}"


def release_memory() -> None:
    """Give freed memory back to the system: glibc's heap, holed by tensors of many sizes, grows from student to
    student otherwise (measured: from 2.6 to 4.1 GB over 14 students)."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def memory_mb() -> float:
    """Resident memory of this process in MB."""
    return psutil.Process().memory_info().rss / 1e6


def cpu_name() -> str:
    """The processor's own name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


class GpuUse(TypedDict, total=False):
    """What a GPU is taken by."""

    gpu_memory_mb: float
    gpu_memory_of_mb: float
    gpu_percent: float


def gpu_use() -> GpuUse:
    """Of the GPU that this process computes on: memory taken and there in MB, and busy percent where NVML can be asked.

    Empty without a GPU, or before its first use.
    """
    if not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return {}
    found: GpuUse = {}
    # Only for show: whatever goes wrong here, or that NVML's package is not installed, must not cost a heartbeat.
    with suppress(Exception):
        free, whole = torch.cuda.mem_get_info()
        found |= {"gpu_memory_mb": (whole - free) / 1e6, "gpu_memory_of_mb": whole / 1e6}
        found["gpu_percent"] = float(torch.cuda.utilization())
    return found
