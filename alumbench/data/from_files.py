"""A task from the user's own files, and the user's own examples for an existing task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from alumbench.arguments import names_of, path_of
from alumbench.data.dataset import own_rows
from alumbench.data.labels import find_labels, is_number, parse_labels, plain
from alumbench.data.source import Source
from alumbench.data.table import need_columns
from alumbench.data.task import Task
from alumbench.errors import AlumbenchError, nearest


def task_from_files(
    train_file: str | Path,
    validation_file: str | Path | None = None,
    *,
    columns: Sequence[str],
    label_column: str = "label",
    labels: Sequence[str] = (),
    protected: Sequence[str] = (),
    delimiter: str = "",
    encoding: str = "",
) -> Task:
    r"""The task that a table defines: its label names are those given, or the texts in its label column.

    Args:
        train_file: the table to train on.
        validation_file: the dev set, or None.
        columns: one text column, or two for pairs.
        label_column: the column with the labels.
        labels: names in the order of the file's integers, or of its values, see `parse_labels`.
        protected: columns that attacks may not change.
        delimiter: of csv and tsv files; '' detects it.
        encoding: of text files; '' detects it.

    Raises:
        AlumbenchError: A file or column is missing, or the meaning of a label is not clear, in either file.

    >>> file = Path(tempfile.mkdtemp()) / "films.csv"
    >>> _ = file.write_text("review,label\na good film,positive\na dull one,negative\n")
    >>> task = task_from_files(file, columns=["review"])
    >>> task.name, task.labels
    ('films', ('negative', 'positive'))
    """
    expected = "the path of a CSV, TSV, JSON-lines or parquet file"
    train_file = path_of(train_file, "train_file", expected)
    validation_file = path_of(validation_file, "validation_file", expected) if validation_file is not None else None
    columns, labels = names_of(columns, "columns", "['text']"), names_of(labels, "labels", "['negative', 'positive']")
    if not 1 <= len(columns) <= 2 or len(set(columns)) != len(columns):
        raise AlumbenchError(f"--text-columns {','.join(columns)}: expected one column, or two for pairs")
    _check_protected(protected, columns)
    source = Source(file=str(train_file.resolve()), label_column=label_column, delimiter=delimiter, encoding=encoding)
    rows, _ = source.load()
    need_columns(rows, [*columns, label_column], str(train_file))
    names, values = parse_labels(labels)
    if not names:
        labelled = [raw if values.get(plain(raw)) != "" else None for raw in rows[label_column]]
        names = tuple(find_labels(labelled, str(train_file), label_column))
    if any(map(is_number, names)):
        raise AlumbenchError(
            f"--labels {','.join(names)}: names cannot be numbers; give names, for example "
            f"--labels 0=negative,1=positive"
        )
    if len(names) < 2:
        raise AlumbenchError(f"{train_file}: the only label is {names[0]}; a classifier needs two or more")
    ordered = any("=" not in label for label in labels)
    source = replace(source, labels=names if ordered else (), values=values, ordered=ordered)
    _check(source, columns, names, every=ordered)
    dev = replace(source, file=str(validation_file.resolve())) if validation_file else None
    if dev is not None:
        _check(dev, columns, names)
    return Task(
        name=train_file.stem,
        title=f"your own data, {train_file.name}",
        columns=tuple(columns),
        labels=names,
        protected=tuple(protected),
        train=(source,),
        dev=(dev,) if dev else (),
    )


def own_examples(
    task: Task,
    file: Path,
    *,
    columns: Sequence[str] = (),
    label_column: str = "",
    values: Mapping[str, str] | None = None,
    delimiter: str = "",
    encoding: str = "",
) -> Source:
    """A user's file with examples for a task.

    Labels are read as in the task's own training file. For a task of the catalog, integers are positions in its labels.

    Args:
        task: the task.
        file: the table.
        columns: its text columns; () for the task's.
        label_column: its label column; '' for that of the task's own training file, else 'label'.
        values: labels for its values, in addition to or instead of the training file's.
        delimiter: of a csv or tsv file; '' detects it.
        encoding: of a text file; '' detects it.

    Raises:
        AlumbenchError: There are more or fewer columns than in the task.
    """
    columns = tuple(columns) or task.columns
    if len(columns) != len(task.columns):
        given = f"{len(columns)} column{'s' if len(columns) > 1 else ''} given"
        raise AlumbenchError(
            f"--text-columns {','.join(columns)}: {given}, {len(task.columns)} needed ({', '.join(task.columns)})"
        )
    learned = next((source for source in task.train if source.file), None)
    base = learned or Source()
    return Source(
        file=str(file),
        columns=columns,
        labels=base.labels,
        ordered=bool(base.labels) or learned is None,
        values=dict(base.values) | dict(values or {}),
        label_column=label_column or base.label_column,
        delimiter=delimiter,
        encoding=encoding,
    )


def _check_protected(protected: Sequence[str], columns: Sequence[str]) -> None:
    for column in protected:
        if column not in columns:
            near = nearest(column, columns)
            hint = f" Did you mean '{near}'?" if near else ""
            raise AlumbenchError(f"--protected {column}: is not one of the text columns {', '.join(columns)}.{hint}")
    if set(protected) >= set(columns):
        raise AlumbenchError(f"--protected {','.join(protected)}: leaves no text column that can be attacked")


def _check(source: Source, columns: Sequence[str], names: Sequence[str], every: bool = False) -> None:
    """Reads everything that training will, before a model is loaded."""
    rows, _ = source.load()
    need_columns(rows, [*columns, source.label_column], source.name)
    read = own_rows(rows, source, columns, names)[0][source.label_column]
    absent = [name for name in names if name not in read]
    numbers = [raw for raw in rows[source.label_column] if is_number(str(raw).strip())]
    if every and absent and numbers:
        values = sorted({str(raw).strip() for raw in numbers}, key=float)[:5]
        raise AlumbenchError(
            f"{source.name}: its labels are {', '.join(values)}, but --labels names 0 to {len(names) - 1}; say what "
            f"each value means: --labels {','.join(f'{value}=NAME' for value in values)}"
        )
