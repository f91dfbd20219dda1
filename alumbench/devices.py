"""The device and processes of a run, and a device's name in records."""

from __future__ import annotations

import multiprocessing
import os
import platform
import threading
from multiprocessing import connection
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

from alumbench.errors import AlumbenchError


def choose_device(name: str) -> Any:
    """The torch device for auto, cpu or cuda.

    Raises:
        AlumbenchError: cuda is requested and torch sees none.
    """
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        raise AlumbenchError("--device cuda: torch sees no CUDA device here; give --device cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def is_first_process() -> bool:
    """True if this process writes and prints: a run's only one, or the first started by `torchrun`."""
    return int(os.environ.get("RANK", "0")) == 0


def process_count() -> int:
    """Number of processes started by `torchrun`."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def call_under_parent(called: bytes, *more: Any) -> None:
    """Calls a function in a child process, which exits silently with its parent, whatever it is doing.

    This includes the time while it loads its libraries, which starts only when the function is unpickled.

    Args:
        called: a function and its first arguments, pickled.
        more: its further arguments.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()
    function, *arguments = ForkingPickler.loads(called)
    function(*arguments, *more)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def keep_freed_memory() -> None:
    """Lets this process keep the memory of freed tensors for the next pass, on Linux with glibc; a no-op elsewhere.

    glibc returns large buffers to the system, and every page of the next pass then has to be mapped again, which is
    2 to 5% of a training step on a CPU. The process stays at its peak size instead.
    """
    import ctypes

    trim_threshold, mmap_max = -1, -4  # constants of malloc.h
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(mmap_max, 0)
    mallopt(trim_threshold, 2**31 - 1)


def device_name(device: Any) -> str:
    """The device's name for records: that of the GPU or the processor."""
    import torch

    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    lines = _lines("/proc/cpuinfo")
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return f"cpu ({model or platform.processor() or platform.machine()})"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
