"""Loads tables as examples; unusable rows of a user's file are left out, counted and reported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from alumbench.data.example import Example, examples_from_rows
from alumbench.data.labels import is_number, read_own_labels
from alumbench.data.source import DataOrigin, Source
from alumbench.data.table import Rows, need_columns
from alumbench.errors import AlumbenchError, shown

_MOST_TOLD = 20
_BLANK = " \t\r\n\f\v\u00a0\u200b\ufeff"


def load_examples_from(
    sources: Sequence[Source],
    columns: Sequence[str],
    labels: Sequence[str],
    group: str = "",
    say: Callable[[str], None] | None = None,
) -> tuple[list[Example], list[DataOrigin]]:
    """All rows of several sources as examples, and their origins with counts of the rows used and left out.

    Args:
        sources: the tables.
        columns: the text columns, in the task's order.
        labels: the task's labels, empty for regression.
        group: a column that names a part of the set, or ''.
        say: called with one line per source about what was read.

    Raises:
        AlumbenchError: There is no source, or one is unavailable or cannot be read.
    """
    if not sources:
        raise AlumbenchError("no table is named for this split")
    examples: list[Example] = []
    origins: list[DataOrigin] = []
    seen: Counter[str] = Counter()
    for source in sources:
        rows, origin = source.load()
        texts, names = source.columns or columns, source.labels or labels
        need_columns(rows, [*texts, source.label_column, *([group] if group else [])], source.name)
        count, left_out = len(rows[source.label_column]), 0
        empty: int | None = None
        if source.file:
            rows, empty, left_out = own_rows(rows, source, texts, labels)
            names = source.labels or labels
        part, unlabelled = examples_from_rows(
            rows, texts, names, source.name, label_column=source.label_column, group_column=group, seen=seen
        )
        counts = Counter(str(example.label) for example in part) if labels else None
        examples += part
        origins.append(
            msgspec.structs.replace(
                origin,
                examples=len(part),
                without_label=left_out if source.file else unlabelled,
                empty=empty,
                labels={name: counts[name] for name in names} if counts is not None and source.file else None,
            )
        )
        if say is not None:
            say(format_origin(source, origins[-1], count, counts, names))
    return examples, origins


def own_rows(rows: Rows, source: Source, columns: Sequence[str], labels: Sequence[str]) -> tuple[Rows, int, int]:
    """A user's rows that have text and label, labels as names; and the numbers without a text, and without a label.

    Raises:
        AlumbenchError: A text is not a string, or a label is not one of the task's; its row is named.
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
    without_text, without_label = sum(empty), len(read) - len(kept) - sum(empty)
    if not kept:
        raise AlumbenchError(
            f"{where}: no example in {len(read)} rows: {without_text} have no text, {without_label} no label"
        )
    return left, without_text, without_label


def format_origin(
    source: Source, origin: DataOrigin, rows: int, counts: Counter[str] | None, labels: Sequence[str]
) -> str:
    """One line on what was read: 'train.csv: 112 rows, 2 empty, left out; labels: negative (60), positive (50)'."""
    parts = [f"{rows} rows"]
    parts += [f"{origin.empty} empty, left out"] if origin.empty else []
    parts += [f"{origin.without_label} without label, left out"] if origin.without_label else []
    line = f"{Path(source.file).name if source.file else source.name}: {', '.join(parts)}"
    line += f" ({origin.form})" if origin.form else ""
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
                raise AlumbenchError(f"{where}, row {row}: column '{column}' holds {text!r:.80}, expected text")
            try:
                text.encode()
            except UnicodeEncodeError:
                raise AlumbenchError(
                    f"{where}, row {row}: column '{column}' holds half a surrogate pair, which is not a character"
                ) from None
        filled = (text for text in rows[column] if not _is_blank(text))
        first = next(filled, "")
        if is_number(first) and all(map(is_number, filled)):
            raise AlumbenchError(f"{where}: column '{column}' holds only numbers, expected texts")


def _is_blank(text: Any) -> bool:
    return text is None or not str(text).strip(_BLANK)
