"""A page of tables without a script: for claims with their evidence, or for one evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from alumbench.reports.html import environment, policy, read
from alumbench.reports.html.report import as_shown
from alumbench.reports.html.text import paragraphs, prose, shown
from alumbench.reports.table import Table


def tables_page(
    title: str, about: str, reading: str, tables: Mapping[str, Table], rules: Sequence[str], rules_heading: str
) -> str:
    """The whole HTML file.

    Args:
        title: heading.
        about: paragraphs above the tables.
        reading: paragraphs under them.
        tables: tables by heading, '' for no heading.
        rules: paragraphs at the end, such as the rules for verdicts, or flags.
        rules_heading: their heading.
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
            rules_heading=shown(rules_heading),
        )
        + "\n"
    )
