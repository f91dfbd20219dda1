"""Files that survive a kill: JSON that is written atomically, and append-only JSON lines.

A JSON file is written beside its target and moved over it. A record is one line in one write; a truncated last line
(the process was killed, the disk was full) is dropped when the file is opened again, so that its work is repeated.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import math
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Generic, TypeVar, cast

import filelock

from alumbench.errors import AlumbenchError

R = TypeVar("R")

#: Suffix of the temporary file beside a target.
TEMPORARY = ".tmp"


def file_name(text: str) -> str:
    """The text as a file or folder name: letters, digits and `.+=` stay, all else becomes single hyphens."""
    kept = "".join(c if c.isalnum() or c in ".+=" else "-" for c in text)
    return "-".join(filter(None, kept.split("-")))


def finite(value: Any) -> Any:
    """The value with every NaN or infinity inside it replaced by None: JSON has neither."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def write_bytes(path: Path, content: bytes) -> None:
    """Replaces `path` by `content` atomically; its permissions follow the umask.

    Raises:
        AlumbenchError: The folder cannot be written or the disk is full; `path` is unchanged.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{TEMPORARY}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear_abandoned(path)
        with _open_new(temporary) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise _cannot_write(path, error) from error


def _open_new(path: Path) -> BinaryIO:
    """A new file, locked while this process writes it."""
    while True:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666), "wb")
        with contextlib.suppress(OSError):  # some network file systems have no locks
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.exists():
            return file
        file.close()  # it was removed before it was locked


def _clear_abandoned(path: Path) -> None:
    """Removes temporary files that killed processes left beside a file."""
    for found in path.parent.iterdir():
        if found.name.startswith(f".{path.name}.") and found.suffix == TEMPORARY:
            with contextlib.suppress(OSError), found.open("r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while its writer is alive
                found.unlink()


def write_text(path: Path, text: str) -> None:
    """Replaces `path` by `text` in UTF-8, atomically (see `write_bytes`)."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Replaces `path` by `value` as JSON; numbers that are not finite become null."""
    write_text(path, json.dumps(finite(value), indent=2, allow_nan=False) + "\n")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_records(path: Path) -> tuple[list[dict[str, object]], int]:
    """The complete records of a JSON-lines file, and their size in bytes; the rest is a truncated line.

    Raises:
        AlumbenchError: A line before the last is not a JSON object: the file was changed by something else.
    """
    data = path.read_bytes() if path.exists() else b""
    records, good = [], 0
    for number, line in enumerate(data.splitlines(keepends=True), start=1):
        try:
            if not line.endswith(b"\n"):
                raise ValueError("no end of line")
            record = json.loads(line)
            if not isinstance(record, dict):
                raise ValueError("not an object")
        except ValueError as error:
            if good + len(line) == len(data):
                break
            raise AlumbenchError(
                f"{path}: line {number} is damaged ({error}) though lines follow it; "
                f"move the file away and rerun the same command"
            ) from None
        records.append(record)
        good += len(line)
    return records, good


class RecordLog(Generic[R]):
    """An append-only file of JSON lines that one process at a time may open.

    Attributes:
        records: the records in the file.
        dropped: bytes of a truncated last line that were removed at opening.
    """

    records: list[R]

    def __init__(self, path: Path, to_json: Callable[[R], Any] = lambda record: record) -> None:
        """Opens or creates the file and locks it.

        Args:
            path: the file.
            to_json: converts a record to JSON values.

        Raises:
            AlumbenchError: Another process has it open, or the folder cannot be written.
        """
        self.path, self._to_json = path, to_json
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = filelock.FileLock(path.with_name(f".{path.name}.lock"), timeout=0)
            self._lock.acquire()
        except filelock.Timeout:
            raise AlumbenchError(
                f"{path.parent}: another run is writing to this folder; wait for it or give another --out"
            ) from None
        except OSError as error:
            raise _cannot_write(path, error) from error
        try:
            lines, self._end = read_records(path)
            self.records = cast("list[R]", lines)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            self.dropped = os.fstat(self._file).st_size - self._end
            os.ftruncate(self._file, self._end)
        except AlumbenchError:
            self._lock.release()
            raise
        except OSError as error:
            self._lock.release()
            raise _cannot_write(path, error) from error

    def append(self, record: R) -> None:
        """Adds one line, completely or not at all.

        Raises:
            AlumbenchError: The disk is full or gone; the file ends with the last complete record.
        """
        line = _line(self._to_json(record))
        try:
            written = os.pwrite(self._file, line, self._end)
            if written != len(line):
                raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._end)
            raise _cannot_write(self.path, error) from error
        self._end += len(line)
        self.records.append(record)

    def convert(self, read: Callable[[Sequence[Any]], list[R]]) -> None:
        """Converts the JSON lines that the file held when it was opened into records."""
        self.records = read(self.records)

    def replace(self, ordered: list[R]) -> None:
        """Replaces the records; the file is rewritten, unless they are the same in the same order.

        Records are appended as work finishes, in a different order each time.

        Raises:
            AlumbenchError: The folder cannot be written.
        """
        if len(ordered) == len(self.records) and all(a is b for a, b in zip(ordered, self.records, strict=True)):
            return
        content = b"".join(_line(self._to_json(record)) for record in ordered)
        write_bytes(self.path, content)
        replaced = os.open(self.path, os.O_RDWR)
        os.close(self._file)
        self._file, self._end, self.records = replaced, len(content), ordered

    def close(self) -> None:
        """Closes the file and releases its lock."""
        os.close(self._file)
        self._lock.release()

    def __enter__(self) -> RecordLog[R]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _line(record: Any) -> bytes:
    # ASCII only: terminal escapes, bidirectional marks and lone surrogates in adversarial texts have no effect.
    return (json.dumps(finite(record), allow_nan=False) + "\n").encode("ascii")


def _cannot_write(path: Path, error: OSError) -> AlumbenchError:
    return AlumbenchError(
        f"{path}: cannot be written ({error.strerror or error}). What was finished before is kept: "
        f"free up space or give another --out, then rerun the same command"
    )
