"""The types of alumbench that signatures name, found by reading them: some are imported for type checkers alone."""

from __future__ import annotations

import ast
import dataclasses
import functools
import importlib
import inspect
import textwrap
import typing
from collections.abc import Iterator
from typing import Any

import msgspec


@functools.cache
def imports_of(module: str) -> dict[str, tuple[str, str]]:
    """Module and name of all that a module imports by name, wherever it does."""
    source = inspect.getsource(importlib.import_module(module))
    return {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def types_in(annotation: Any, module: str) -> set[type]:
    """The classes of alumbench in an annotation of that module; those of an alias too."""
    if not isinstance(annotation, str):
        return classes_in(annotation)
    found: set[type] = set()
    for node in ast.walk(ast.parse(annotation, mode="eval")):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= types_in(node.value, module) if node.value.isidentifier() else set()
        if isinstance(node, ast.Name):
            home, name = imports_of(module).get(node.id, (module, node.id))
            if home.startswith("alumbench"):
                found |= classes_in(getattr(importlib.import_module(home), name, None))
    return found


def classes_in(value: Any) -> set[type]:
    """The classes of alumbench in a type, its arguments included."""
    if isinstance(value, type) and value.__module__.startswith("alumbench"):
        return {value}
    parts = [part for one in typing.get_args(value) for part in (one if isinstance(one, list) else [one])]
    return {found for part in parts for found in classes_in(part)}


def own_classes(cls: type) -> list[type]:
    """The class and those of alumbench that it extends."""
    return [base for base in cls.__mro__ if base.__module__.startswith("alumbench")]


def fields_of(cls: type) -> dict[str, tuple[Any, str]]:
    """Annotation and module of a dataclass's, a Struct's or a typed class's public fields."""
    found = {}
    for base in reversed(own_classes(cls)):
        for name, annotation in inspect.get_annotations(base).items():
            if not name.startswith("_") and "ClassVar" not in str(annotation):
                found[name] = (annotation, base.__module__)
    return found if dataclasses.is_dataclass(cls) or issubclass(cls, msgspec.Struct) else {}


def attributes_set_in(cls: type) -> set[str]:
    """The public attributes that a class's own functions set on `self`, except those that a library's class reads."""
    targets = [
        target
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(cls))))
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for assigned in (node.targets if isinstance(node, ast.Assign) else [node.target])
        for target in ast.walk(assigned)
    ]
    owned = {node.attr for node in targets if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self"}
    return {name for name in owned if not name.startswith("_")} - {"model_accepts_loss_kwargs"}


def members_of(cls: type) -> dict[str, Any]:
    """The public functions, properties and constants of a class that are no fields."""
    found = {}
    for base in reversed(own_classes(cls)):
        for name in vars(base):
            if not name.startswith("_") and name not in fields_of(cls):
                found[name] = inspect.getattr_static(base, name)
    return found


def functions_of(value: Any) -> Iterator[Any]:
    """What of a public name has a signature."""
    if not isinstance(value, type):
        yield value
        return
    yield from (vars(base)["__init__"] for base in own_classes(value) if inspect.isfunction(vars(base).get("__init__")))
    for member in members_of(value).values():
        member = getattr(member, "__func__", member)
        member = getattr(member, "fget", None) or getattr(member, "func", None) or member
        if inspect.isfunction(member):
            yield member


def types_named_by(value: Any) -> set[type]:
    """The classes of alumbench that a public function or class names in signatures and fields."""
    found: set[type] = set()
    for function in functions_of(value):
        function = inspect.unwrap(function)
        for annotation in inspect.get_annotations(function).values():
            found |= types_in(annotation, function.__module__)
    for annotation, module in (fields_of(value) if isinstance(value, type) else {}).values():
        found |= types_in(annotation, module)
    return found
