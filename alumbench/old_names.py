"""Names of earlier versions, each with its present one. They are still accepted; this is the only table of them.

Command lines, TOML files, Python calls and stored JSON are all read through it. docs/formats.md shows it.
"""

from __future__ import annotations

import warnings
from abc import ABCMeta
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from alumbench.errors import AlumbenchError

V = TypeVar("V")

#: Parameters of methods: `--set`, `set = { … }`, Python, and the parameters in stored JSON.
PARAMETERS = {
    "step": "step_size",
    "steps": "num_steps",
    "start": "init_scale",
    "special_tokens": "perturb_special_tokens",
}
#: Options of `alumbench train` and `alumbench pretrain`, and keys of their JSON.
TRAINING = {"seed": "training_seed"}
#: Options of `alumbench attack`, and keys of its JSON.
ATTACK = {"seed": "attack_seed"}
#: Keys of an entry of a suite.
SUITE_ENTRY = {"parts": "models"}
#: Keys of stored JSON, by the class in which they are read.
STORED: Mapping[str, Mapping[str, str]] = {
    **dict.fromkeys(("Training", "TrainingRecord", "PretrainingRecord", "PretrainingSummary"), TRAINING),
    **dict.fromkeys(("Attacked", "Identity"), ATTACK),
}
#: Keys of TOML tables, by the class that they become.
TOML: Mapping[str, Mapping[str, str]] = {"SuiteEntry": SUITE_ENTRY}
#: Arguments of `Recipe` and `WhiteBoxRecipe`.
RECIPE = {"parts": "description", "parts_needed": "required_models"}


class TakesOldNames(ABCMeta):
    """The metaclass of dataclasses that take their arguments under old names too: `ALUM(step=0.5)`."""

    #: One of the tables above.
    _OLD_NAMES: Mapping[str, str] = {}
    #: Whether arguments are given by name only.
    _BY_NAME = False

    def __call__(cls, *args: Any, **values: Any) -> Any:
        """Makes an instance.

        Raises:
            AlumbenchError: A value is given under both its names, or without a name where one is needed.
        """
        if args and cls._BY_NAME:
            raise AlumbenchError(f"{cls.__name__}: give each parameter by name, such as alpha=1.0")
        known = {item.name for item in fields(cls) if item.init} if is_dataclass(cls) else ()
        return super().__call__(*args, **renamed(values, cls._OLD_NAMES, known=known))


class OldName(FutureWarning):
    """Python code used a name of an earlier version."""


def warn(note: str) -> None:
    """Warns about an old name in Python code."""
    warnings.warn(note.removeprefix("note: "), OldName, stacklevel=4)


def silent(note: str) -> None:
    """Says nothing: for names that are read again later, or from stored files."""


def renamed(
    values: Mapping[str, V],
    names: Mapping[str, str],
    say: Callable[[str], object] = warn,
    known: Collection[str] | None = None,
) -> dict[str, V]:
    """The values under their present names, in the same order.

    Args:
        values: values by name.
        names: one of the tables above.
        say: called with one line for each old name.
        known: the names that exist, if a value may have an old name as its own: a third-party method may have a `step`.

    Raises:
        AlumbenchError: A value is given under both its names.
    """
    found: dict[str, V] = {}
    for name, value in values.items():
        new = names.get(name, name)
        if known is not None and (name in known or new not in known):
            new = name
        if new != name and new in values:
            raise AlumbenchError(f"{name} and {new} are the old and the new name of one setting; give {new} alone")
        if new != name:
            say(f"note: {name} is now {new}; the old name is still accepted")
        found[new] = value
    return found


def comparable(parameters: Mapping[str, V]) -> dict[str, V]:
    """Stored parameters of a method under their present names, to compare them with others'."""
    names = {old: new for old, new in PARAMETERS.items() if new not in parameters}
    return renamed(parameters, names, silent)
