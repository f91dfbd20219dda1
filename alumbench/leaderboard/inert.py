"""Text that others wrote (names, labels, notes), made so that neither YAML, Markdown nor a terminal obeys it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from alumbench.errors import visible as escaped

#: Marks inside a line. Those of headings, lists and rules count at a line's begin alone, where no such text stands.
MARKS = re.compile(r"([\\`*_~\[\]])")
#: HTML, a table's bars, and what GitHub makes links of unasked; as entities, which survive a second escaping.
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;", "://": "&#58;//", "www.": "www&#46;", "@": "&#64;"}


def visible(text: str) -> str:
    r"""One line, with every character that is obeyed or unseen as `\u202e`, say; line ends and tabs become spaces."""
    return escaped(" ".join(text.split()))


def prose(text: str) -> str:
    """A sentence or a cell for Markdown, not at a line's begin: no markup, HTML or link in it does anything."""
    inert = MARKS.sub(r"\\\1", visible(text))
    for plain, entity in ENTITIES.items():
        inert = re.sub(re.escape(plain), entity, inert, flags=re.IGNORECASE)
    return inert


def code(text: str) -> str:
    """A code span, in which nothing is markup; not for cells, whose bars a code span does not hide."""
    shown = visible(text)
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if not shown or shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def block(lines: Sequence[str]) -> list[str]:
    """Lines as a fenced block that none of them ends."""
    shown = [visible(line) for line in lines]
    longest = max((len(run) for line in shown for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence, *shown, fence]
