"""`alumbench tasks`."""

from __future__ import annotations

import click


@click.command(short_help="what can be learned")
def tasks() -> None:
    """List the tasks, their columns and labels, and whether their data is here."""
    from alumbench.tasks import load_task, task_names

    for name in task_names():
        task = load_task(name)
        click.echo(f"{name:15} {task.title}")
        click.echo(f"{'':15} columns {', '.join(task.columns)}; labels {', '.join(task.labels) or 'a number'}")
        for split, sources in (("train", task.train), ("dev", task.dev)):
            for source in sources:
                state = source.here() or "here" + (f" ({source.rows})" if source.rows and source.here() == "" else "")
                click.echo(f"{'':15} {split}: {source.name}: {state}")
        if task.note:
            click.echo(f"{'':15} note: {task.note}")
    click.echo("your own data: alumbench train --train-file FILE --text-columns A,B --label-column C")
