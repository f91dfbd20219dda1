"""Reads a table from a file: delimited text, JSON lines or a JSON array, or parquet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alumbench.data.delimited import read_delimited
from alumbench.data.encodings import text_encoding
from alumbench.errors import LISTED, AlumbenchError, nearest

Rows = Mapping[str, Sequence[Any]]

FILE_FORMATS = {".csv": "csv", ".tsv": "csv", ".jsonl": "json", ".json": "json", ".parquet": "parquet"}


@dataclass(frozen=True)
class Table:
    """A file's rows.

    Attributes:
        rows: column name to values; the cells of csv and tsv files are texts.
        form: its format, if not the usual one: "semicolon-separated, Latin-1".
    """

    rows: Rows
    form: str = ""

    def __len__(self) -> int:
        """Number of rows."""
        return len(next(iter(self.rows.values()), ()))


def read_table(path: Path, delimiter: str = "", encoding: str = "") -> Table:
    """The table in a csv, tsv, json lines or parquet file.

    Args:
        path: the file.
        delimiter: of a csv or tsv file; '' detects it.
        encoding: of a text file; '' detects it.

    Raises:
        AlumbenchError: It is missing, of another kind, empty or damaged; the line is named if there are lines.
    """
    kind = FILE_FORMATS.get(path.suffix.lower())
    if kind is None:
        packed = "; unpack it first" if path.suffix.lower() in {".gz", ".zip", ".bz2", ".xz", ".zst"} else ""
        raise AlumbenchError(f"{path}: expected a file ending in {', '.join(FILE_FORMATS)}{packed}")
    if not path.is_file():
        raise AlumbenchError(f"{path}: no such file")
    try:
        if path.stat().st_size == 0:
            raise AlumbenchError(f"{path}: the file is empty")
        if kind == "parquet":
            table = Table(_parquet(path))
        elif kind == "csv":
            table = Table(*read_delimited(path, delimiter, encoding))
        else:
            table = _json(path, encoding)
    except OSError as error:
        raise AlumbenchError(f"{path}: cannot be read as {kind}: {error}") from error
    if not len(table):
        raise AlumbenchError(f"{path}: the file has no rows")
    return table


def read_file(path: Path) -> Rows:
    """The columns of a file, see `read_table`."""
    return read_table(path).rows


def need_columns(rows: Rows, columns: Sequence[str], where: str) -> None:
    """Checks that a table has the columns.

    Raises:
        AlumbenchError: One is missing; the existing ones are listed, and the nearest is suggested.
    """
    for column in columns:
        if column not in rows:
            near = nearest(column, rows)
            hint = f" Did you mean '{near}'?" if near else ""
            raise AlumbenchError(
                f"{where}: no column '{column}'; it has {', '.join(sorted(rows)[:LISTED])}.{hint} "
                f"Name the columns with --text-columns and --label-column"
            )


def _parquet(path: Path) -> Rows:
    import datasets

    try:
        table = datasets.Dataset.from_parquet(str(path), keep_in_memory=True)
        return {name: table[name][:] for name in table.column_names}
    except Exception as error:
        cause = error.__cause__ or error
        raise AlumbenchError(f"{path}: cannot be read as parquet: {str(cause)[:300]}") from error


def _json(path: Path, encoding: str) -> Table:
    codec, said = text_encoding(path, encoding)
    columns: dict[str, list[Any]] = {}
    for count, (place, row) in enumerate(_objects(path, codec)):
        if not isinstance(row, dict):
            raise AlumbenchError(f"{path}: cannot be read as json: {place} is not an object with columns as keys")
        for name in row:
            if name not in columns:
                columns[name] = [None] * count
        for name, values in columns.items():
            values.append(row.get(name))
    return Table(columns, said)


def _objects(path: Path, codec: str) -> Iterator[tuple[str, Any]]:
    """Each row's position and value: one per line, or the items of an array."""
    with path.open(encoding=codec) as file:
        begun, place = False, "line 1"
        try:
            for number, line in enumerate(file, start=1):
                place = f"line {number}"
                text = line.strip()
                if text.startswith("[") and not begun:
                    place, text = "the array", text + file.read()
                    yield from ((f"row {at}", row) for at, row in enumerate(json.loads(text), start=1))
                elif text:
                    begun = True
                    yield place, json.loads(text)
        except (ValueError, RecursionError) as error:
            raise AlumbenchError(
                f"{path}: cannot be read as json: {place}: {error}; expected one object per line, or an array of "
                f"objects"
            ) from None
