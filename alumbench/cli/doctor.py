"""`alumbench doctor`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

import click

from alumbench.cli.options import quiet_libraries

if TYPE_CHECKING:
    from alumbench.registry import Kind

T = TypeVar("T")


@click.command(short_help="show what is missing on this machine and how to get it")
@click.option("--suite", "suite_name", default="", help="Check only what this suite needs.")
def doctor(suite_name: str) -> None:
    """Check libraries, devices, the mirror, and the attacks' resources. Downloads nothing."""
    quiet_libraries()
    import torch

    from alumbench.attacks import load_recipe
    from alumbench.attacks.resources import RESOURCES
    from alumbench.attacks.textattack.loader import load_textattack
    from alumbench.data import load_task, mirror
    from alumbench.evaluation.suite import load_suite
    from alumbench.registry import RECIPES, TASKS
    from alumbench.versions import library_versions

    click.echo("versions   " + ", ".join(f"{name} {version}" for name, version in library_versions().items()))
    load_textattack()
    click.echo("textattack can be imported, without downloads or changes to its caches")
    if torch.cuda.is_available():
        click.echo(f"device     cuda: {torch.cuda.get_device_name()}")
    else:
        click.echo(f"device     cpu, {torch.get_num_threads()} threads (torch sees no CUDA device)")
    root = mirror()
    click.echo(
        f"data from  {root if root is not None else 'the Hugging Face hub (set ALUMBENCH_MIRROR to work offline)'}"
    )
    needed = set(RESOURCES)
    if suite_name:
        entries = load_suite(suite_name).entries
        needed = set()
        for entry in entries:
            for missing in filter(None, (source.missing_reason() for source in entry.source)):
                click.echo(f"  entry {entry.name}: {missing}")
            if entry.kind == "attack":
                recipe = entry.load_recipe()
                needed |= set(recipe.needs)
                at = entry.load_threat_model()
                needed |= set(at.model.needs) if at else set()
                models = at.model.required_models if at else ()
                wrong = (
                    [recipe.unsupported_reason]
                    if recipe.unsupported_reason
                    else recipe.check_models(entry.models, models)
                )
                for problem in wrong:
                    click.echo(f"  entry {entry.name}: {problem}")
    users: dict[str, list[str]] = {}
    for recipe in _working(RECIPES, load_recipe):
        for name in recipe.needs:
            users.setdefault(name, []).append(recipe.name)
    for name in sorted(needed):
        resource = RESOURCES[name]
        problem = resource.problem()
        state = f"missing: {problem}" if problem else "available"
        more = f" and {len(users[name]) - 3} more" if len(users[name]) > 3 else ""
        click.echo(f"resource   {name}: {resource.about} (for {', '.join(users[name][:3])}{more}): {state}")
    if not suite_name and root is not None:
        for task in _working(TASKS, load_task):
            for source in [*task.train, *task.dev]:
                if source.missing_reason():
                    click.echo(f"task {task.name}: {source.missing_reason()}")


def _working(kind: Kind, load: Callable[[str], T]) -> Iterator[T]:
    """All of a kind that can be loaded; prints why the others cannot."""
    from alumbench.errors import AlumbenchError
    from alumbench.registry import names

    for name in names(kind):
        try:
            yield load(name)
        except AlumbenchError as error:
            click.echo(f"broken     {error}")
