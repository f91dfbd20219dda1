"""Escaping of others' text (names, labels, notes), so that YAML, Markdown and terminals show it literally."""

from __future__ import annotations

import re
from collections.abc import Sequence

from alumbench.errors import visible as escaped

#: Markup inside a line. Headings, lists and rules count only at the start of a line, where this text never is.
MARKS = re.compile(r"([\\`*_~\[\]])")
#: HTML, a table's bars, and what GitHub links by itself; as entities, which survive a second escaping.
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;", "://": "&#58;//", "www.": "www&#46;", "@": "&#64;"}


def visible(text: str) -> str:
    r"""One line, with control and invisible characters escaped, as in `\u202e`; line ends and tabs become spaces."""
    return escaped(" ".join(text.split()))


def prose(text: str) -> str:
    """A sentence or cell for Markdown, not for the start of a line: markup, HTML and links in it have no effect."""
    inert = MARKS.sub(r"\\\1", visible(text))
    for plain, entity in ENTITIES.items():
        inert = re.sub(re.escape(plain), entity, inert, flags=re.IGNORECASE)
    return inert


def code(text: str) -> str:
    """A code span, in which nothing is markup; not for table cells, as a code span does not protect bars."""
    shown = visible(text)
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if not shown or shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def block(lines: Sequence[str]) -> list[str]:
    """A fenced block of lines, with a fence that none of them can close."""
    shown = [visible(line) for line in lines]
    longest = max((len(run) for line in shown for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence, *shown, fence]
