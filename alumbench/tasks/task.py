"""What is learned: columns, label names, metric, and the tables to learn and choose on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib import resources
from typing import Any

from alumbench.config import Name, convert
from alumbench.errors import AlumbenchError, unknown
from alumbench.parsing import parse_toml
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

    name: Name
    title: str
    columns: tuple[Name, ...]
    labels: tuple[Name, ...] = ()
    protected: tuple[Name, ...] = ()
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
            AlumbenchError: A key or metric is unknown, a needed one is missing, or a value is not what it has to be.
        """
        return convert(cls, values, where)

    def check(self) -> None:
        """Looks its values through.

        Raises:
            AlumbenchError: A metric is unknown, a protected column is none of its columns, or a name is there twice.
        """
        for name in ("columns", "labels"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise AlumbenchError(f"{name}: a name is there twice")
        if not self.columns or not self.metrics:
            raise AlumbenchError("a task needs one or two text columns and a metric")
        if len(self.labels) == 1:
            raise AlumbenchError("labels: one label alone leaves nothing to learn; give two, or none for a regression")
        for metric in self.metrics:
            if metric not in METRICS:
                raise unknown("metric", metric, METRICS)
        for column in self.protected:
            if column not in self.columns:
                raise AlumbenchError(f"protected column '{column}' is none of {', '.join(self.columns)}")


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
    return Task.from_dict({"name": name, **parse_toml(text, f"task {name}")}, where=f"task {name}")


def _catalog() -> Any:
    return resources.files("alumbench.tasks") / "catalog"
