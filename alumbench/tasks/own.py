"""A task made of the user's own files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alumbench.errors import AlumbenchError
from alumbench.tasks.example import is_unlabelled
from alumbench.tasks.source import Source, read_file
from alumbench.tasks.task import Task


def own_task(
    train_file: Path,
    validation_file: Path | None,
    *,
    columns: Sequence[str],
    label_column: str = "label",
    labels: Sequence[str] = (),
    protected: Sequence[str] = (),
) -> Task:
    """The task that a table defines: its label names are those given, or the texts in its label column.

    Raises:
        AlumbenchError: The file or a column is missing, or integer labels come without names.
    """
    rows = read_file(train_file)
    for column in [*columns, label_column]:
        if column not in rows:
            raise AlumbenchError(
                f"{train_file}: no column '{column}'; it has {', '.join(sorted(rows))}. "
                f"Name the columns with --text-columns and --label-column"
            )
    if not 1 <= len(columns) <= 2:
        raise AlumbenchError(f"--text-columns {','.join(columns)}: expected one column, or two for pairs")
    found = _label_names(rows[label_column])
    if not labels:
        if not found:
            raise AlumbenchError(f"{train_file}: column '{label_column}' holds no label")
        if all(name.lstrip("-").isdigit() for name in found):
            raise AlumbenchError(
                f"{train_file}: labels {', '.join(found[:5])} are numbers; name them in order: --labels name0,name1,…"
            )
        if len(found) > 1000:
            raise AlumbenchError(f"{train_file}: column '{label_column}' holds {len(found)} different texts, no labels")
        labels = found
    if any(name.lstrip("-").isdigit() for name in labels):
        raise AlumbenchError(f"--labels {','.join(labels)}: names that are numbers could be taken for positions")
    if len(labels) < 2:
        raise AlumbenchError(f"{train_file}: the only label is {labels[0]}; a classifier needs two or more")
    return Task(
        name=train_file.stem,
        title=f"your own data, {train_file.name}",
        columns=tuple(columns),
        labels=tuple(labels),
        protected=tuple(protected),
        train=(Source(file=str(train_file.resolve()), label_column=label_column),),
        dev=(Source(file=str(validation_file.resolve()), label_column=label_column),) if validation_file else (),
    )


def _label_names(values: Sequence[object]) -> list[str]:
    """The labels in a column, sorted; those that differ in case or blanks alone are one, named as it first occurs."""
    names: dict[str, str] = {}
    for value in values:
        if not is_unlabelled(value):
            names.setdefault(str(value).strip().casefold(), str(value).strip())
    return sorted(names.values())
