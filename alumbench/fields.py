"""Options as fields of a dataclass: one place for an option's type, default, help and unit.

A request is a dataclass whose fields are made with `option`. The command line takes its options from it
(`cli/from_fields.py`), TOML goes through the command line, and Python calls go through `build`. Bounds are part of the
type, as everywhere (`Annotated[int, msgspec.Meta(ge=1)]`); choices are a `Literal`.
"""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass
from typing import Annotated, Any, TypeVar

import msgspec

from alumbench.config import check
from alumbench.errors import AlumbenchError, unknown
from alumbench.old_names import TRAINING, renamed

T = TypeVar("T")

OPTION, OPTIONS = "option", "options"

#: Number types for options. They have no upper bound, which `--help` would show.
AtLeast0 = Annotated[int, msgspec.Meta(ge=0)]
AtLeast1 = Annotated[int, msgspec.Meta(ge=1)]
Above0 = Annotated[float, msgspec.Meta(gt=0)]
From0To1 = Annotated[float, msgspec.Meta(ge=0, le=1)]
NoLessThan0 = Annotated[float, msgspec.Meta(ge=0)]


@dataclass(frozen=True)
class Option:
    """An option's metadata besides its type and default.

    Attributes:
        help: for `--help`.
        unit: the value's unit, which `--help` shows instead of the type: SHARE, N, NAME=VALUE.
        name: its name in commands (with hyphens), TOML and Python calls; '' for the field's own.
        show_default: whether `--help` shows the default.
    """

    help: str = ""
    unit: str = ""
    name: str = ""
    show_default: bool = True


def option(
    default: T = MISSING,  # type: ignore[assignment]
    *,
    factory: Callable[[], T] | None = None,
    help: str = "",
    unit: str = "",
    name: str = "",
    show_default: bool = True,
) -> T:
    """A dataclass field that is an option; see `Option` for the arguments besides the default."""
    metadata = {OPTION: Option(help, unit, name, show_default)}
    if factory is not None:
        return dataclasses.field(default_factory=factory, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def options(of: Callable[[], T], **changed: tuple[object, Option]) -> T:
    """A dataclass field whose own fields are options.

    Args:
        of: the dataclass, every field of which has a default.
        changed: by option name, another default and other metadata on the command line.
    """
    return dataclasses.field(default_factory=of, metadata={OPTIONS: changed})


@dataclass(frozen=True)
class Leaf:
    """One option of a request.

    Attributes:
        name: as users write it, with underscores.
        path: the field, and the field inside it if that is a dataclass of options.
        kind: its annotated type.
        default: its default, `dataclasses.MISSING` if it has none.
        option: its metadata.
    """

    name: str
    path: tuple[str, ...]
    kind: Any
    default: Any
    option: Option


def leaves(cls: Any) -> Iterator[Leaf]:
    """The options of a request class in the order of its fields."""
    kinds = typing.get_type_hints(cls, include_extras=True)
    for item in dataclasses.fields(cls):
        if OPTIONS in item.metadata:
            changed: Mapping[str, tuple[object, Option]] = item.metadata[OPTIONS]
            for leaf in leaves(kinds[item.name]):
                default, said = changed.get(leaf.name, (leaf.default, leaf.option))
                yield Leaf(leaf.name, (item.name, *leaf.path), leaf.kind, default, said)
        elif OPTION in item.metadata:
            said = item.metadata[OPTION]
            default = item.default if item.default_factory is MISSING else item.default_factory()
            yield Leaf(said.name or item.name, (item.name,), kinds[item.name], default, said)


def build(cls: type[T], values: Mapping[str, object], called: Callable[[str], str] = str, **given: object) -> T:
    """Makes a request from its options by name.

    Args:
        cls: the request's class.
        values: options; missing ones get their defaults.
        called: gives an option's name in messages, such as `--lr`.
        given: fields that are used unchanged, including those that are not options.

    Raises:
        AlumbenchError: An option is unknown, of the wrong type or out of bounds, or two cannot be combined.
    """
    known = {leaf.name: leaf for leaf in leaves(cls)}
    made: dict[str, object] = dict(given)
    inner: dict[str, dict[str, object]] = {}
    for name, value in renamed(values, TRAINING, known=known).items():
        if name not in known:
            raise unknown("option", name, known)
        field, *rest = known[name].path
        if field in given:
            raise AlumbenchError(f"{called(name)}: {field} is already given")
        parsed = _parsed(value, known[name].kind, called(name))
        if rest:
            inner.setdefault(field, {})[rest[0]] = parsed
        else:
            made[field] = parsed
    kinds = typing.get_type_hints(cls)
    try:
        return cls(**made, **{field: kinds[field](**parts) for field, parts in inner.items()})
    except (ValueError, TypeError) as error:
        raise AlumbenchError(str(error)) from error


def _parsed(value: object, kind: Any, where: str) -> Any:
    if is_table(kind):  # its user checks the content
        return dict(check(dict, value, where))
    if isinstance(value, float) and not math.isfinite(value) and _plain(kind) is float:
        return value  # the request itself reports the error, as if made without `build`
    return msgspec.convert(check(kind, value, where), kind)


def _plain(kind: Any) -> Any:
    return typing.get_args(kind)[0] if typing.get_origin(kind) is Annotated else kind


def is_table(kind: Any) -> bool:
    """True if an option of this type takes values by name."""
    return typing.get_origin(kind) in (dict, Mapping)


def defaults(cls: Any) -> dict[str, object]:
    """The default of each field of a request that has one; nested dataclasses as mappings."""
    found = {
        item.name: item.default if item.default_factory is MISSING else item.default_factory()
        for item in dataclasses.fields(cls)
        if item.default is not MISSING or item.default_factory is not MISSING
    }
    return {name: as_mapping(value) for name, value in found.items()}


def not_default(request: Any, left_out: frozenset[str]) -> dict[str, object]:
    """The fields of a request that differ from their defaults, except those left out; nested ones as mappings.

    A nested dataclass that is false has no effect, whatever its fields are.
    """
    usual = defaults(type(request))
    values = {item.name: getattr(request, item.name) for item in dataclasses.fields(request)}
    return {
        name: as_mapping(value)
        for name, value in values.items()
        if name not in left_out
        and (name not in usual or as_mapping(value) != usual[name])
        and (bool(value) or not dataclasses.is_dataclass(value))
    }


def as_mapping(value: Any) -> Any:
    """A dataclass as a mapping, anything else unchanged."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return value
