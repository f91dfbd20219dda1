"""Tables as examples: what a user's file holds beside them is left out, counted and told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from alumbench.errors import AlumbenchError, shown
from alumbench.tasks.example import Example, examples_from_rows
from alumbench.tasks.labels import is_number, read_own_labels
from alumbench.tasks.source import Source
from alumbench.tasks.table import Rows, need_columns

_MOST_TOLD = 20
_BLANK = " \t\r\n\f\v\u00a0\u200b\ufeff"


def load_examples_from(
    sources: Sequence[Source],
    columns: Sequence[str],
    labels: Sequence[str],
    group: str = "",
    say: Callable[[str], None] | None = None,
) -> tuple[list[Example], list[dict[str, Any]]]:
    """All rows of several sources as examples, and their origins with the rows taken and left out.

    Args:
        sources: the tables.
        columns: the text columns, in the task's order.
        labels: the task's labels, empty for regression.
        group: a column that names a part of the set, or ''.
        say: told in one line a source what was read.

    Raises:
        AlumbenchError: There is no source, or one cannot be had or read.
    """
    if not sources:
        raise AlumbenchError("no table is named for this split")
    examples: list[Example] = []
    origins: list[dict[str, Any]] = []
    seen: Counter[str] = Counter()
    for source in sources:
        rows, origin = source.load()
        texts, names = source.columns or columns, source.labels or labels
        need_columns(rows, [*texts, source.label_column, *([group] if group else [])], source.name)
        count, left_out = len(rows[source.label_column]), 0
        of_file: dict[str, Any] = {}
        if source.file:
            rows, of_file = own_rows(rows, source, texts, labels)
            left_out, names = of_file["without_label"], source.labels or labels
        part, unlabelled = examples_from_rows(
            rows, texts, names, source.name, label_column=source.label_column, group_column=group, seen=seen
        )
        counts = Counter(str(example.label) for example in part) if labels else None
        if counts is not None and source.file:
            of_file["labels"] = {name: counts[name] for name in names}
        examples += part
        origins.append(origin | {"examples": len(part), "without_label": unlabelled + left_out} | of_file)
        if say is not None:
            say(told(source, origins[-1], count, counts, names))
    return examples, origins


def own_rows(
    rows: Rows, source: Source, columns: Sequence[str], labels: Sequence[str]
) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """A user's rows less those without a text or a label, labels as names; and how many were left out for what.

    Raises:
        AlumbenchError: A text is none, or a label none of the task's; its row is named.
    """
    where = source.name
    names = source.labels or labels
    order = names if source.ordered else ()
    read = read_own_labels(rows[source.label_column], names, where, order, source.values)
    _check_texts(rows, columns, where)
    empty = [any(_is_blank(rows[column][at]) for column in columns) for at in range(len(read))]
    kept = [at for at, label in enumerate(read) if label is not None and not empty[at]]
    left = {name: [values[at] for at in kept] for name, values in rows.items() if name != source.label_column}
    left[source.label_column] = [read[at] for at in kept]
    counts = {"empty": sum(empty), "without_label": len(read) - len(kept) - sum(empty)}
    if not kept:
        raise AlumbenchError(
            f"{where}: no example in {len(read)} rows: {counts['empty']} have no text, "
            f"{counts['without_label']} no label"
        )
    return left, counts


def told(source: Source, origin: dict[str, Any], rows: int, counts: Counter[str] | None, labels: Sequence[str]) -> str:
    """One line on what was read: 'train.csv: 112 rows, 2 empty, left out; labels: negative (60), positive (50)'."""
    parts = [f"{rows} rows"]
    parts += [f"{origin['empty']} empty, left out"] if origin.get("empty") else []
    parts += [f"{origin['without_label']} without label, left out"] if origin["without_label"] else []
    line = f"{Path(source.file).name if source.file else source.name}: {', '.join(parts)}"
    line += f" ({origin['form']})" if origin.get("form") else ""
    if counts is not None:
        each = [f"{name} ({counts[name]})" for name in labels[:_MOST_TOLD]]
        line += f"; labels: {', '.join(each)}" + (", …" if len(labels) > _MOST_TOLD else "")
    return shown(line)


def _check_texts(rows: Rows, columns: Sequence[str], where: str) -> None:
    for column in columns:
        for row, text in enumerate(rows[column], start=1):
            if text is None or isinstance(text, str) and text.isascii():
                continue
            if not isinstance(text, str):
                raise AlumbenchError(f"{where}, row {row}: column '{column}' holds {text!r:.80}, expected a text")
            try:
                text.encode()
            except UnicodeEncodeError:
                raise AlumbenchError(
                    f"{where}, row {row}: column '{column}' holds half a surrogate pair, which is no character"
                ) from None
        filled = (text for text in rows[column] if not _is_blank(text))
        first = next(filled, "")
        if is_number(first) and all(map(is_number, filled)):
            raise AlumbenchError(f"{where}: column '{column}' holds numbers alone, expected texts")


def _is_blank(text: Any) -> bool:
    return text is None or not str(text).strip(_BLANK)
