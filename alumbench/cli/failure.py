"""Unexpected errors: one line for the user, and the full traceback in a log."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import tempfile
import time
import traceback
from pathlib import Path

import click

from alumbench import __version__
from alumbench.errors import NAME, shown, visible

#: If set to 1, the traceback is shown too.
DEBUG = "ALUMBENCH_DEBUG"
#: Number of logs kept, and of characters in each.
KEPT, LOG = 10, 1_000_000
PREFIX = "alumbench-error-"


def tell(error: Exception) -> None:
    """Prints one line: what happened and where its log is. With `ALUMBENCH_DEBUG=1`, the traceback comes first."""
    told = "".join(traceback.format_exception(error))
    if os.environ.get(DEBUG, "") not in {"", "0"}:
        click.echo("".join(map(_line, _middle_cut(told).splitlines(keepends=True))), err=True)
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        what = f"{shown(error.filename, NAME)}: {error.strerror}"  # more likely the machine's error than ours
        click.echo(f"alumbench: {what}; {_logged(told).removesuffix('; please report it')}", err=True)
        return
    what = shown(error, NAME) or "no message"
    click.echo(f"alumbench: internal error ({type(error).__name__}: {what}); {_logged(told)}", err=True)


def _middle_cut(told: str) -> str:
    """Cuts the middle: the start says where it happened, the end what; only a value is ever megabytes long."""
    return told if len(told) <= LOG else f"{told[: LOG // 2]}\n…\n{told[-LOG // 2 :]}"


def _line(line: str) -> str:
    return visible(line.rstrip("\n")) + "\n"


def _logged(told: str) -> str:
    """Writes the log, readable by its user only, and says where."""
    from alumbench.models.redaction import without_secrets

    version = f"alumbench {__version__}, Python {platform.python_version()}, {platform.platform()}"
    command = " ".join(shown(without_secrets(argument), NAME) for argument in sys.argv[1:])
    text = f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {version}\n$ alumbench {command}\n{_middle_cut(told)}"
    try:
        number, name = tempfile.mkstemp(prefix=PREFIX, suffix=".log", text=True)  # a new file: follows no link
        with open(number, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        return f"its log could not be written ({shown(error, NAME)}); rerun with {DEBUG}=1 to see it"
    _drop_old(Path(name).parent)
    return f"the full log is in {shown(name, 2 * NAME)}; please report it"


def _drop_old(folder: Path) -> None:
    """Deletes all but the newest of our own logs."""
    own = []
    for path in folder.glob(f"{PREFIX}*.log"):
        with contextlib.suppress(OSError):
            state = path.lstat()
            if state.st_uid == os.getuid():
                own.append((state.st_mtime_ns, path))
    for _, path in sorted(own)[:-KEPT]:
        with contextlib.suppress(OSError):
            path.unlink()
