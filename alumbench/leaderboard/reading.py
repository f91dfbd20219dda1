"""Entries and records as files of others: read within bounds, with the file and the line of whatever is wrong."""

from __future__ import annotations

import gc
import gzip
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alumbench.errors import AlumbenchError
from alumbench.evaluation.contradictions import contradictions
from alumbench.evaluation.shape import check_record
from alumbench.parsing import parse_json, read_json
from alumbench.storage import sha256_of

#: Bytes that an entry's records may come to when unpacked: a file that is sent in may be a bomb.
MOST_BYTES = 2**30


def read_content(path: Path, folder: Path) -> Any:
    """The JSON of an entry.

    Args:
        path: the file.
        folder: that it has to be in.

    Raises:
        AlumbenchError: It is no such file, a link out of the folder, too large or deep, or no JSON.
    """
    check_inside(path, folder)
    return read_json(path)


def read_records(file: Path, content: Mapping[str, Any], where: str, folder: Path) -> dict[str, list[dict[str, Any]]]:
    """An entry's records by entry of the suite, each of the shape of its kind.

    Args:
        file: theirs.
        content: the entry's JSON.
        where: how messages call the entry.
        folder: that the file has to be in.

    Raises:
        AlumbenchError: They are missing, changed, unreadable, or one is not what its kind is; its line is named.
    """
    if not file.is_file():
        raise AlumbenchError(f"{where}: its records {file} are missing")
    check_inside(file, folder)
    if sha256_of(file) != content["records"]["sha256"]:
        raise AlumbenchError(f"{where}: {file} is not the file that was added (its hash differs)")
    try:
        with gzip.open(file) as unpacked:
            data = unpacked.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise ValueError(f"unpacks to more than {MOST_BYTES} bytes")
        lines = data.decode().removesuffix("\n").split("\n")
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise AlumbenchError(f"{file}: these are no records: {error}") from None
    collecting = gc.isenabled()
    gc.disable()  # it would look through all records again and again, and finds nothing in them
    try:
        return _by_entry(lines, content, file, where)
    finally:
        if collecting:
            gc.enable()


def _by_entry(
    lines: Sequence[str], content: Mapping[str, Any], file: Path, where: str
) -> dict[str, list[dict[str, Any]]]:
    records: dict[str, list[dict[str, Any]]] = {}
    entries = content["entries"]
    labels = content["task"]["labels"]
    for number, line in enumerate(lines, start=1):
        at = f"{file}, line {number}"
        record = parse_json(line, at)
        name = record.get("entry") if isinstance(record, dict) else None
        if not isinstance(name, str):
            raise AlumbenchError(f"{at}: these are no records: expected an object that names its entry")
        if name not in entries:
            raise AlumbenchError(f"{at}: has records of {name}, which {where} does not describe")
        check_record(record, entries[name]["kind"], content["task"]["columns"], at)
        for problem in contradictions(record, entries[name], labels, published=content["training"] is None):
            raise AlumbenchError(f"{at}: {problem}")
        records.setdefault(name, []).append(record)
    return records


def check_inside(path: Path, folder: Path) -> None:
    """Refuses what is no file, and links that lead out of a folder: they would show files of whoever follows them.

    Raises:
        AlumbenchError: It is one of these.
    """
    if not path.is_file():
        raise AlumbenchError(f"{path}: is no file")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise AlumbenchError(f"{path}: is a link that leads out of {folder}, and is not followed")
