"""A page of claims with their evidence: tables without a script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from alumbench.leaderboard.page import environment, policy, read
from alumbench.leaderboard.page.report import as_shown
from alumbench.leaderboard.page.text import paragraphs, prose, shown
from alumbench.leaderboard.table import Table


def claims_page(title: str, about: str, reading: str, tables: Mapping[str, Table], rules: Sequence[str]) -> str:
    """The whole file.

    Args:
        title: heading.
        about: paragraphs above the tables.
        reading: paragraphs under them.
        tables: by heading, '' for none.
        rules: how verdicts are made, a paragraph each.
    """
    style = "\n".join(map(read, ("base.css", "report.css")))
    return (
        environment()
        .get_template("claims.html")
        .render(
            title=shown(title),
            policy=policy([], style),
            style=Markup(style),  # noqa: S704  our own files
            about=paragraphs(about),
            reading=paragraphs(reading),
            tables=as_shown(tables),
            rules=list(map(prose, rules)),
        )
        + "\n"
    )
