"""Commands suggested in messages, quoted for a shell, so that they run as printed."""

from __future__ import annotations

import shlex


def command(*words: object) -> str:
    """An `alumbench` command quoted for a shell: `command("verify", "my run")` is `alumbench verify 'my run'`."""
    return shlex.join(["alumbench", *map(str, words)])


def next_line(*words: object) -> str:
    """The last line of a command's output: the next command. It must run as printed (a test runs it)."""
    return f"next: {command(*words)}"
