"""The commands that messages offer: quoted for a shell, so that they run as they are printed."""

from __future__ import annotations

import shlex


def command(*words: object) -> str:
    """An `alumbench` command as a shell takes it: `command("verify", "my run")` is `alumbench verify 'my run'`."""
    return shlex.join(["alumbench", *map(str, words)])


def next_line(*words: object) -> str:
    """The line that ends a command's output: what to type next. It has to run as it stands (a test types it)."""
    return f"next: {command(*words)}"
