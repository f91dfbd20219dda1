"""The reference of the command line in Markdown, made of the Click commands themselves; `docs/hooks.py` asks for it."""

from __future__ import annotations

import inspect
import re

import click

from alumbench.cli import group


def command_line() -> str:
    """All commands in the order of `alumbench --help`, with their arguments and options."""
    return "\n\n".join(_command(group, click.Context(group, info_name="alumbench"), 2))


def _command(command: click.Command, context: click.Context, depth: int) -> list[str]:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    parts = [f"{'#' * depth} {context.command_path}", _help(command.help or ""), f"```\n{usage}\n```"]
    options = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
    if options:
        rows = ["| option | takes | default | meaning |", "| --- | --- | --- | --- |"]
        parts.append("\n".join([*rows, *(_option(option, context) for option in options)]))
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                parts += _command(inner, click.Context(inner, info_name=name, parent=context), min(depth + 1, 4))
    return parts


def _help(text: str) -> str:
    """Help as Markdown: what a form feed ends is left out, and what Click must not wrap is a block."""
    paragraphs = inspect.cleandoc(text.partition("\f")[0]).split("\n\n")
    return "\n\n".join(
        "```\n" + inspect.cleandoc(part.partition("\b\n")[2]) + "\n```" if part.startswith("\b") else _escaped(part)
        for part in paragraphs
    )


def _option(option: click.Option, context: click.Context) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    takes = "" if option.is_flag else _escaped(option.type.get_metavar(option, context) or option.type.name)
    if option.metavar:
        takes = _escaped(option.metavar)
    record = option.get_help_record(context)
    shown = re.search(r"\[(?:.*; )?default: ([^;\]]+)", record[1]) if record else None
    default = f"`{shown[1]}`" if shown else "required" if option.required else ""
    more = "; may be repeated" if option.multiple and "repeat" not in (option.help or "").lower() else ""
    return f"| {names} | {takes} | {default} | {_escaped(' '.join((option.help or '').split()))}{more} |"


def _escaped(text: str) -> str:
    """Text in which Markdown and HTML find nothing to act on, but for code in quotes."""
    return re.sub(r"([|<>*_\[\]])", r"\\\1", text)
