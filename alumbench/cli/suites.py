"""`alumbench suites`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from alumbench.evaluation.suite import Suite
    from alumbench.evaluation.suite_entry import SuiteEntry


@click.command(short_help="list the suites to evaluate with")
def suites() -> None:
    """List the suites and their entries, with the tasks of each and whether its data is available."""
    from alumbench.errors import AlumbenchError
    from alumbench.evaluation.suite import load_suite
    from alumbench.registry import SUITES, from_whom, listed

    for found in listed(SUITES):
        try:
            suite = load_suite(found.name)
        except AlumbenchError as error:
            click.echo(f"{found.name}: broken: {error}{from_whom(found)}")
            continue
        _list(suite, from_whom(found))


def _list(suite: Suite, source: str) -> None:
    click.echo(f"{suite.name}@{suite.version}: {suite.title}{source}")
    for entry in suite.entries:
        missing = [source.missing_reason() for source in entry.source if source.missing_reason()]
        about = "the task's dev set" if entry.kind == "clean" else f"tasks {', '.join(entry.tasks)}"
        if entry.kind == "attack":
            recipe = entry.load_recipe()
            missing += entry.missing()
            within = f" within {entry.threat_model}" if entry.threat_model else ""
            about += f"; {recipe.signature}{within}, {entry.examples or 'all'} examples, {_limit(entry)}"
        if entry.kind == "embedding":
            about += f"; {_settings(entry)}, {entry.examples or 'all'} examples"
        click.echo(f"  {entry.name:24} {entry.kind:9} {about}; {'; '.join(missing) or 'here'}")
        if entry.note:
            click.echo(f"  {'':34} note: {entry.note}")
    for ensemble in suite.ensembles:
        click.echo(f"  worst case {ensemble.signature:13} over {', '.join(ensemble.entries)}")


def _limit(entry: SuiteEntry) -> str:
    """The most queries for an example."""
    limits = [f"{entry.queries} queries" if entry.queries else ""]
    limits += [f"{entry.queries_per_word} queries per word" if entry.queries_per_word else ""]
    return ", ".join(filter(None, limits)) or "any number of queries"


def _settings(entry: SuiteEntry) -> str:
    """A white-box attack with its settings; for embedding PGD in the form always used."""
    recipe = entry.load_recipe()
    if entry.settings or not (entry.radius and entry.steps):
        return entry.white_box()[1]
    return f"{recipe.signature}, radius {entry.radius:g}, {entry.steps} steps"
