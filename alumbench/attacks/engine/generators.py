"""The global random generators, of which each example in flight has its own state."""

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


class Generators:
    """States of Python's, NumPy's and PyTorch's global generators, seeded from a key.

    TextAttack draws from the global ones. What they give to one example must not depend on which others run beside it
    or ran before: whoever lets an example run puts its states in, takes them when it stops, and keeps what was there.
    """

    def __init__(self, key: str) -> None:
        """Seeds them; the global ones are left alone."""
        seed = seed_of(key)
        self._states: tuple[Any, Any, Any] = (
            random.Random(seed).getstate(),  # noqa: S311 - as TextAttack draws, for tests of models
            np.random.RandomState(seed).get_state(),
            torch.Generator().manual_seed(seed).get_state(),
        )

    def put(self) -> None:
        """Makes the global generators go on from here."""
        random.setstate(self._states[0])
        np.random.set_state(self._states[1])
        torch.set_rng_state(self._states[2])

    def take(self) -> None:
        """Takes note of how far the global generators are."""
        self._states = random.getstate(), np.random.get_state(), torch.get_rng_state()


@contextlib.contextmanager
def globals_kept() -> Iterator[None]:
    """Puts the global generators back at its end."""
    before = Generators.__new__(Generators)
    before.take()
    try:
        yield
    finally:
        before.put()
