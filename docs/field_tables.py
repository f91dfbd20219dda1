"""Tables of typed records in Markdown, made of the structs and their docstrings; `docs/hooks.py` asks for them."""

from __future__ import annotations

import html
import importlib
import inspect
import re
import typing
from typing import Any

import msgspec

PLURALS = {"text": "texts", "integer": "integers", "number": "numbers", "any": "anything"}


def fields_table(name: str) -> str:
    """The fields of a struct in Markdown, with what docstrings say of them."""
    module, _, attribute = name.rpartition(".")
    struct = getattr(importlib.import_module(module), attribute)
    described = descriptions(struct)
    rows = ["| field | type | default | meaning |", "| --- | --- | --- | --- |"]
    for field in msgspec.structs.fields(struct):
        default = "" if field.required else shown_default(field)
        meaning = described[field.name]
        rows.append(
            f"| `{field.encode_name}` | {html.escape(type_name(field.type), quote=False)} | {default} | {meaning} |"
        )
    summary = inspect.getdoc(struct) or ""
    about = re.split(r"\n\n", summary)[0].replace("\n", " ")
    return f"{about}\n\n" + "\n".join(rows)


def descriptions(struct: type) -> dict[str, str]:
    """What the `Attributes:` of a class and of those that it inherits from say, by field."""
    found: dict[str, str] = {}
    for cls in reversed(struct.__mro__):
        text = inspect.cleandoc(cls.__doc__ or "").partition("Attributes:\n")[2]
        block = re.split(r"\n(?=\S)", text)[0]
        for name, meaning in re.findall(r"^    (\w+): (.*(?:\n {8,}.*)*)", block, re.MULTILINE):
            found[name] = re.sub(r"\s+", " ", meaning).replace("|", "\\|").replace("''", '`""`')
    return found


def shown_default(field: msgspec.structs.FieldInfo) -> str:
    """The default as JSON has it; `unset` for a field that can be null or missing."""
    if field.default is msgspec.UNSET:
        return "unset"
    if field.default_factory is not msgspec.NODEFAULT:
        return "`[]`"
    return f"`{msgspec.json.encode(field.default).decode()}`"


def type_name(kind: Any) -> str:
    """A type in the words of JSON."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return type_name(arguments[0])
    if origin is typing.Literal:
        return " or ".join(f'"{value}"' for value in arguments)
    if origin in (list, tuple):
        inner = dict.fromkeys(PLURALS.get(type_name(part), type_name(part)) for part in arguments)
        return "list of " + " and ".join(inner)
    if origin is dict:
        return f"table of {PLURALS.get(type_name(arguments[1]), type_name(arguments[1]))}"
    if origin is not None or isinstance(kind, type(int | str)):
        parts = [part for part in arguments if part is not msgspec.UnsetType]
        return " or ".join(type_name(part) for part in parts)
    plain = {str: "text", int: "integer", float: "number", bool: "true or false", type(None): "null", Any: "any"}
    return plain.get(kind) or getattr(kind, "__name__", str(kind))
