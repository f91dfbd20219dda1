"""Click options made from the fields of a request (`alumbench/fields.py`)."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import click
import msgspec

from alumbench.cli.options import CommandOptions, key_values
from alumbench.fields import Leaf, build, is_table, leaves

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

#: Shown as the type of an option that is a table, such as `[train.set]` in a TOML file.
PAIRS = "NAME=VALUE"


def options_from(cls: Any, before: Mapping[str, Callable[[F], F]] | None = None) -> Callable[[F], F]:
    """All options of a request, in the order of its fields.

    Args:
        cls: the request's class.
        before: options without a field, by the name of the option they precede.
    """

    def decorate(command: F) -> F:
        for leaf in reversed(list(leaves(cls))):
            command = _click_option(leaf)(command)
            if before and leaf.name in before:
                command = before[leaf.name](command)
        return command

    return decorate


def request_from(cls: type[T], options: CommandOptions, **given: object) -> T:
    """The request that a command's options describe.

    Args:
        cls: the request's class.
        options: the command's; they may include options without a field.
        given: fields passed as they are; options of the same name are ignored.

    Raises:
        AlumbenchError: An option is wrong, or two are incompatible.
    """
    values = {
        leaf.name: key_values(options[leaf.name], option_name(leaf.name)) if is_table(leaf.kind) else options[leaf.name]
        for leaf in leaves(cls)
        if leaf.path[0] not in given
    }
    return build(cls, {name: value for name, value in values.items() if value is not None}, option_name, **given)


def option_name(name: str) -> str:
    """An option's name on the command line."""
    return f"--{name.replace('_', '-')}"


def _click_option(leaf: Leaf) -> Callable[[F], F]:
    said, name = leaf.option, option_name(leaf.name)
    unit, text = said.unit or None, said.help or None
    if is_table(leaf.kind):
        return click.option(name, leaf.name, multiple=True, metavar=unit or PAIRS, help=text)
    if _bare(leaf.kind)[0] is bool:
        if leaf.default is not False:
            raise TypeError(f"{leaf.name}: a flag is off by default")
        return click.option(name, leaf.name, is_flag=True, help=text)
    default = None if leaf.default is MISSING else leaf.default
    shown = said.show_default and default is not None
    kind, count = _click_type(leaf.kind)
    return click.option(
        name, leaf.name, type=kind, nargs=count, default=default, show_default=shown, metavar=unit, help=text
    )


def _click_type(kind: Any) -> tuple[Any, int]:
    """Click's type of a value, and the number of values."""
    kind, bounds = _bare(kind)
    if get_origin(kind) is Literal:
        return click.Choice(list(get_args(kind))), 1
    if get_origin(kind) is tuple:
        return get_args(kind)[0], len(get_args(kind))
    if not bounds:
        return kind, 1
    low = bounds.gt if bounds.ge is None else bounds.ge
    high = bounds.lt if bounds.le is None else bounds.le
    numbers: Any = click.IntRange if kind is int else click.FloatRange
    return numbers(low, high, min_open=bounds.gt is not None, max_open=bounds.lt is not None), 1


def _bare(kind: Any) -> tuple[Any, msgspec.Meta | None]:
    """The type without its `None` alternative, and its bounds."""
    if get_origin(kind) in (Union, types.UnionType):
        (kind,) = (one for one in get_args(kind) if one is not type(None))
    if get_origin(kind) is not Annotated:
        return kind, None
    plain, *notes = get_args(kind)
    return plain, next((note for note in notes if isinstance(note, msgspec.Meta)), None)
