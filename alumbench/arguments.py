"""Checks the arguments of public functions, so that a typical mistake is one line that names the argument."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from alumbench.errors import NAME, AlumbenchError, shown


def path_of(given: Any, what: str, expected: str) -> Path:
    """The path that an argument names.

    Args:
        given: the argument; what has a `folder`, such as a `Checkpoint` or an `Evaluation`, stands for that.
        what: its name, for the message.
        expected: what the path is of, likewise.

    Raises:
        AlumbenchError: It is neither a text nor a path, such as a data frame.
    """
    given = getattr(given, "folder", given)
    if isinstance(given, str | os.PathLike):
        return Path(given)
    hint = f"; write it to a file first: {what}.to_csv('my.csv', index=False)" if hasattr(given, "to_csv") else ""
    raise AlumbenchError(f"{what}: expected {expected}, got {described(given)}{hint}")


def name_or_path(given: Any, what: str, expected: str) -> str:
    """The name or path in an argument as it was given: `./x` is a path where `x` may be a name. Errors as `path_of`."""
    path_of(given, what, expected)
    return str(getattr(given, "folder", given))


def names_of(given: Any, what: str, example: str) -> tuple[str, ...]:
    """The names in an argument; those of NumPy become plain texts.

    Raises:
        AlumbenchError: It is one text, whose letters would be taken for names, or no list.
    """
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise AlumbenchError(f"{what}: expected a list such as {example}, got {described(given)}")
    return tuple(str(name) for name in given)


def described(given: Any) -> str:
    """A wrong argument in a few words: its type, and its value if that is short."""
    kind = given.__name__ if isinstance(given, type) else type(given).__name__
    return f"the class {kind}" if isinstance(given, type) else _with_value(kind, given)


def _with_value(kind: str, given: Any) -> str:
    if given is None:
        return "None"
    return f"{kind} {shown(repr(given), NAME)}" if isinstance(given, str | int | float | list | tuple) else kind
