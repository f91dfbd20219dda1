"""Each `alumbench …` in README, docs, examples, boards and sources names a command and options that exist."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

import alumbench
from alumbench.cli import COMMANDS, group

PACKAGE = Path(alumbench.__file__).parent
REPOSITORY = PACKAGE.parent
FOUND = ("README.md", "CONTRIBUTING.md", "docs/*.md", "examples/*.*", "leaderboards/*/board.toml")
PROSE = sorted(path for pattern in FOUND for path in REPOSITORY.glob(pattern))
SOURCES = sorted(PACKAGE.rglob("*.py"))
#: In prose and code a command stands in backticks or quotes, or begins a line of a block; a backslash goes on.
COMMAND = re.compile(r"(?:^ *(?:\$ )?|[`'\"]|-m )alumbench ((?:[^`'\"\n\\]|\\\n)+)", re.MULTILINE)


def commands_of(path: Path) -> list[list[str]]:
    """The words behind `alumbench` wherever a text names a command."""
    text = path.read_text(encoding="utf-8").replace("\\\\\n", "\\\n")
    found = [words.replace("\\\n", " ").partition(" #")[0].split() for words in COMMAND.findall(text)]
    return [words for words in found if words[0] in COMMANDS or words[0].startswith("-")]


def problem(words: list[str]) -> str:
    """What of a command does not exist, '' where all does."""
    command: click.Command | None = group
    for at, word in enumerate(words):
        if not isinstance(command, click.Group) or word.startswith(("-", "{", "…")):
            words = words[at:]
            break
        command = command.get_command(click.Context(command), word)
        if command is None:
            return "" if word.isupper() or word in {"NAME"} else f"no command '{word}'"
    assert command is not None
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    known |= {"--help", "-h", "--version"}
    asked = [re.split(r"[=.,;:)\]]", word)[0] for word in words if re.match(r"--[a-z]", word)]
    return ", ".join(f"{command.name} has no {name}" for name in asked if name not in known)


@pytest.mark.parametrize("path", [*PROSE, *SOURCES], ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_named_commands_and_options_exist(path: Path) -> None:
    wrong = {" ".join(words): problem(words) for words in commands_of(path)}
    assert not {words: what for words, what in wrong.items() if what}


def test_commands_are_found_where_they_are() -> None:
    """The check above would pass on a text in which it finds nothing."""
    found = [words for path in PROSE for words in commands_of(path)]
    assert len(found) > 40 and {words[0] for words in found} >= {"train", "attack", "leaderboard", "push"}
    assert len([words for path in SOURCES for words in commands_of(path)]) > 40
    assert problem(["leaderboard", "bild"]) and problem(["train", "--tsk", "x"]) and problem(["compare", "--trainer"])
    assert not problem(["leaderboard", "build", "BOARD"]) and not problem(["train", "--lr", "1"])
