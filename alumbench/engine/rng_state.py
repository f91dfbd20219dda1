"""The global random generators, with a separate state for each example in flight."""

from __future__ import annotations

import contextlib
import hashlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch


def seed_of(key: str) -> int:
    """A seed of 32 bits."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big")


class RngState:
    """States of Python's, NumPy's and PyTorch's global generators, seeded from a key.

    TextAttack draws from the global generators. An example's draws must not depend on other examples that run now or
    ran before. So the scheduler sets an example's states before its turn and saves them afterwards.
    """

    def __init__(self, key: str) -> None:
        """Seeds the states; does not change the global generators."""
        seed = seed_of(key)
        self._states: tuple[Any, Any, Any] = (
            random.Random(seed).getstate(),  # noqa: S311 - as TextAttack draws, for tests of models
            np.random.RandomState(seed).get_state(),
            torch.Generator().manual_seed(seed).get_state(),
        )

    def put(self) -> None:
        """Sets the global generators to these states."""
        random.setstate(self._states[0])
        np.random.set_state(self._states[1])
        torch.set_rng_state(self._states[2])

    def take(self) -> None:
        """Saves the states of the global generators."""
        self._states = random.getstate(), np.random.get_state(), torch.get_rng_state()


@contextlib.contextmanager
def globals_kept() -> Iterator[None]:
    """Restores the global generators at the end of the context."""
    before = RngState.__new__(RngState)
    before.take()
    try:
        yield
    finally:
        before.put()
