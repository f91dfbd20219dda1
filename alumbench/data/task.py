"""A task: columns, label names, metrics, and the training and dev tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from alumbench.config import Name, convert
from alumbench.data.source import Source
from alumbench.errors import AlumbenchError, unknown
from alumbench.parsing import parse_toml
from alumbench.registry import TASKS, find, names

METRICS = ("accuracy", "f1", "matthews_correlation", "pearson", "spearman")


@dataclass(frozen=True)
class Task:
    """A classification or regression task on one text or a pair.

    Attributes:
        name: its name in commands.
        title: a one-line description.
        columns: text columns in the order the model reads them.
        labels: label names in the order of the data's integers; () for regression.
        protected: columns that an attack may not change: the context a label is relative to.
        metrics: reported on the dev set; the first is the main one.
        train: tables to train on, in this order.
        dev: tables for choosing settings and reporting.
        note: a caveat for comparing figures.
        origin: its source, if it is neither from this package nor from the user's own table.
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
    origin: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_regression(self) -> bool:
        """True if labels are numbers."""
        return not self.labels

    def to_dict(self) -> dict[str, object]:
        """The task as JSON-ready values; `Task.from_dict` reads it back."""
        values = asdict(self)
        for split in ("train", "dev"):
            values[split] = tuple(Source.without_later(source) for source in values[split])
        if not values["origin"]:
            del values["origin"]
        return values

    @classmethod
    def from_dict(cls, values: object, where: str = "task") -> Task:
        """Builds a task from TOML or JSON values.

        Raises:
            AlumbenchError: A key or metric is unknown, a required one is missing, or a value is invalid.
        """
        return convert(cls, values, where)

    def check(self) -> None:
        """Checks its values.

        Raises:
            AlumbenchError: A metric is unknown, a protected column is not one of its columns, or a name occurs twice.
        """
        for name in ("columns", "labels"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise AlumbenchError(f"{name}: a name occurs twice")
        if not self.columns or not self.metrics:
            raise AlumbenchError("a task needs one or two text columns and a metric")
        if len(self.labels) == 1:
            raise AlumbenchError(
                "labels: one label leaves nothing to learn; give two or more, or none for a regression"
            )
        for metric in self.metrics:
            if metric not in METRICS:
                raise unknown("metric", metric, METRICS)
        for column in self.protected:
            if column not in self.columns:
                raise AlumbenchError(f"protected column '{column}' is not one of {', '.join(self.columns)}")


def task_names() -> list[str]:
    """The names of all tasks, sorted."""
    return names(TASKS)


def load_task(name: str) -> Task:
    """The task with this name, or from a TOML file: `./mine.toml`.

    A source's `file` is relative to the TOML file's folder.

    Raises:
        AlumbenchError: It does not exist (the nearest name is suggested), or the file is invalid.
    """
    found = find(TASKS, name)
    where = f"task {name}" if found.built_in else found.where
    task = convert(Task, {"name": found.name, **parse_toml(found.text(), where)}, where, origin=found.origin().record())
    found.named(task.name)
    if found.built_in:
        return task
    folder = found.file().resolve().parent
    return replace(task, train=_beside(task.train, folder), dev=_beside(task.dev, folder))


def _beside(sources: Sequence[Source], folder: Path) -> tuple[Source, ...]:
    """The sources with full paths of their files, as for a user's own files."""
    return tuple(replace(one, file=str(folder / one.file)) if one.file else one for one in sources)
