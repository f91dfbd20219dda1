"""`alumbench suites`."""

from __future__ import annotations

import click


@click.command(short_help="what a checkpoint can be evaluated on")
def suites() -> None:
    """List the suites and their entries, with the tasks each is for and whether its data is here."""
    from alumbench.evaluation.suite import load_suite, suite_names

    for name in suite_names():
        suite = load_suite(name)
        click.echo(f"{name}@{suite.version}: {suite.title}")
        for entry in suite.entries:
            missing = [source.here() for source in entry.source if source.here()]
            about = "the task's dev set" if entry.kind == "clean" else f"tasks {', '.join(entry.tasks)}"
            if entry.kind == "attack":
                recipe = entry.load_recipe()
                missing += recipe.missing() or recipe.check_parts(entry.parts)
                about += (
                    f"; {entry.recipe}, {entry.examples or 'all'} examples, {entry.queries or 'any number of'} queries"
                )
            if entry.kind == "embedding":
                about += f"; {entry.recipe}, radius {entry.radius:g}, {entry.steps} steps"
                about += f", {entry.examples or 'all'} examples"
            click.echo(f"  {entry.name:24} {entry.kind:9} {about}; {'; '.join(missing) or 'here'}")
            if entry.note:
                click.echo(f"  {'':34} note: {entry.note}")
        for ensemble in suite.ensembles:
            click.echo(f"  worst case {ensemble.signature:13} over {', '.join(ensemble.entries)}")
