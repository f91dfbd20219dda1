"""Reads delimited tables: finds the delimiter, and checks that every row fits the header."""

from __future__ import annotations

import contextlib
import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from alumbench.data.encodings import text_encoding
from alumbench.errors import AlumbenchError

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_LONGEST_FIELD = 2**31 - 1  # the csv module's default, 131,072 characters, is too small for a book


@dataclass(frozen=True)
class _Parsed:
    columns: dict[str, list[str]]
    spanning: int  # line of the first row that spans several lines, 0 if none does


def read_delimited(path: Path, delimiter: str = "", encoding: str = "") -> tuple[dict[str, list[str]], str]:
    """The columns of a csv or tsv file, all cells as text, and a note on its format if it is not the usual one.

    Quotes are those of CSV: a cell in quote marks may hold delimiters, line ends and doubled quote marks. In a file
    with tabs whose quote marks are not balanced (such as GLUE's), quote marks are plain characters.

    Args:
        path: the file.
        delimiter: one character, or 'tab'; '' detects it from the header.
        encoding: '' detects it, see `text_encoding`.

    Raises:
        AlumbenchError: A row has more or fewer cells than the header, a quote mark is not closed, or a column's name
            occurs twice; the line is named.
    """
    codec, said = text_encoding(path, encoding)
    if delimiter:
        delimiter = {"tab": "\t", "\\t": "\t"}.get(delimiter, delimiter)
        if len(delimiter) != 1 or delimiter in '"\r\n':
            raise AlumbenchError(f"--delimiter {delimiter}: expected one character, or 'tab'")
    else:
        delimiter = _delimiter_of(path, codec)
    columns, plain = _balanced(path, codec, delimiter)
    usual = "\t" if path.suffix.lower() == ".tsv" else ","
    form = [f"{DELIMITERS.get(delimiter, repr(delimiter))}-separated"] if delimiter != usual else []
    return columns, ", ".join([*form, *filter(None, [said]), *(["quote marks kept"] if plain else [])])


def _delimiter_of(path: Path, codec: str) -> str:
    usual = "\t" if path.suffix.lower() == ".tsv" else ","
    found = [d for d in DELIMITERS if _width(path, codec, d) > 1]
    if usual == "\t" and usual in found:
        return usual
    if len(found) > 1:
        fitting = []
        for candidate in found:
            with contextlib.suppress(AlumbenchError):
                _balanced(path, codec, candidate)
                fitting.append(candidate)
        if len(fitting) != 1:
            named = " and ".join(f"{DELIMITERS[candidate]}s" for candidate in found)
            raise AlumbenchError(
                f"{path}: its first line holds {named}; name the one that separates columns with --delimiter"
            )
        found = fitting
    return found[0] if found else usual


def _width(path: Path, codec: str, delimiter: str) -> int:
    with path.open(encoding=codec, newline="") as file:
        try:
            return len(next((row for row in csv.reader(file, delimiter=delimiter) if row), []))
        except csv.Error:
            return 0


def _balanced(path: Path, codec: str, delimiter: str) -> tuple[dict[str, list[str]], bool]:
    """The columns, and whether quote marks were read as plain characters."""
    try:
        parsed = _parse(path, codec, delimiter, csv.QUOTE_MINIMAL)
    except AlumbenchError:
        if delimiter != "\t":
            raise
        return _parse(path, codec, delimiter, csv.QUOTE_NONE).columns, True
    if not parsed.spanning:
        return parsed.columns, False
    # A stray quote mark swallows rows up to the next one. If each line is a complete row, that has happened.
    try:
        plain = _parse(path, codec, delimiter, csv.QUOTE_NONE)
    except AlumbenchError:
        return parsed.columns, False
    if delimiter == "\t":
        return plain.columns, True
    raise AlumbenchError(
        f"{path}: line {parsed.spanning}: a quote mark opens here and closes on a later line, though each line is a "
        f"whole row; put the text in quotes and double the quote marks inside it, or save the table as JSON lines"
    )


def _parse(path: Path, codec: str, delimiter: str, quoting: int) -> _Parsed:
    header: list[str] = []
    cells: list[list[str]] = []
    spanning = 0
    for first, last, row in _rows(path, codec, delimiter, quoting):
        if not header:
            header = _header(path, first, row)
            cells = [[] for _ in header]
            continue
        if len(row) != len(header):
            name = DELIMITERS.get(delimiter, "delimiter")
            raise AlumbenchError(
                f"{path}: line {first} has {len(row)} {'field' if len(row) == 1 else 'fields'}, the header has "
                f"{len(header)}; put texts that hold a {name} in quotes, or name another --delimiter"
            )
        spanning = spanning or (first if last > first else 0)
        for column, cell in zip(cells, row, strict=True):
            column.append(cell)
    if not header:
        raise AlumbenchError(f"{path}: the file is empty")
    columns = {name: column for name, column in zip(header, cells, strict=True) if name}
    return _Parsed(columns, spanning)


def _header(path: Path, line: int, row: list[str]) -> list[str]:
    names = [name.strip() for name in row]
    twice = [name for name, count in Counter(names).items() if name and count > 1]
    if twice:
        raise AlumbenchError(f"{path}: line {line} names column '{twice[0]}' twice; name each column once")
    return names


def _rows(path: Path, codec: str, delimiter: str, quoting: int) -> Iterator[tuple[int, int, list[str]]]:
    """First line, last line and cells of each row; blank lines are skipped."""
    limit = csv.field_size_limit(_LONGEST_FIELD)
    end = 0
    try:
        with path.open(encoding=codec, newline="") as file:
            # strict: text after a closing quote mark is an error, not a guess
            reader = csv.reader(file, delimiter=delimiter, quoting=quoting, strict=True)  # type: ignore[arg-type]
            for row in reader:
                if row:
                    yield end + 1, reader.line_num, row
                end = reader.line_num
    except csv.Error as error:
        unclosed = "unexpected end" in str(error)
        what = "opens here and is never closed" if unclosed else f"is not valid in CSV ({error})"
        raise AlumbenchError(
            f"{path}: line {end + 1}: a quote mark {what}; write quote marks inside a quoted text twice"
        ) from None
    finally:
        csv.field_size_limit(limit)
