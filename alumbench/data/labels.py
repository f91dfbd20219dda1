"""Reads labels from cells: by name, or by position only if the order of the labels is given, never by guessing.

In the catalog's data sets -1 and null mean that there is no gold label, as in their sources. In a user's file only an
empty cell does: -1 may be a class there, so it is an error that asks for the meaning.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from alumbench.errors import AlumbenchError, nearest

#: Words for "no label" that would otherwise become a class.
NO_LABELS = frozenset({"nan", "null", "none", "n/a", "na", "?", "-", "unknown", "unlabelled", "unlabeled", "<na>"})
_MOST_LABELS = 1000


def is_unlabelled(raw: object) -> bool:
    """True if a catalog's cell has no gold label: -1, null, or empty."""
    return raw is None or raw == -1 or (isinstance(raw, str) and not raw.strip())


def read_label(raw: Any, labels: Sequence[str], where: str) -> str | float:
    """A label's name, from that name or its number; a number for regression.

    Args:
        raw: a table's cell.
        labels: label names in the order of the data's integer labels; empty for regression.
        where: for messages.

    Raises:
        AlumbenchError: It is not one of the labels.
    """
    if not labels:
        return _number(raw, where)
    if isinstance(raw, str):
        names = {name.casefold(): name for name in labels}
        if raw.strip().casefold() in names:
            return names[raw.strip().casefold()]
        if raw.strip().isdecimal():
            raw = int(raw)
    if isinstance(raw, bool | int) and 0 <= raw < len(labels):
        return labels[int(raw)]
    if isinstance(raw, float) and raw.is_integer() and 0 <= raw < len(labels):
        return labels[int(raw)]
    raise AlumbenchError(
        f"{where}: label {raw!r} is neither one of {', '.join(labels)} nor an index from 0 to {len(labels) - 1}"
    )


