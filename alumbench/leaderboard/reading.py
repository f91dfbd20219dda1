"""Reads others' entries and records, within size limits; errors name the file and line."""

from __future__ import annotations

import gc
import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from alumbench.errors import AlumbenchError
from alumbench.evaluation.contradictions import contradictions
from alumbench.evaluation.stored import typed_records
from alumbench.leaderboard.submission import Submission
from alumbench.parsing import parse_json, read_json
from alumbench.records import Record
from alumbench.storage import sha256_of

#: Most bytes of an entry's records when unpacked: a submitted file may be a decompression bomb.
MOST_BYTES = 2**30


def read_content(path: Path, folder: Path) -> Any:
    """The JSON of an entry.

    Args:
        path: the file.
        folder: the folder that must contain it.

    Raises:
        AlumbenchError: It is missing, not a file, a link out of the folder, too large or deep, or not JSON.
    """
    check_inside(path, folder)
    return read_json(path)


def read_records(file: Path, content: Submission, where: str, folder: Path) -> dict[str, list[Record]]:
    """A submission's records by entry of the suite, each checked against the schema of its kind.

    Args:
        file: the file of the records.
        content: the submission.
        where: the name that messages use.
        folder: the folder that must contain the file.

    Raises:
        AlumbenchError: They are missing, changed or unreadable, or one does not fit its kind; its line is named.
    """
    if not file.is_file():
        raise AlumbenchError(f"{where}: its records {file} are missing")
    check_inside(file, folder)
    if sha256_of(file) != content.records.sha256:
        raise AlumbenchError(f"{where}: {file} is not the file that was added (its hash differs)")
    try:
        with gzip.open(file) as unpacked:
            data = unpacked.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise ValueError(f"unpacks to more than {MOST_BYTES} bytes")
        lines = data.decode().removesuffix("\n").split("\n")
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise AlumbenchError(f"{file}: not records: {error}") from None
    collecting = gc.isenabled()
    gc.disable()  # it would scan all records repeatedly and find no garbage
    try:
        return _by_entry(lines, content, file, where)
    finally:
        if collecting:
            gc.enable()


def _by_entry(lines: Sequence[str], content: Submission, file: Path, where: str) -> dict[str, list[Record]]:
    records: dict[str, list[Record]] = {}
    entries, task = content.entries, content.task
    for at, record in typed_records(_parsed(lines, file), entries, task.columns, where):
        for problem in contradictions(record, entries[record.entry], task.labels, published=content.training is None):
            raise AlumbenchError(f"{at}: {problem}")
        records.setdefault(record.entry, []).append(record)
    return records


def _parsed(lines: Sequence[str], file: Path) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(lines, start=1):
        at = f"{file}, line {number}"
        yield at, parse_json(line, at)


def check_inside(path: Path, folder: Path) -> None:
    """Refuses non-files, and links out of a folder, which would expose files of the person who opens them.

    Raises:
        AlumbenchError: The path is one of these.
    """
    if not path.is_file():
        raise AlumbenchError(f"{path}: not a file")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise AlumbenchError(f"{path}: is a link out of {folder}, which is not followed")
