"""Optimizations that reduce an attack's time in Python, active while any searches run."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

from alumbench.attacks.textattack.tags import tags_from_vectors
from alumbench.attacks.textattack.texts import words_replaced_in_place
from alumbench.attacks.textattack.words import words_remembered

_users = 0
_in_force = contextlib.ExitStack()


@contextlib.contextmanager
def shortcuts() -> Iterator[None]:
    """Words, candidates and tags made quickly, and few garbage collections; off when the last user leaves.

    Runs may overlap and end in any order: they are generators.
    """
    global _users
    if not _users:
        _in_force.enter_context(words_remembered())
        _in_force.enter_context(words_replaced_in_place())
        _in_force.enter_context(tags_from_vectors())
        gc.freeze()  # what the libraries loaded need not be looked through, again and again
        _in_force.callback(gc.unfreeze)
    _users += 1
    try:
        yield
    finally:
        _users -= 1
        if not _users:
            _in_force.close()
