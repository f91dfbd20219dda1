"""What makes Python's share of an attack smaller, in force for as long as any searches run."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

from alumbench.attacks.engine.tags import tags_from_vectors
from alumbench.attacks.engine.texts import words_replaced_in_place
from alumbench.attacks.engine.words import words_remembered

_users = 0
_in_force = contextlib.ExitStack()


@contextlib.contextmanager
def shortcuts() -> Iterator[None]:
    """Words, candidates and tags made quickly, and few garbage collections; off when nobody is left who asked for it.

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
