"""`alumbench threat-models`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from alumbench.commands import next_line
from alumbench.errors import AlumbenchError
from alumbench.registry import from_whom

if TYPE_CHECKING:
    from alumbench.attacks.threat_models.threat_model import Family


@click.command("threat-models", short_help="list what attackers may do: the sets of texts to attack within")
@click.argument("name", default="")
@click.option(
    "--markdown", is_flag=True, help="Print the table of docs/threat-models.md, which is the same on every machine."
)
def threat_models(name: str, markdown: bool) -> None:
    """List the threat models, or describe one: what the attacker may do, its degree, its source, what it needs."""
    from alumbench.attacks.threat_models.references import load_family, without_degree
    from alumbench.registry import THREAT_MODELS, find, listed, names

    if markdown:
        from alumbench.attacks import listing

        click.echo(listing.threat_models_markdown())
    elif name:
        reference = name if name in names(THREAT_MODELS) else without_degree(name)
        _tell(load_family(reference), reference, find(THREAT_MODELS, reference).source)
    else:
        for found in listed(THREAT_MODELS):
            try:
                _list(load_family(found.name), from_whom(found))
            except AlumbenchError as error:
                click.echo(f"{found.name:28} broken: {error}{from_whom(found)}")
        click.echo('A suite\'s entry names one with its degree: threat_model = "chars-2@1". For more, give a name.')
        click.echo(next_line("threat-models", "chars"))


def _list(family: Family, source: str) -> None:
    click.echo(f"{family.signature:28} {_state(family)}{source}")
    click.echo(f"{'':28} {family.description}")
    click.echo(f"{'':28} {family.source}")


def _state(family: Family) -> str:
    from alumbench.attacks.threat_models.threat_model import ThreatModel

    if not isinstance(family, ThreatModel):
        return f"for entries of kind {family.name}"
    missing = ", ".join(problem.partition(":")[0] for problem in family.missing())
    given = ", ".join(f"{name} = …" for name in family.required_models)
    return f"missing: {missing}" if missing else f"ready with models = {{ {given} }}" if given else "ready"


def _tell(family: Family, reference: str, source: str) -> None:
    from alumbench.attacks.resources import REQUIRED_MODELS, RESOURCES
    from alumbench.attacks.threat_models.threat_model import ThreatModel

    click.echo(f"{family.signature}: {family.description}")
    counts = "percent of the text's words" if family.percent else f"the number of {family.unit}s"
    click.echo(f"  degree: {counts if family.symbol == 'k' else family.unit}")
    click.echo(f"  not promised: {family.not_promised}")
    click.echo(f"  source: {family.source}")
    click.echo(f"  from: {source}")
    if not isinstance(family, ThreatModel):
        click.echo(f"  a suite's entry of kind {family.name} gives the {family.unit}")
        return
    click.echo(f"  standard: {', '.join(family.standard)}")
    if family.one_step:
        click.echo(f"  standard, at degree 1: {', or without scores '.join(family.one_step)}")
    click.echo(f"  quick: {', '.join(family.quick)}")
    if not family.can_enumerate:
        click.echo("  too large for exhaustive")
    for name in family.required_models:
        model = REQUIRED_MODELS[name]
        click.echo(f'  suites give models = {{ {name} = "{model.example}" }}: {model.about}')
    for name in family.needs:
        problem = RESOURCES[name].problem()
        click.echo(f"  {name}: {RESOURCES[name].about}: {f'missing: {problem}' if problem else 'available'}")
    click.echo(f"  {_state(family)}")