def parse_labels(parts: Sequence[str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Parses `--labels`: names in order, `VALUE=NAME` for a file's value, `VALUE=` for rows without a label.

    Returns:
        The names (from the pairs, if there are only pairs), and the values with their names.

    Raises:
        AlumbenchError: A name or value occurs twice, or a pair's name is not one of the names.
    """
    names = [part for part in parts if "=" not in part]
    pairs = [[side.strip() for side in part.split("=", 1)] for part in parts if "=" in part]
    values = {plain(value): name for value, name in pairs}
    known = {plain(name) for name in names}
    if len(known) < len(names) or len(values) < len(pairs):
        raise AlumbenchError(f"--labels {','.join(parts)}: lists a label twice")
    strangers = [name for name in values.values() if name and names and plain(name) not in known]
    if strangers:
        raise AlumbenchError(f"--labels {','.join(parts)}: '{strangers[0]}' is not one of {', '.join(names)}")
    return tuple(names or dict.fromkeys(filter(None, values.values()))), values


def plain(raw: object) -> str:
    """A cell normalized for comparison: without case, surrounding spaces, or the '.0' of a whole number."""
    text = " ".join(unicodedata.normalize("NFKC", str(raw)).split()).casefold()
    number = text.removesuffix(".0")
    return number if number.removeprefix("-").isdecimal() else text


def read_own_labels(
    raws: Sequence[Any], names: Sequence[str], where: str, order: Sequence[str] = (), values: Mapping[str, str] = {}
) -> list[str | float | None]:
    """The labels in a column of a user's file; None if a cell is empty.

    Args:
        raws: the column.
        names: the task's labels; empty for regression.
        where: for messages.
        order: labels of the integers 0, 1, …, if given.
        values: labels of other values ('' for no label), compared as by `plain`.

    Raises:
        AlumbenchError: A cell is none of these (its row is named), or names and positions are mixed.
    """
    if not names:
        return [None if _empty(raw) else _number(raw, f"{where}, row {row}") for row, raw in enumerate(raws, start=1)]
    known = {plain(name): name for name in names}
    said = {plain(value): known.get(plain(name), name) for value, name in values.items()}
    positions = {str(number): name for number, name in enumerate(order)}
    meaning: dict[str, str | None] = {**positions, **said, **known}
    found: list[str | float | None] = []
    first: dict[bool, int] = {}
    for row, raw in enumerate(raws, start=1):
        if _empty(raw):
            found.append(None)
            continue
        key = plain(raw)
        if key not in meaning:
            raise AlumbenchError(f"{where}, row {row}: {_not_known(raw, names, raws)}")
        if key in known or (key in positions and key not in said):
            first.setdefault(key in known, row)
        found.append(meaning[key] or None)
    if len(first) == 2:
        raise AlumbenchError(
            f"{where}: row {first[True]} has a label's name, row {first[False]} a number; "
            f"say what each number means: {_pairs([raws[first[False] - 1]])}"
        )
    return found


def find_labels(raws: Sequence[Any], where: str, column: str) -> list[str]:
    """The labels in a column if none are given, sorted; labels that differ only in case or spaces are one.

    Raises:
        AlumbenchError: They are numbers, one looks like a typo or a word for "no label", or there are too many.
    """
    counts: Counter[str] = Counter()
    spelled: dict[str, tuple[str, int]] = {}
    for row, raw in enumerate(raws, start=1):
        if not _empty(raw):
            counts[plain(raw)] += 1
            spelled.setdefault(plain(raw), (str(raw).strip(), row))
    if not counts:
        raise AlumbenchError(f"{where}: column '{column}' is empty")
    numbers = [key for key in counts if is_number(key)]
    if numbers:
        numbers.sort(key=float)
        listed = ", ".join(numbers[:5])
        how = "in order: --labels name0,name1,… or one by one: " if "-1" not in numbers else "one by one: "
        among = "" if len(numbers) == len(counts) else f", row {min(spelled[key][1] for key in numbers)}"
        raise AlumbenchError(f"{where}{among}: labels {listed} are numbers; name them {how}{_pairs(numbers)}")
    if len(counts) > _MOST_LABELS:
        raise AlumbenchError(f"{where}: column '{column}' holds {len(counts)} different texts, no labels")
    for key in sorted(counts, key=lambda key: (counts[key], spelled[key][1])):
        doubt = _doubt(key, counts, spelled)
        if doubt:
            name, row = spelled[key]
            others = ",".join(sorted(text for other, (text, _) in spelled.items() if other != key))
            raise AlumbenchError(
                f"{where}, row {row}: label '{name}' {doubt}; fix the file, drop such rows with --labels "
                f"{others},{name}=, or keep it as a class with --labels {others},{name}"
            )
    return sorted(name for name, _ in spelled.values())


def _doubt(key: str, counts: Counter[str], spelled: Mapping[str, tuple[str, int]]) -> str:
    """The reason why an inferred label may not be a class of its own, '' if there is none."""
    if key in NO_LABELS:
        return "looks like a missing value"
    often = [other for other in counts if counts[other] >= 5 * counts[key]]
    near = nearest(key, often, cutoff=0.8)
    if near:
        return f"occurs {_times(counts[key])} (did you mean '{spelled[near][0]}'?)"
    if counts[key] == 1 and len(counts) > 2 and max(counts.values()) >= 10:
        return "occurs only once, too rare to learn"
    return ""


def _not_known(raw: Any, names: Sequence[str], raws: Sequence[Any]) -> str:
    text, listed = str(raw).strip(), ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
    said = f"label '{text[:80]}' is not one of {listed}"
    if is_number(plain(raw)) or plain(raw) in {"true", "false"}:
        found = {plain(other): str(other).strip() for other in raws if not _empty(other)}
        known = [name for name in names if found.pop(plain(name), None) is not None]
        kinds = [*(f"{value}=NAME" for value in sorted(found.values())[:5]), *["…"] * (len(found) > 5)]
        left_out = f" ({text}= if it says that there is no label)" if plain(raw) == "-1" else ""
        return f"{said}; say what each value means: --labels {','.join([*names, *kinds] if known else kinds)}{left_out}"
    near = nearest(text, names, cutoff=0.6)
    hint = f" (did you mean '{near}'?)" if near else ""
    return (
        f"{said}{hint}; fix the file, or drop such rows with --labels {','.join(names)},{text[:80]}= "
        f"(no name means no label)"
    )


def _pairs(values: Sequence[Any]) -> str:
    return "--labels " + ",".join(f"{str(value).strip()}=NAME" for value in values[:5]) + ",…" * (len(values) > 5)


def _empty(raw: object) -> bool:
    return raw is None or not str(raw).strip() or (isinstance(raw, float) and math.isnan(raw))


def is_number(text: str) -> bool:
    """True if a text is a number and nothing else."""
    try:
        float(text)
    except ValueError:
        return False
    return text not in NO_LABELS


def _number(raw: Any, where: str) -> float:
    try:
        value = float(raw)
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise AlumbenchError(f"{where}: label {raw!r} is not a number, but the task is a regression")
    return value


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
