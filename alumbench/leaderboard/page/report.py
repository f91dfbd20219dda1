"""A board as one page for print: what `page` shows without its controls, with protocol and commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from alumbench.leaderboard.page import environment, policy, read
from alumbench.leaderboard.page.charts import make_charts
from alumbench.leaderboard.page.content import make_columns, make_rows
from alumbench.leaderboard.page.text import paragraphs, prose, shown
from alumbench.leaderboard.table import Table


def report_page(
    view: Mapping[str, Any],
    protocol: Sequence[Mapping[str, str]],
    tables: Mapping[str, Table],
    statistics: Sequence[str],
    commands: Sequence[Mapping[str, str]],
) -> str:
    """The whole file.

    Args:
        view: what the board says; none of its texts is trusted.
        protocol: a line a column: `column`, `suite`, `entry`, `n`, `data`, `how`, `kept`.
        tables: by heading, '' for none.
        statistics: paragraphs on how intervals and tests are made.
        commands: `what` and `command` of each figure.
    """
    columns = make_columns(view)
    style = "\n".join(map(read, ("base.css", "charts.css", "report.css")))
    return (
        environment()
        .get_template("report.html")
        .render(
            title=shown(view["title"]),
            policy=policy([], style),
            style=Markup(style),  # noqa: S704  our own files
            about=paragraphs(view["about"]),
            reading=paragraphs(view["reading"]),
            protocol=[{name: shown(text) for name, text in line.items()} for line in protocol],
            tables=as_shown(tables),
            charts=make_charts(view, make_rows(view, columns), columns),
            statistics=statistics,
            commands=[{name: shown(text) for name, text in line.items()} for line in commands],
            provenance=[prose(line) for line in view["provenance"]],
            versions=list(map(shown, view["versions"])),
            signatures=list(map(shown, view["signatures"])),
        )
        + "\n"
    )


def as_shown(tables: Mapping[str, Table]) -> list[dict[str, Any]]:
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
