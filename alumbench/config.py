"""Checks values of TOML and JSON against types, and reports errors in one line.

`convert` makes a dataclass from plain values and `check` returns them unchanged; both name the file, the key, the
expected and the found value. Bounds on numbers and lengths are part of the types: `Annotated[int, msgspec.Meta(ge=0)]`.
The files are read in `parsing.py`.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, Union, get_args, get_origin

import msgspec

from alumbench.errors import NAME, AlumbenchError, shown, unknown
from alumbench.old_names import STORED, TOML, renamed

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)

#: Settings by name, whose names and types are defined elsewhere and may have been others in earlier versions: a
#: method's parameters, the Trainer's fields, the fields of a stored request. Kept unchanged.
Values: TypeAlias = dict[str, Any]
#: A JSON object on its way from or to a file: not validated yet, or made of a Struct, which defines the types.
JsonObject: TypeAlias = dict[str, Any]

#: Maximum characters of a text, unless its type gives another, and the largest integer.
TEXT, WHOLE = 20_000, 2**63 - 1

#: A name that tables show and commands accept.
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME)]
#: A name used in signatures, columns and folders, so without their separators.
Slug = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x20/\\:|][^\x00-\x1f/\\:|]*$")]
#: A count; 0 often means no limit.
Count = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
#: A count of at least one.
Positive = Annotated[int, msgspec.Meta(ge=1, le=10**12)]
#: Seconds, a radius, a margin: at least 0.
Amount = Annotated[float, msgspec.Meta(ge=0, le=10**9)]
#: A share, from 0 to 1.
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


def convert(cls: type[T], values: Any, where: str, **given: Any) -> T:
    """An instance of a dataclass from TOML or JSON values, each checked against its field's annotated type.

    Tables become dataclasses, lists become tuples, and a single table may replace a list of one. A field whose metadata
    have a `key` is read from that key. A class's method `check()`, if any, is called on the new instance, to check that
    its values are consistent; it raises an `AlumbenchError` without a location.

    Args:
        cls: the dataclass.
        values: a table.
        where: the file and the part of it, for messages.
        given: fields that do not come from the table.

    Raises:
        AlumbenchError: A key is unknown (the nearest is named) or missing, or a value does not match its type.
    """
    return _dataclass(cls, values, where, "", given)  # type: ignore[no-any-return]


def check(kind: Any, value: Any, where: str) -> Any:
    """Checks a value against a type and returns it unchanged; further keys of a Struct or TypedDict are ignored.

    Raises:
        AlumbenchError: A key is missing, or a value does not match its type.
    """
    _value(kind, value, where, "")
    return value


def typed(kind: type[S], value: Any, where: str) -> S:
    """A Struct from JSON values, with present or old keys; unknown keys are left out.

    Raises:
        AlumbenchError: As `check`.
    """
    value = present_keys(kind, value)
    return msgspec.convert(check(kind, value, where), kind)


def present_keys(kind: Any, value: Any) -> Any:
    """JSON values for a type, with the old keys of Structs inside replaced by the present ones."""
    if not _has_old_keys(kind):
        return value
    origin, args = get_origin(kind), get_args(kind)
    if _is_struct(kind) and isinstance(value, Mapping):
        names, inner = _old_keys(kind)
        if any(old in value and new not in value for old, new in names.items()):
            value = {key if names.get(key, key) in value else names[key]: item for key, item in value.items()}
        nested = {key: present_keys(of, value[key]) for key, of in inner.items() if key in value}
        return {**value, **nested} if nested else value
    if origin in (Union, types.UnionType):
        return present_keys(next(one for one in args if _has_old_keys(one)), value)
    if origin is list and isinstance(value, list):
        return [present_keys(args[0], item) for item in value]
    return value


@cache
def _old_keys(kind: Any) -> tuple[Mapping[str, str], dict[str, object]]:
    """The keys of a Struct that had other names, and the types of the fields that have such keys inside."""
    inner = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
    return STORED.get(kind.__name__, {}), {key: of for key, of in inner.items() if _has_old_keys(of)}


@cache
def _has_old_keys(kind: Any) -> bool:
    """True if a type is, or has in its fields, a Struct with keys that had other names."""
    if _is_struct(kind):
        return kind.__name__ in STORED or any(_has_old_keys(field.type) for field in msgspec.structs.fields(kind))
    return any(_has_old_keys(one) for one in get_args(kind) if not isinstance(one, str))


def _value(kind: Any, value: Any, where: str, at: str) -> Any:
    origin, args = get_origin(kind), get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, value, where, at, {})
    if _is_struct(kind):
        return _struct(kind, value, where, at)
    if typing.is_typeddict(kind):
        return _typed_dict(kind, value, where, at)
    if origin in (Union, types.UnionType):
        return _union(args, value, where, at)
    if origin in (tuple, list, Sequence):
        return _list(kind, args, value, where, at)
    if origin in (dict, Mapping):
        return _table(kind, args, value, where, at)
    if origin in (typing.Required, typing.NotRequired, typing.ReadOnly if hasattr(typing, "ReadOnly") else Union):
        return _value(args[0], value, where, at)
    return _leaf(kind, value, where, at)


def _leaf(kind: Any, value: Any, where: str, at: str) -> Any:
    try:
        msgspec.convert(value, kind)
    except (msgspec.ValidationError, OverflowError):
        raise wrong(where, at, _expected(kind), value) from None
    if isinstance(value, str) and len(value) > TEXT:
        raise AlumbenchError(f"{_place(where, at)}: text of {len(value):,} characters; at most {TEXT:,} are read")
    if isinstance(value, int) and abs(value) > WHOLE:
        raise wrong(where, at, f"{_expected(kind)} of at most 19 digits", value)
    if isinstance(value, float) and not math.isfinite(value):
        raise wrong(where, at, "a finite number", value)
    return value


def _dataclass(cls: Any, value: Any, where: str, at: str, given: Mapping[str, object]) -> Any:
    _is(Mapping, value, "a table", where, at)
    hints = _hints(cls)
    names = {f.metadata.get("key", f.name): f for f in dataclasses.fields(cls) if f.init and f.name not in given}
    try:
        value = renamed(value, TOML.get(cls.__name__, {}))
    except AlumbenchError as error:
        raise AlumbenchError(f"{_place(where, at)}: {error}") from None
    for key in value:
        if key not in names:
            raise AlumbenchError(f"{_place(where, at)}: {unknown('key', key, names)}")
    needed = [key for key, f in names.items() if f.default is f.default_factory is dataclasses.MISSING]
    _has(value, needed, where, at)
    read = {
        f.name: _value(hints[f.name], value[key], where, key_at(at, key)) for key, f in names.items() if key in value
    }
    try:
        made = cls(**read, **given)
        if callable(getattr(made, "check", None)):
            made.check()
    except (AlumbenchError, ValueError) as error:
        raise AlumbenchError(f"{_place(where, at)}: {error}") from None
    return made


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _struct(kind: Any, value: Any, where: str, at: str) -> Any:
    _is(Mapping, value, "a table", where, at)
    found = msgspec.structs.fields(kind)
    _has(value, [field.encode_name for field in found if field.required], where, at)
    for field in found:
        if field.encode_name in value:
            _value(field.type, value[field.encode_name], where, key_at(at, field.encode_name))
    return value


def _typed_dict(kind: Any, value: Any, where: str, at: str) -> Any:
    _is(Mapping, value, "a table", where, at)
    hints = _hints(kind)
    marks = {key: get_origin(hint) for key, hint in hints.items()}  # not in the class if annotations are text
    needed = [key for key in sorted(kind.__required_keys__) if marks[key] is not typing.NotRequired]
    _has(value, [*needed, *(key for key in marks if marks[key] is typing.Required and key not in needed)], where, at)
    for key, inner in hints.items():
        if key in value:
            _value(inner, value[key], where, key_at(at, key))
    return value


def _list(kind: Any, args: tuple[Any, ...], value: Any, where: str, at: str) -> Any:
    several = args[0] if args else Any
    if isinstance(value, Mapping) and get_origin(kind) is tuple and _expected(several) == "a table":
        return (_value(several, value, where, at),)  # a single table may replace a list of one
    _is(Sequence, value, _expected(kind), where, at)
    fixed = get_origin(kind) is tuple and args[-1:] != (...,)
    if fixed and len(value) != len(args):
        raise wrong(where, at, _expected(kind), value)
    kinds = args if fixed else [several] * len(value)
    return tuple(
        _value(of, item, where, _item(at, n, item)) for n, (of, item) in enumerate(zip(kinds, value, strict=True))
    )


def _table(kind: Any, args: tuple[Any, ...], value: Any, where: str, at: str) -> Any:
    _is(Mapping, value, "a table", where, at)
    keys, values = args or (Any, Any)
    return {_value(keys, key, where, at): _value(values, item, where, key_at(at, key)) for key, item in value.items()}


def _union(kinds: tuple[Any, ...], value: Any, where: str, at: str) -> Any:
    kinds = tuple(kind for kind in kinds if kind is not msgspec.UnsetType)
    if len(kinds) == 1:
        return _value(kinds[0], value, where, at)
    for kind in kinds:
        if kind is type(None) and value is None:
            return None
        try:
            return _value(kind, value, where, at)
        except AlumbenchError as error:
            found = error
    if len(kinds) == 2 and kinds[1] is type(None) and value is not None:
        _value(kinds[0], value, where, at)  # reports the error inside
    raise wrong(where, at, " or ".join(map(_expected, kinds)), value) from found


def _is(kind: Any, value: Any, expected: str, where: str, at: str) -> None:
    if not isinstance(value, kind) or isinstance(value, str | bytes):
        raise wrong(where, at, expected, value)


def _has(value: Mapping[str, object], needed: Sequence[str], where: str, at: str) -> None:
    missing = [key for key in needed if key not in value]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise AlumbenchError(f"{_place(where, at)}: {' and '.join(missing)} {verb} missing")


@cache
def _hints(kind: Any) -> dict[str, object]:
    return typing.get_type_hints(kind, include_extras=True)


_WORDS: dict[Any, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
    tuple: "a list",
    list: "a list",
    Sequence: "a list",
    dict: "a table",
    Mapping: "a table",
}


def _expected(kind: Any) -> str:
    """A type in plain words."""
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _bounded(args[0], [bound for bound in args[1:] if isinstance(bound, msgspec.Meta)])
    if origin is Literal:
        return " or ".join(json.dumps(one) for one in args)
    if origin in (Union, types.UnionType):
        return " or ".join(map(_expected, args))
    if origin in (tuple, list, Sequence) and args:
        inner = {str: "texts", int: "whole numbers", float: "numbers"}.get(_bare(args[0]))
        count = f"{len(args)} " if origin is tuple and args[-1] is not ... else ""
        return f"a list of {count}{inner or 'values'}" if inner or count else "a list"
    if dataclasses.is_dataclass(kind) or typing.is_typeddict(kind) or _is_struct(kind):
        return "a table"
    return _WORDS.get(origin or kind, getattr(kind, "__name__", str(kind)))


def _bare(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _bounded(kind: Any, bounds: Sequence[msgspec.Meta]) -> str:
    words = _expected(kind)
    for bound in bounds:
        if bound.pattern:
            words = "a name without '/', '\\\\', ':' and '|'"
        low, high = bound.min_length, bound.max_length
        if low is not None or high is not None:
            words += f" of {low or 0} to {high} characters" if high is not None else f" of at least {low} characters"
        if bound.ge is not None and bound.le is not None:
            words += f" from {bound.ge:,} to {bound.le:,}"
            continue
        said = {"of at least": bound.ge, "above": bound.gt, "of at most": bound.le, "below": bound.lt}
        words += "".join(f" {how} {limit:,}" for how, limit in said.items() if limit is not None)
    return words


def _found(value: Any) -> str:
    """A value in plain words, shortened for a message."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int | float):
        if isinstance(value, float) and not math.isfinite(value):
            return str(value)
        return f"a number ({value})" if abs(value) < 10**40 else "a number of more than 40 digits"
    if isinstance(value, str):
        return f"text of {len(value):,} characters" if len(value) > NAME else f"text ({shown(repr(value), 80)})"
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}" if value else "an empty list"
    return f"a {type(value).__name__} ({shown(value, 80)})"


def wrong(where: str, at: str, expected: str, value: Any) -> AlumbenchError:
    """The error for an unexpected value at a key of a file."""
    return AlumbenchError(f"{_place(where, at)}: expected {expected}, found {_found(value)}")


def key_at(at: str, key: object) -> str:
    """The name in messages of a key or index below `at`: `columns[2].title`."""
    if isinstance(key, int):
        return f"{at}[{key}]"
    return f"{at}.{shown(key, 60)}" if at else shown(key, 60)


def _item(at: str, number: int, item: Any) -> str:
    """An item's position, with its name if it has one: nobody counts to [37]."""
    names = [item[key] for key in ("name", "title", "row", "id") if key in item] if isinstance(item, Mapping) else []
    named = f" ({shown(names[0], 60)})" if names and isinstance(names[0], str) and names[0] else ""
    return f"{at}[{number}]{named}"


def _place(where: str, at: str) -> str:
    return f"{where}: {at}" if at else where
