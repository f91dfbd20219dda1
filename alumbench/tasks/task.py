"""What is learned: columns, label names, metric, and the tables to learn and choose on."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib import resources
from typing import Any

from alumbench.errors import AlumbenchError, unknown
from alumbench.tasks.source import Source

METRICS = ("accuracy", "f1", "matthews_correlation", "pearson", "spearman")


@dataclass(frozen=True)
class Task:
    """A classification or regression task on one text or a pair.

    Attributes:
        name: how commands call it.
        title: one line for people.
        columns: text columns in the order the model reads them.
        labels: label names in the order of the data's integers; () for regression.
        protected: columns that an attack may not change: the context a label is relative to.
        metrics: reported on the dev set; the first is the task's own.
        train: tables to train on, one after another.
        dev: tables to choose and report on.
        note: what to know before comparing figures.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    labels: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ("accuracy",)
    train: tuple[Source, ...] = field(default=())
    dev: tuple[Source, ...] = field(default=())
    note: str = ""

    @property
    def is_regression(self) -> bool:
        """Whether labels are numbers."""
        return not self.labels

    def to_dict(self) -> dict[str, Any]:
        """The task as JSON-ready values; `Task.from_dict` reads it back."""
        values = asdict(self)
        for split in ("train", "dev"):
            values[split] = tuple(Source.without_later(source) for source in values[split])
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], where: str = "task") -> Task:
        """Builds a task from TOML or JSON values.

        Raises:
            AlumbenchError: A key or metric is unknown, or a needed one is missing.
        """
        parts = dict(build(cls, values, where))
        for name in ("train", "dev"):
            parts[name] = tuple(Source(**build(Source, entry, f"{where}, {name}")) for entry in values.get(name, ()))
        task = cls(**parts)
        for metric in task.metrics:
            if metric not in METRICS:
                raise unknown("metric", metric, METRICS)
        for column in task.protected:
            if column not in task.columns:
                raise AlumbenchError(f"{where}: protected column '{column}' is none of {', '.join(task.columns)}")
        return task


def build(cls: type, values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Checks TOML or JSON values against a dataclass' fields and turns lists into tuples.

    Raises:
        AlumbenchError: A key that the class lacks (the nearest is named), a value of another type, or a needed key is
            absent.
    """
    known = {item.name: item for item in fields(cls)}
    for key in values:
        if key not in known:
            raise AlumbenchError(f"{where}: {unknown('key', key, known)}")
        kinds = _KINDS.get(str(known[key].type).partition("[")[0], object)
        if not isinstance(values[key], kinds) or (isinstance(values[key], bool) and kinds is not bool):
            raise AlumbenchError(f"{where}: {key} = {values[key]!r} is no {known[key].type}")
    try:
        cls(**values)
    except TypeError as error:
        raise AlumbenchError(f"{where}: {error}") from None
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}


_KINDS: dict[str, Any] = {
    "int": int,
    "float": (int, float),
    "str": str,
    "bool": bool,
    "tuple": (list, tuple, dict),  # a single table may stand for a list of one
    "Mapping": Mapping,
}


def task_names() -> list[str]:
    """The tasks of the catalog, sorted."""
    return sorted(path.name.removesuffix(".toml") for path in _catalog().iterdir() if path.name.endswith(".toml"))


def load_task(name: str) -> Task:
    """The task of that name from the catalog.

    Raises:
        AlumbenchError: There is none; the nearest name is offered.
    """
    if name not in task_names():
        raise unknown("task", name, task_names(), "alumbench tasks")
    text = (_catalog() / f"{name}.toml").read_text(encoding="utf-8")
    return Task.from_dict({"name": name, **tomllib.loads(text)}, where=f"task {name}")


def _catalog() -> Any:
    return resources.files("alumbench.tasks") / "catalog"
