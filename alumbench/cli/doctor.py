"""`alumbench doctor`."""

from __future__ import annotations

import click

from alumbench.cli.options import quiet_libraries


@click.command(short_help="what is missing on this machine and how it comes")
@click.option("--suite", "suite_name", default="", help="Look at what this suite needs only.")
def doctor(suite_name: str) -> None:
    """Check libraries, devices, the mirror and the attacks' resources. Downloads nothing."""
    quiet_libraries()
    import torch

    from alumbench.attacks import load_recipe, recipe_names
    from alumbench.attacks.resources import RESOURCES
    from alumbench.attacks.textattack_loader import load_textattack
    from alumbench.evaluation.suite import load_suite
    from alumbench.tasks import load_task, mirror, task_names
    from alumbench.versions import library_versions

    click.echo("versions   " + ", ".join(f"{name} {version}" for name, version in library_versions().items()))
    load_textattack()
    click.echo("textattack imports, with no download and no change to its caches")
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
            for missing in filter(None, (source.here() for source in entry.source)):
                click.echo(f"  entry {entry.name}: {missing}")
            if entry.kind == "attack":
                recipe = load_recipe(entry.recipe.partition("@")[0])
                needed |= set(recipe.needs)
                wrong = [recipe.refused] if recipe.refused else recipe.check_parts(getattr(entry, "parts", {}))
                for problem in wrong:
                    click.echo(f"  entry {entry.name}: {problem}")
    users: dict[str, list[str]] = {}
    for recipe in map(load_recipe, recipe_names()):
        for name in recipe.needs:
            users.setdefault(name, []).append(recipe.name)
    for name in sorted(needed):
        resource = RESOURCES[name]
        problem = resource.problem()
        state = f"missing: {problem}" if problem else "here"
        more = f" and {len(users[name]) - 3} more" if len(users[name]) > 3 else ""
        click.echo(f"resource   {name}: {resource.about} (for {', '.join(users[name][:3])}{more}): {state}")
    if not suite_name and root is not None:
        for task in map(load_task, task_names()):
            for source in [*task.train, *task.dev]:
                if source.here():
                    click.echo(f"task {task.name}: {source.here()}")
