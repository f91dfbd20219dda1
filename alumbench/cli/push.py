"""`alumbench push`."""

from __future__ import annotations

from pathlib import Path

import click

from alumbench.cli.options import quiet_libraries


@click.command(short_help="upload a checkpoint, its card and its results to the hub")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.argument("repository", metavar="OWNER/NAME")
@click.option("--private", is_flag=True, help="Make a new repository private.")
@click.option("--branch", default="main", show_default=True, help="Branch to upload to; created if missing.")
@click.option("--records/--no-records", default=True, show_default=True, help="Upload the records of its evaluations.")
@click.option("--with-texts", is_flag=True, help="Keep the data sets' own texts in the records; check their licenses.")
@click.option("--dry-run", is_flag=True, help="List what would be sent, and send nothing.")
def push(
    checkpoint: Path, repository: str, private: bool, branch: str, records: bool, with_texts: bool, dry_run: bool
) -> None:
    """Upload a checkpoint with its card, results and records; nothing else from its folder.

    \b
    alumbench card runs/sst2-alum-1
    alumbench push runs/sst2-alum-1 my-name/sst2-alum --dry-run
    """  # noqa: D301 - click wants the character
    quiet_libraries()
    from alumbench.hub.push import check_repository
    from alumbench.hub.push import push as push_files
    from alumbench.hub.upload_files import belongings

    check_repository(repository)
    sent = belongings(checkpoint, records, with_texts)
    for file in sent:
        click.echo(f"{file.size:>13,}  {file.path}" + (f"  ({file.note})" if file.note else ""))
    click.echo(f"{sum(file.size for file in sent):>13,}  bytes in {len(sent)} files, for {repository}, branch {branch}")
    if dry_run:
        click.echo("dry run: nothing was sent")
        return
    click.echo(f"pushed: {push_files(sent, repository, private, branch)}")
