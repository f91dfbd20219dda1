"""Standard output and error that are closed from the start, or closed by their reader while a command writes."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from typing import Any

from alumbench.errors import visible

#: Exit status that a shell reports for a program ended by SIGPIPE, such as `cat` in `cat file | head -1`.
READER_GONE = 128 + 13


@contextlib.contextmanager
def standard_streams() -> Iterator[None]:
    """Lets a command write in any environment.

    A stream that is already closed becomes /dev/null: otherwise the next file opened would get its descriptor, and
    all that a library prints. If the reader goes away (`alumbench tasks | head -1`), the command ends silently.

    Raises:
        SystemExit: The reader of standard output or error is gone.
    """
    _open_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # so that `alumbench train … | tee log` shows each line at once
        sys.stdout.reconfigure(errors="backslashreplace")  # for characters that the locale's encoding lacks
    try:
        try:
            with inert(sys.stdout), inert(sys.stderr):
                yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
    except (OSError, SystemExit) as stop:
        error = stop if isinstance(stop, OSError) else stop.__context__  # click turns a broken pipe into status 1
        if not isinstance(error, OSError) or error.errno != errno.EPIPE or not any(map(reader_is_gone, (1, 2))):
            raise
        for number in filter(reader_is_gone, (1, 2)):
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)  # for what is still buffered
        raise SystemExit(READER_GONE) from None


@contextlib.contextmanager
def inert(stream: Any) -> Iterator[None]:
    """Escapes control characters in all that is written to a stream: tables, notes, progress, library output.

    Names, labels and texts come from others' files; they may move a terminal's cursor or reverse its text direction.
    """
    write = stream.write
    try:
        stream.write = lambda text: write(text if isinstance(text, bytes) else _inert(text))
    except AttributeError:  # another kind of stream, set by a caller
        yield
        return
    try:
        yield
    finally:
        del stream.write


def _inert(text: str) -> str:
    """The text with control characters escaped, except line ends, tabs and a progress bar's carriage return."""
    if text.isascii() and text.isprintable() or not text.strip("\n\r\x1b[A"):
        return text
    begin = "\r" if text.startswith("\r") else ""
    return begin + "".join(c if c in "\n\t" else visible(c) for c in text.removeprefix("\r"))


def reader_is_gone(number: int) -> bool:
    """True if a file descriptor is a pipe without a reader."""
    polled = select.poll()
    polled.register(number, 0)
    return any(event & select.POLLERR for _, event in polled.poll(0))


def _open_closed_streams() -> None:
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number: this one
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8", closefd=False))
