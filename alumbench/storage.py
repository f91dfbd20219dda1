"""Files that survive a kill: JSON written whole or not at all, and append-only JSON lines.

A JSON file is written beside its target and moved over it. A record is one line in one write; a torn last line (the
process was killed, the disk was full) is dropped when the file is opened again, so that the work is done once more.
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
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import filelock

from alumbench.errors import AlumbenchError
from alumbench.parsing import read_json as read_json

#: Ending of the file beside a target that will be moved over it.
TEMPORARY = ".tmp"


def file_name(text: str) -> str:
    """The text as the name of a file or folder: letters, digits and `.+=` stay, all else becomes single hyphens."""
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
    """Replaces `path` by `content`, whole or not at all; who may read it is up to the umask.

    Raises:
        AlumbenchError: The folder cannot be written or the disk is full; `path` is as it was.
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
    """A new file whose lock tells others for as long as this process lives that it is being written."""
    while True:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666), "wb")
        with contextlib.suppress(OSError):  # some network file systems have no locks
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.exists():
            return file
        file.close()  # it was cleared away before it was locked


def _clear_abandoned(path: Path) -> None:
    """Takes away what killed processes left beside a file when they were about to replace it."""
    for found in path.parent.iterdir():
        if found.name.startswith(f".{path.name}.") and found.suffix == TEMPORARY:
            with contextlib.suppress(OSError), found.open("r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while its writer lives
                found.unlink()


def write_text(path: Path, text: str) -> None:
    """Replaces `path` by `text` in UTF-8, whole or not at all (see `write_bytes`)."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Replaces `path` by `value` as JSON; numbers that are not finite become null."""
    write_text(path, json.dumps(finite(value), indent=2, allow_nan=False) + "\n")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_records(path: Path) -> tuple[list[dict[str, Any]], int]:
    """The whole records of a JSON-lines file, and the bytes they take; what follows them is a torn tail.

    Raises:
        AlumbenchError: A line before the last is no JSON object: the file was changed by something else.
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
                f"move the file away and run the same command again"
            ) from None
        records.append(record)
        good += len(line)
    return records, good


class RecordLog:
    """An append-only file of JSON lines that one process at a time may hold.

    Attributes:
        records: what the file held when it was opened.
        dropped: bytes of a torn last line that were cut off at opening.
    """

    def __init__(self, path: Path) -> None:
        """Opens or makes the file and takes its lock.

        Raises:
            AlumbenchError: Another process holds it, or the folder cannot be written.
        """
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = filelock.FileLock(path.with_name(f".{path.name}.lock"), timeout=0)
            self._lock.acquire()
        except filelock.Timeout:
            raise AlumbenchError(
                f"{path.parent}: another run is writing here; wait for it or give another --out"
            ) from None
        except OSError as error:
            raise _cannot_write(path, error) from error
        try:
            self.records, self._end = read_records(path)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            self.dropped = os.fstat(self._file).st_size - self._end
            os.ftruncate(self._file, self._end)
        except AlumbenchError:
            self._lock.release()
            raise
        except OSError as error:
            self._lock.release()
            raise _cannot_write(path, error) from error

    def append(self, record: dict[str, Any]) -> None:
        """Adds one line, whole or not at all.

        Raises:
            AlumbenchError: The disk is full or gone; the file ends with the last whole record.
        """
        line = _line(record)
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

    def sort(self, place: Callable[[dict[str, Any]], Any], changed: bool = False) -> None:
        """Puts the records into an order of their own; the file is replaced whole, or left as it is.

        They come as work ends, which is another order each time.

        Args:
            place: the key to sort by.
            changed: whether records were added to, so that the file has to be written in any case.

        Raises:
            AlumbenchError: The folder cannot be written.
        """
        ordered = sorted(self.records, key=place)
        if not changed and all(a is b for a, b in zip(ordered, self.records, strict=True)):
            return
        content = b"".join(map(_line, ordered))
        write_bytes(self.path, content)
        replaced = os.open(self.path, os.O_RDWR)
        os.close(self._file)
        self._file, self._end, self.records = replaced, len(content), ordered

    def close(self) -> None:
        """Gives the file and its lock back."""
        os.close(self._file)
        self._lock.release()

    def __enter__(self) -> RecordLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _line(record: dict[str, Any]) -> bytes:
    # ASCII only: terminal escapes, bidirectional marks and lone surrogates of adversarial texts stay inert.
    return (json.dumps(finite(record), allow_nan=False) + "\n").encode("ascii")


def _cannot_write(path: Path, error: OSError) -> AlumbenchError:
    return AlumbenchError(
        f"{path}: cannot be written ({error.strerror or error}). What was finished before is kept: "
        f"make room or give another --out, then run the same command again"
    )
