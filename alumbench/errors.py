"""Errors that a user can act on: what is wrong, where, and the command that mends it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AlumbenchError(Exception):
    """A mistake in what was asked or in what was found; its text is all the user needs to see."""


def unknown(kind: str, name: str, known: Iterable[str], see: str = "") -> AlumbenchError:
    """The error for a name that is not among `known`: offers the nearest one, and `see`, the command that lists all."""
    known = sorted(known)
    near = difflib.get_close_matches(name.casefold(), known, n=1, cutoff=0.4)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    listing = f" '{see}' lists them." if see else f" Known: {', '.join(known)}."
    return AlumbenchError(f"unknown {kind} '{name}'.{hint}{listing}")
