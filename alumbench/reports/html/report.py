"""A board as one page for print: the content of `page` without its controls, with protocol and commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from alumbench.reports.html import environment, policy, read
from alumbench.reports.html.charts import make_charts
from alumbench.reports.html.content import make_columns, make_rows
from alumbench.reports.html.text import paragraphs, prose, shown
from alumbench.reports.table import Table
from alumbench.reports.view import View


def report_page(
    view: View,
    protocol: Sequence[Mapping[str, str]],
    tables: Mapping[str, Table],
    statistics: Sequence[str],
    commands: Sequence[Mapping[str, str]],
) -> str:
    """The whole HTML file.

    Args:
        view: the board's content; none of its texts is trusted.
        protocol: one line per column: `column`, `suite`, `entry`, `n`, `data`, `how`, `kept`.
        tables: tables by heading, '' for no heading.
        statistics: paragraphs on how intervals and tests are computed.
        commands: `what` and `command` for each figure.
    """
    columns = make_columns(view)
    style = "\n".join(map(read, ("base.css", "charts.css", "report.css")))
    return (
        environment()
        .get_template("report.html")
        .render(
            title=shown(view.title),
            policy=policy([], style),
            style=Markup(style),  # noqa: S704  our own files
            about=paragraphs(view.about),
            reading=paragraphs(view.reading),
            protocol=[{name: shown(text) for name, text in line.items()} for line in protocol],
            tables=as_shown(tables),
            charts=make_charts(view, make_rows(view, columns), columns),
            statistics=statistics,
            commands=[{name: shown(text) for name, text in line.items()} for line in commands],
            provenance=[prose(line) for line in view.provenance],
            versions=list(map(shown, view.versions)),
            signatures=list(map(shown, view.signatures)),
        )
        + "\n"
    )


def as_shown(tables: Mapping[str, Table]) -> list[dict[str, object]]:
    """Tables by heading, as `tables.html` takes them."""
    return [
        {
            "heading": shown(heading),
            "header": list(map(shown, table.header)),
            "rows": [[prose(cell) for cell in row] for row in table.rows],
            "notes": [prose(note) for note in table.notes if note],
        }
        for heading, table in tables.items()
    ]


def tables_fragment(tables: Mapping[str, Table]) -> str:
    """Tables by heading as escaped HTML without a page around them, for notebooks."""
    return environment().get_template("tables.html").render(tables=as_shown(tables)) + "\n"
