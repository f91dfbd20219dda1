"""A board as one file of HTML: no server, no outside request, the same bytes for the same view.

The texts in it come from attacks and strangers. Three measures protect the reader: every template escapes (set
explicitly, whatever the file's extension), a content security policy allows only this package's script and style,
by their hashes, and no text becomes markup in the browser (only `textContent` is used; Trusted Types enforce it).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from alumbench.reports.html.charts import make_charts
from alumbench.reports.html.content import Column, Row, facets, flags_of, groups, is_tall, make_columns, make_rows
from alumbench.reports.html.text import embedded, paragraphs, prose, shown, slug
from alumbench.reports.view import View

__all__ = ["page"]

_TEMPLATES = ("page.html", "table.html", "chart.html", "tables.html", "report.html", "claims.html")
_STYLES = ("base.css", "table.css", "details.css", "charts.css")
_SCRIPTS = ("table.js", "details.js", "charts.js")


def page(view: View) -> str:
    """The whole `index.html`.

    Args:
        view: the board's content, made by `alumbench.leaderboard.view`; none of its texts is trusted.
    """
    columns = make_columns(view)
    rows = make_rows(view, columns)
    early, style = read("early.js"), "\n".join(map(read, _STYLES))
    script = "(() => {\n" + "\n".join(map(read, _SCRIPTS)) + "\n})();"
    title = shown(view.title or "Leaderboard")
    return (
        environment()
        .get_template("page.html")
        .render(
            title=title,
            policy=policy([early, script], style),
            early=Markup(early),  # noqa: S704  our own file
            script=Markup(script),  # noqa: S704  our own files
            style=Markup(style),  # noqa: S704  our own files
            data=embedded(_data(view, rows, columns, title)),
            about=paragraphs(view.about),
            reading=paragraphs(view.reading),
            baseline=shown(view.baseline),
            columns=columns,
            groups=groups(columns),
            rows=rows,
            tall=is_tall(view),
            one={
                "task": len({row.task for row in rows}) < 2 and len({c.task for c in columns if c.task}) < 2,
                "model": len({row.model for row in rows if not row.reference}) < 2,
            },
            facets=facets(rows, columns),
            flags=flags_of(rows),
            charts=make_charts(view, rows, columns),
            notes=[prose(note) for note in view.notes if note.strip()],
            provenance=[prose(line) for line in view.provenance],
            versions=[prose(line) for line in view.versions],
            signatures=[shown(signature) for signature in view.signatures],
        )
        + "\n"
    )


def _data(view: View, rows: Sequence[Row], columns: Sequence[Column], title: str) -> dict[str, object]:
    """The data for the script: only texts, ready to show; figures are formatted here and nowhere else."""
    return {
        "file": slug(title),
        "downloads": {form: view.downloads[form] for form in ("csv", "json") if view.downloads.get(form)},
        "columns": [
            {"title": c.title, "facts": _present(measure=c.about, note=c.note, better=c.better, task=c.task)}
            for c in columns
        ],
        "rows": [
            {
                "name": row.name,
                "facts": _present(
                    reference=row.reference,
                    method=row.method,
                    model=row.model,
                    task=row.task,
                    parameters=row.parameters,
                    seeds=", ".join(row.seeds) + (" (single seed: no spread known)" if row.single_seed else ""),
                    cost=row.cost,
                    settings=row.settings,
                ),
                "flags": [[f.flag, f.where, f.detail, f.seeds] for f in row.flags],
                "cells": [
                    {
                        "facts": cell.facts,
                        "warnings": cell.warnings,
                        "counts": cell.counts,
                        "examples": cell.examples,
                        "total": cell.total,
                        "records": cell.records,
                    }
                    for cell in row.cells
                ],
            }
            for row in rows
        ],
    }


def _present(**facts: str) -> list[tuple[str, str]]:
    return [(name, text) for name, text in facts.items() if text]


def policy(scripts: Sequence[str], style: str) -> str:
    """The content security policy: only these scripts and this style, by their hashes; nothing may be loaded."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src " + " ".join(map(_hash, scripts)),
            f"style-src {_hash(style)}",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def read(name: str) -> str:
    """A file of this package, stripped of outer white space: the policy's hash depends on every character."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8").strip()


@cache
def environment() -> Environment:
    return Environment(
        loader=DictLoader({name: read(name) for name in _TEMPLATES}),
        autoescape=True,  # for every template, whatever its name
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
