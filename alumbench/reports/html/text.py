"""Untrusted text and figures, made safe to show on a page."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

#: Characters that are invisible or reverse the line, though their category is not Cf, Cc, Cs, Zl or Zp.
_INVISIBLE = {"\u115f", "\u1160", "\u3164", "\uffa0", "\u034f", "\u2800"}
#: Joiners that some scripts and emoji need: harmless between their characters, suspicious inside Latin words.
_JOINERS = {"\u200c", "\u200d"}
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_INLINE = re.compile(r"(\[[^\[\]\n]+\]\([^()\s]+\)|`[^`\n]+`|\*\*[^*\n]+\*\*|https?://[^\s<>\"'`\[\]{}|\\^]+)")


def shown(text: object) -> str:
    r"""The text with invisible characters made visible, as in `[U+202E]`, so that none can reverse or hide words.

    >>> shown("a\x1b[31mb")
    'a[U+001B][31mb'
    """
    text = str(text)
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        f"[U+{ord(c):04X}]" if _hides(c, text[i - 1] if i else "", text[i + 1 : i + 2]) else c
        for i, c in enumerate(text)
    )


def _hides(character: str, before: str, after: str) -> bool:
    if character in "\n\t":
        return False
    if character in _JOINERS:
        return not (before > "\u02ff" and after > "\u02ff")
    return character in _INVISIBLE or unicodedata.category(character) in _HIDDEN


def prose(text: Any) -> Markup:
    """One line of prose: `code`, **bold**, http(s) addresses and [links](https://…) become markup, all else is text.

    A link to anything else, such as a file beside the README, becomes its words: the page may have been moved.
    """
    parts = []
    for at, part in enumerate(_INLINE.split(shown(text))):
        if at % 2 == 0:
            parts.append(Markup("{}").format(part))
        elif part.startswith("["):
            words, _, address = part[1:-1].partition("](")
            words = words.replace("`", "")
            web = address.startswith(("https://", "http://"))
            parts.append(_link(address, words) if web else Markup("{}").format(words))
        elif part.startswith("`"):
            parts.append(Markup("<code>{}</code>").format(part[1:-1]))
        elif part.startswith("**"):
            parts.append(Markup("<strong>{}</strong>").format(part[2:-2]))
        else:
            address = part.rstrip(".,;:!?)")
            parts.append(_link(address, address) + Markup("{}").format(part[len(address) :]))
    return Markup("").join(parts)


def _link(address: str, words: str) -> Markup:
    return Markup('<a href="{}" rel="noopener noreferrer nofollow">{}</a>').format(address, words)


def paragraphs(text: Any) -> list[Markup]:
    """Prose split at blank lines."""
    return [prose(part.strip()) for part in re.split(r"\n\s*\n", str(text)) if part.strip()]


def segments(text: Any, changed: Sequence[Sequence[int]]) -> list[list[Any]]:
    """The text split at the changed ranges: `[part, 1 if changed]` in order, each character exactly once.

    Ranges count Python's characters; browsers count differently, so the text is split here.

    >>> segments("a flim b", [[2, 6]])
    [['a ', 0], ['flim', 1], [' b', 0]]
    """
    text = str(text)
    parts: list[list[Any]] = []
    at = 0
    for first, last in sorted((max(0, int(first)), min(len(text), int(last))) for first, last in changed):
        first = max(first, at)
        if first >= last:
            continue
        if first > at:
            parts.append([text[at:first], 0])
        parts.append([text[first:last], 1])
        at = last
    if at < len(text) or not parts:
        parts.append([text[at:], 0])
    return [[shown(part), mark] for part, mark in parts]


def embedded(data: Any) -> Markup:
    """JSON for a `<script type="application/json">`: no character in it can end the element or start another.

    ASCII only, so U+2028, U+2029 and lone surrogates are escaped as well.
    """
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, sort_keys=True, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704  JSON with every <, > and & escaped just above


def slug(text: str) -> str:
    """A file name from a title: lower-case ASCII words joined by hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "leaderboard"
