"""`alumbench tasks`."""

from __future__ import annotations

import click


@click.command(short_help="list the tasks to train on")
def tasks() -> None:
    """List the tasks, their columns and labels, and whether their data is available."""
    from alumbench.data import load_task
    from alumbench.errors import AlumbenchError
    from alumbench.registry import TASKS, from_whom, listed

    for found in listed(TASKS):
        try:
            task = load_task(found.name)
        except AlumbenchError as error:
            click.echo(f"{found.name:15} broken: {error}{from_whom(found)}")
            continue
        click.echo(f"{found.name:15} {task.title}{from_whom(found)}")
        click.echo(f"{'':15} columns {', '.join(task.columns)}; labels {', '.join(task.labels) or 'a number'}")
        for split, sources in (("train", task.train), ("dev", task.dev)):
            for source in sources:
                state = source.missing_reason() or "here" + (
                    f" ({source.rows})" if source.rows and source.missing_reason() == "" else ""
                )
                click.echo(f"{'':15} {split}: {source.name}: {state}")
        if task.note:
            click.echo(f"{'':15} note: {task.note}")
    click.echo("your own data: alumbench train --train-file FILE --text-columns A,B --label-column C")
