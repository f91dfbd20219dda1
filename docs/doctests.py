"""For mkdocstrings: what Markdown would change in docstrings.

Examples become blocks of code, since `>>>` would begin a quotation. An empty text, `''`, becomes code, since two single
quotes look like one double quote.
"""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

EXAMPLE = re.compile(r"^>>> .*(?:\n\S.*)*", re.MULTILINE)
EMPTY = re.compile(r"^(?!>>> |\.\.\. ).*(?<![\w`])''(?![\w`]).*$", re.MULTILINE)


class Doctests(Extension):
    """Rewrites docstrings."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Rewrites the docstring of whatever has one, before it is parsed."""
        if obj.docstring:
            text = EMPTY.sub(lambda line: line[0].replace("''", '`""`'), obj.docstring.value)
            obj.docstring.value = EXAMPLE.sub(self._fenced, text)

    @staticmethod
    def _fenced(found: re.Match[str]) -> str:
        shown = re.sub(r"  # doctest: .*", "", found[0])
        return f"```pycon\n{shown}\n```"
