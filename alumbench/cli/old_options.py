"""Options under their old names: accepted, with one line of notice."""

from __future__ import annotations

from collections.abc import Mapping

import click

from alumbench.devices import is_first_process


def note(line: str) -> None:
    """Prints a line, once for a run of several processes."""
    if is_first_process():
        click.echo(line)


def taking(names: Mapping[str, str]) -> type[click.Command]:
    """The class of a command that accepts these old names of its options.

    Args:
        names: a table of `alumbench.old_names`.
    """
    options = {f"--{old}": f"--{new}".replace("_", "-") for old, new in names.items()}

    class WithOldNames(click.Command):
        """A command that accepts old names of its options."""

        old_options = frozenset(options)

        def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
            """Parses the words, with each old name replaced."""
            present, before = [], args[: args.index("--")] if "--" in args else args
            given = {word.partition("=")[0] for word in before}
            for old, new in options.items():
                if old in given and new in given:
                    raise click.UsageError(
                        f"{old} and {new} are the old and the new name of one setting; give {new} alone", ctx
                    )
            for word in args:
                name, equals, value = word.partition("=")
                if name in options and "--" not in present:
                    note(f"note: {name} is now {options[name]}; the old name is still accepted")
                    word = options[name] + equals + value
                present.append(word)
            return super().parse_args(ctx, present)

    return WithOldNames
