"""Infers a task from a labelled table's columns, for a model that does not record its task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alumbench.data.labels import is_number, plain
from alumbench.data.table import Rows, need_columns, read_table
from alumbench.data.task import Task
from alumbench.errors import AlumbenchError, shown

#: Common names of a label column and of text columns, the likeliest first.
LABELS = ("label", "labels", "class", "category", "target", "sentiment", "gold_label", "y")
PAIRS = (
    *(("premise", "hypothesis"), ("sentence1", "sentence2"), ("question1", "question2"), ("text1", "text2")),
    *(("text_a", "text_b"), ("question", "sentence"), ("question", "context"), ("question", "answer")),
    *(("query", "passage"), ("query", "document")),
)
TEXTS = ("text", "sentence", "review", "content", "document", "comment", "message", "tweet", "body", "question")
#: Columns that a label is relative to; attacks may not change them.
PROTECTED = ("premise",)
#: Columns that number or identify rows.
NUMBERING = ("id", "idx", "index", "guid", "uid", "uuid", "key", "row", "split", "source", "url", "date")


@dataclass(frozen=True)
class Inferred:
    """A task, and the parts of it that were inferred.

    Attributes:
        task: the task, named after the file.
        label_column: the file's label column.
        line: the inferred parts, to be printed.
    """

    task: Task
    label_column: str
    line: str


def infer_task(
    file: Path,
    labels: Sequence[str],
    *,
    columns: Sequence[str] = (),
    label_column: str = "",
    values: Mapping[str, str] | None = None,
    delimiter: str = "",
    encoding: str = "",
) -> Inferred:
    """The task of a table.

    Args:
        file: the table.
        labels: names of the labels.
        columns: its text columns; () to infer one, or two for pairs.
        label_column: its label column; '' to infer it.
        values: labels for values of the label column.
        delimiter: of a csv or tsv file; '' detects it.
        encoding: of a text file; '' detects it.

    Raises:
        AlumbenchError: A column is missing, or several could be meant; they are named.
    """
    rows = read_table(file, delimiter, encoding).rows
    found_label = label_column or _label_column(rows, labels, values or {}, file.name)
    need_columns(rows, [*columns, found_label], str(file))
    texts = tuple(columns) or _text_columns({k: v for k, v in rows.items() if k != found_label}, file.name)
    if not 1 <= len(texts) <= 2:
        raise AlumbenchError(f"--text-columns {','.join(columns)}: expected one column, or two for pairs")
    protected = tuple(name for name in texts if name in PROTECTED) if len(texts) == 2 else ()
    task = Task(file.stem, f"your own data, {file.name}", texts, tuple(labels), protected)
    line = f"{file.name}: texts in {' and '.join(texts)}, labels in {found_label}"
    line += f"; attacks leave {protected[0]} as it is" if protected else ""
    if not (columns and label_column):
        line += " (found; --text-columns and --label-column name others)"
    return Inferred(task, found_label, shown(line))


def _label_column(rows: Rows, labels: Sequence[str], values: Mapping[str, str], where: str) -> str:
    known = {*map(plain, labels), *map(str, range(len(labels))), *values}
    fitting = [name for name in rows if _all_known(rows[name], known)]
    named = [name for wanted in LABELS for name in rows if plain(name) == wanted]
    both = [name for name in named if name in fitting]
    for candidates in (both[:1], fitting if len(fitting) == 1 else [], named if len(named) == 1 else []):
        if candidates:
            return candidates[0]
    none = f"none of {', '.join(rows)} holds only {', '.join(labels)}, so none is"
    what = f"{', '.join(fitting)} could be" if fitting else none
    raise AlumbenchError(f"{where}: {what} the label column; name it with --label-column")


def _text_columns(rows: Rows, where: str) -> tuple[str, ...]:
    texts = [name for name in rows if plain(name) not in NUMBERING and _holds_text(rows[name])]
    by_name = {plain(name): name for name in texts}
    if len(texts) == 1:
        return (texts[0],)
    for pair in PAIRS:
        if all(name in by_name for name in pair):
            return tuple(by_name[name] for name in pair)
    single = [by_name[name] for name in TEXTS if name in by_name]
    if len(single) == 1:
        return (single[0],)
    which = f"{', '.join(texts)} could be" if texts else f"none of {', '.join(rows) or 'its columns'} is"
    raise AlumbenchError(f"{where}: {which} the text; name one column, or two for pairs, with --text-columns")


def _all_known(cells: Sequence[Any], known: set[str]) -> bool:
    filled = [plain(cell) for cell in cells if cell is not None and str(cell).strip()]
    return bool(filled) and all(cell in known for cell in filled)


def _holds_text(cells: Sequence[Any]) -> bool:
    filled = [cell for cell in cells if cell is not None and str(cell).strip()]
    return bool(filled) and all(isinstance(cell, str) for cell in filled) and not all(map(is_number, filled))
