"""One labelled example, with an identity that does not depend on where it stands in its file."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from alumbench.errors import AlumbenchError
from alumbench.tasks.labels import is_unlabelled, read_label
from alumbench.tasks.table import Rows, need_columns


@dataclass(frozen=True)
class Example:
    """Texts in the order of the task's columns, and the gold label.

    Attributes:
        id: twelve hexadecimal digits of the content's hash, and `-2`, `-3`, … for repeated content.
        texts: one string a column.
        label: a label's name, a number for regression.
        group: the part of a challenge set that the example belongs to ('' where there are none).
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
        seen: how often each content occurred in tables before this one, counted on here.

    Returns:
        The examples, and how many rows had no gold label (-1 or null) and were left out.

    Raises:
        AlumbenchError: A column is missing, a text is null, a label is outside the set, or nothing is left.
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
                raise AlumbenchError(f"{where}, row {line}: column '{column}' holds {text!r}, expected a text")
        digest = content_id(texts, label)
        seen[digest] += 1
        identity = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        examples.append(Example(identity, tuple(texts), label, str(group)))
    if not examples:
        raise AlumbenchError(f"{where}: no labelled example in {unlabelled} rows")
    return examples, unlabelled


def content_id(texts: Sequence[str], label: str | float) -> str:
    """What the id of an example begins with: twelve hexadecimal digits of the hash of its texts and label."""
    return hashlib.sha256(_joined([*texts, str(label)])).hexdigest()[:12]


def _joined(parts: Sequence[str]) -> bytes:
    """The parts as bytes that no other parts give: joined by NUL, or as JSON where a part holds a NUL itself."""
    text = json.dumps(parts) if any("\0" in part for part in parts) else "\0".join(parts)
    return text.encode(errors="surrogatepass")


def data_hash(examples: Sequence[Example]) -> str:
    """One SHA-256 over ids, texts and labels in order: two runs with the same hash saw the same data."""
    digest = hashlib.sha256()
    for example in examples:
        digest.update(_joined([example.id, *example.texts, str(example.label), example.group]) + b"\1")
    return digest.hexdigest()
