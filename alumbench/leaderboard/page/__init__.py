"""A board as one file of HTML: no server, no outside request, the same bytes for the same view.

The texts in it were written by attacks and by strangers. Three walls stand between them and the reader: every template
escapes (said outright, not left to a file's ending), a content policy lets only this package's script and style run,
known by their hashes, and no text ever becomes markup in the browser (`textContent` alone, held by Trusted Types).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from alumbench.leaderboard.page.charts import make_charts
from alumbench.leaderboard.page.content import Column, Row, facets, flags_of, groups, is_tall, make_columns, make_rows
from alumbench.leaderboard.page.text import embedded, paragraphs, prose, shown, slug

__all__ = ["page"]

_TEMPLATES = ("page.html", "table.html", "chart.html", "tables.html", "report.html", "claims.html")
_STYLES = ("base.css", "table.css", "details.css", "charts.css")
_SCRIPTS = ("table.js", "details.js", "charts.js")


def page(view: Mapping[str, Any]) -> str:
    """The whole `index.html`.

    Args:
        view: what the board says, made by `alumbench.leaderboard.view`; none of its texts is trusted.
    """
    columns = make_columns(view)
    rows = make_rows(view, columns)
    early, style = read("early.js"), "\n".join(map(read, _STYLES))
    script = "(() => {\n" + "\n".join(map(read, _SCRIPTS)) + "\n})();"
    title = shown(view.get("title") or "Leaderboard")
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
            about=paragraphs(view.get("about") or ""),
            reading=paragraphs(view.get("reading") or ""),
            baseline=shown(view.get("baseline") or ""),
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
            notes=[prose(note) for note in view.get("notes") or [] if str(note).strip()],
            provenance=[prose(line) for line in view.get("provenance") or []],
            versions=[prose(line) for line in view.get("versions") or []],
            signatures=[shown(signature) for signature in view.get("signatures") or []],
        )
        + "\n"
    )


def _data(view: Mapping[str, Any], rows: Sequence[Row], columns: Sequence[Column], title: str) -> dict[str, Any]:
    """What the script reads: texts only, made to be shown; figures are formatted here and nowhere else."""
    downloads = view.get("downloads") or {}
    return {
        "file": slug(title),
        "downloads": {form: str(downloads[form]) for form in ("csv", "json") if downloads.get(form)},
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
                "flags": [[f["flag"], f["where"], f["detail"], f["seeds"]] for f in row.flags],
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
    """What a browser may run here: these scripts and this style by their hashes, and nothing that loads anything."""
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
    """A file of this package, with no white space at its ends: a policy's hash counts each character."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8").strip()


@cache
def environment() -> Environment:
    return Environment(
        loader=DictLoader({name: read(name) for name in _TEMPLATES}),
        autoescape=True,  # for every template, whatever it is called
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
