"""An error that nobody foresaw: one line for the user, and all of it in a log."""

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

#: Set to 1, shows the traceback too.
DEBUG = "ALUMBENCH_DEBUG"
#: Logs that are kept, and characters of each.
KEPT, LOG = 10, 1_000_000
PREFIX = "alumbench-error-"


def tell(error: Exception) -> None:
    """Says in one line what happened and where its log is; with `ALUMBENCH_DEBUG=1` shows its traceback before that."""
    told = "".join(traceback.format_exception(error))
    if os.environ.get(DEBUG, "") not in {"", "0"}:
        click.echo("".join(map(_line, _middle_cut(told).splitlines(keepends=True))), err=True)
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        what = f"{shown(error.filename, NAME)}: {error.strerror}"  # of the machine more likely than of ours
        click.echo(f"alumbench: {what}; {_logged(told).removesuffix('; please report it')}", err=True)
        return
    what = shown(error, NAME) or "no more is known"
    click.echo(f"alumbench: internal error ({type(error).__name__}: {what}); {_logged(told)}", err=True)


def _middle_cut(told: str) -> str:
    """Where it happened comes first, what last; what is megabytes long is a value in it."""
    return told if len(told) <= LOG else f"{told[: LOG // 2]}\n…\n{told[-LOG // 2 :]}"


def _line(line: str) -> str:
    return visible(line.rstrip("\n")) + "\n"


def _logged(told: str) -> str:
    """Writes the log, which only its user may read, and says where."""
    version = f"alumbench {__version__}, Python {platform.python_version()}, {platform.platform()}"
    command = " ".join(shown(argument, NAME) for argument in sys.argv[1:])
    text = f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {version}\n$ alumbench {command}\n{_middle_cut(told)}"
    try:
        number, name = tempfile.mkstemp(prefix=PREFIX, suffix=".log", text=True)  # made anew, follows no link
        with open(number, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        return f"its log could not be written ({shown(error, NAME)}); with {DEBUG}=1 the same command shows it"
    _drop_old(Path(name).parent)
    return f"the full log is in {shown(name, 2 * NAME)}; please report it"


def _drop_old(folder: Path) -> None:
    """Leaves the newest of our own logs."""
    own = []
    for path in folder.glob(f"{PREFIX}*.log"):
        with contextlib.suppress(OSError):
            state = path.lstat()
            if state.st_uid == os.getuid():
                own.append((state.st_mtime_ns, path))
    for _, path in sorted(own)[:-KEPT]:
        with contextlib.suppress(OSError):
            path.unlink()
