"""Errors that a user can act on: the problem, its place and the command that fixes it; safe display of foreign text."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence

#: Unicode categories of active or unseen characters: controls, formats (bidirectional marks), surrogates, private use,
#: unassigned, and separators of lines and paragraphs.
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
#: Maximum characters of a message, and of one name or value in it.
MESSAGE, NAME = 2000, 200
#: Maximum names in a list of known names.
LISTED = 40


def visible(text: str) -> str:
    r"""The text with active or invisible characters escaped (`\u202e`), so that no terminal or browser acts on them."""
    return "".join(_visible(c) if unicodedata.category(c) in UNSEEN else c for c in text)


def _visible(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def shown(text: object, limit: int = MESSAGE) -> str:
    """Foreign text (names, labels, file names, libraries' errors) as one line of limited length for a terminal.

    Args:
        text: anything; line ends and tabs become spaces, active or invisible characters are escaped.
        limit: maximum characters; of a longer text its start and end are shown, with ` … ` between.
    """
    line = re.sub(r"[ \t]*[\n\r\t\v\f]\s*", " ", _cut(str(text), limit)).strip()
    return _cut(visible(line), limit)


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    tail = limit // 4
    return f"{text[: limit - tail - 3]} … {text[-tail:]}"


class AlumbenchError(Exception):
    """An error in the request or in the data; its message is all the user needs to see.

    Attributes:
        findings: the individual findings, if there are several; each on a line of its own.
    """

    def __init__(self, message: str, findings: Sequence[str] = ()) -> None:
        """Makes the message and each finding one line that is safe for a terminal."""
        self.findings = tuple(map(shown, findings))
        super().__init__("\n  ".join([shown(message), *self.findings]))


class ClassifierStopped(AlumbenchError):
    """A classifier no longer answers: the run stops, and existing records are kept."""


def nearest(name: str, known: Iterable[str], cutoff: float = 0.4) -> str:
    """The known name most similar to this one, '' if none is similar."""
    known = sorted(known)
    plain = {one.casefold(): one for one in reversed(known)}
    near = difflib.get_close_matches(name.casefold(), plain, n=1, cutoff=cutoff)
    return plain[near[0]] if near else ""


def unknown(kind: str, name: object, known: Iterable[str], see: str = "") -> AlumbenchError:
    """The error for a name not in `known`: suggests the nearest one, and `see`, the command that lists all."""
    asked, known = shown(name, NAME), sorted(known)
    near = difflib.get_close_matches(asked.casefold(), known, n=1, cutoff=0.4)
    hint = f" Did you mean '{shown(near[0], NAME)}'?" if near else ""
    more = f" and {len(known) - LISTED} more" if len(known) > LISTED else ""
    listing = f" '{see}' lists them." if see else f" Known: {', '.join(known[:LISTED])}{more}." if known else ""
    return AlumbenchError(f"unknown {kind} '{asked}'.{hint}{listing}")
