"""Which device and processes a run uses, and what a device is called in records."""

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
        AlumbenchError: cuda is asked for and torch sees none.
    """
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        raise AlumbenchError("--device cuda: torch sees no CUDA device here; give --device cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def is_first_process() -> bool:
    """Whether this process writes and prints: the only one of a run, or the first that `torchrun` started."""
    return int(os.environ.get("RANK", "0")) == 0


def process_count() -> int:
    """How many processes `torchrun` started."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def call_under_parent(called: bytes, *more: Any) -> None:
    """Calls something in a child process, which ends with its parent, whatever it is doing and without a word.

    Also while it loads its libraries: those are not loaded before what is called is unpickled.

    Args:
        called: a function and its first arguments, pickled.
        more: its last arguments.
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

    glibc hands large buffers back to the system, and every page of the next pass's then has to be mapped anew, which is
    2 to 5% of a training step on a CPU. The process stays at its peak size instead.
    """
    import ctypes

    trim_threshold, mmap_max = -1, -4  # names of malloc.h
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(mmap_max, 0)
    mallopt(trim_threshold, 2**31 - 1)


def device_name(device: Any) -> str:
    """What a run ran on, for the record: the GPU's name, or the processor's."""
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
