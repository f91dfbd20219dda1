"""A labelled example, with an id that does not depend on its position in the file."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from alumbench.data.labels import is_unlabelled, read_label
from alumbench.data.table import Rows, need_columns
from alumbench.errors import AlumbenchError


@dataclass(frozen=True)
class Example:
    """Texts in the order of the task's columns, and the gold label.

    Attributes:
        id: twelve hexadecimal digits of the content's hash, and `-2`, `-3`, … for repeated content.
        texts: one string per column.
        label: a label's name, a number for regression.
        group: the part of a challenge set that the example belongs to ('' if there are none).
    """

    id: str
    texts: tuple[str, ...]
    label: str | float
    group: str = ""


def examples_from_rows(
    rows: Rows,
    columns: Sequence[str],
    labels: Sequence[str],
    where: str,
    *,
    label_column: str = "label",
    group_column: str = "",
    seen: Counter[str] | None = None,
) -> tuple[list[Example], int]:
    """Turns table columns into examples.

    Args:
        rows: column name to values.
        columns: the text columns, in the task's order.
        labels: label names in the order of the data's integer labels; empty for regression.
        where: file or data set, for messages.
        label_column: the column with an integer, or a label's name, or a number for regression.
        group_column: a column that names a part of the set, or ''.
        seen: counts of each content in earlier tables, updated here.

    Returns:
        The examples, and the number of rows left out because they have no gold label (-1 or null).

    Raises:
        AlumbenchError: A column is missing, a text is null, a label is unknown, or no example is left.
    """
    need_columns(rows, [*columns, label_column, *([group_column] if group_column else [])], where)
    seen = Counter() if seen is None else seen
    examples: list[Example] = []
    unlabelled = 0
    groups = rows[group_column] if group_column else [""] * len(rows[label_column])
    for line, (raw, group, *texts) in enumerate(
        zip(rows[label_column], groups, *(rows[column] for column in columns), strict=True), start=1
    ):
        if is_unlabelled(raw):
            unlabelled += 1
            continue
        label = read_label(raw, labels, f"{where}, row {line}")
        for column, text in zip(columns, texts, strict=True):
            if not isinstance(text, str):
                raise AlumbenchError(f"{where}, row {line}: column '{column}' holds {text!r}, expected text")
        digest = content_id(texts, label)
        seen[digest] += 1
        identity = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        examples.append(Example(identity, tuple(texts), label, str(group)))
    if not examples:
        raise AlumbenchError(f"{where}: no labelled example in {unlabelled} rows")
    return examples, unlabelled


def content_id(texts: Sequence[str], label: str | float) -> str:
    """The start of an example's id: twelve hexadecimal digits of the hash of its texts and label."""
    return hashlib.sha256(_joined([*texts, str(label)])).hexdigest()[:12]


def _joined(parts: Sequence[str]) -> bytes:
    """The parts as bytes, unique to them: joined by NUL, or as JSON if a part contains a NUL."""
    text = json.dumps(parts) if any("\0" in part for part in parts) else "\0".join(parts)
    return text.encode(errors="surrogatepass")


def data_hash(examples: Sequence[Example]) -> str:
    """A SHA-256 of ids, texts and labels in order: two runs with the same hash saw the same data."""
    digest = hashlib.sha256()
    for example in examples:
        digest.update(_joined([example.id, *example.texts, str(example.label), example.group]) + b"\1")
    return digest.hexdigest()
