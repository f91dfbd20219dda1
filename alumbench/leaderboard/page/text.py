"""Untrusted text and figures as a page may show them."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

DASH = "–"
MINUS = "\N{MINUS SIGN}"

#: Characters that are read as nothing, or turn the line around, though their category is not Cf, Cc, Cs, Zl or Zp.
_INVISIBLE = {"\u115f", "\u1160", "\u3164", "\uffa0", "\u034f", "\u2800"}
#: Joiners that scripts and emoji need: harmless between such letters, suspicious inside Latin words.
_JOINERS = {"\u200c", "\u200d"}
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_INLINE = re.compile(r"(\[[^\[\]\n]+\]\([^()\s]+\)|`[^`\n]+`|\*\*[^*\n]+\*\*|https?://[^\s<>\"'`\[\]{}|\\^]+)")


def shown(text: object) -> str:
    r"""The text with everything invisible made visible, such as `[U+202E]`, so that it can neither turn nor hide words.

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
    """One line of prose: `code`, **bold**, http(s) addresses and [links](https://…) are marked up, all else is text.

    Of a link to anything else, such as a file beside the README, the words are shown: a page may have been copied away.
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
    """Prose split at its blank lines."""
    return [prose(part.strip()) for part in re.split(r"\n\s*\n", str(text)) if part.strip()]


def segments(text: Any, changed: Sequence[Sequence[int]]) -> list[list[Any]]:
    """The text cut at the changed ranges: `[part, 1 if changed]` in order, nothing lost and nothing twice.

    Ranges are counted in Python's characters; a browser counts otherwise, so the cutting is done here.

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
    """JSON for a `<script type="application/json">`: no character in it can end the element or begin another.

    ASCII only, so U+2028, U+2029 and halves of surrogate pairs are escapes as well.
    """
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, sort_keys=True, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704  JSON with every <, > and & escaped just above


def slug(text: str) -> str:
    """A file name from a title: lower-case ASCII words with hyphens between them."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "leaderboard"


def number(value: float | None) -> float | None:
    """The value if it is a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def figure(value: float | None, unit: str, sign: bool = False) -> str:
    """A figure in its column's unit: `83.6` (percent), `0.913` (number), `2.3×` (ratio)."""
    value = number(value)
    if value is None:
        return DASH
    if unit == "percent":
        text = f"{100 * value:.1f}"
    elif unit == "ratio":
        text = f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
    else:
        text = f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 1000 else f"{value:,.0f}"
    negative = text.startswith("-") and any(c in "123456789" for c in text)
    text = text.lstrip("-") + ("×" if unit == "ratio" else "")
    return (MINUS if negative else "+" if sign else "") + text


def tick(value: float, unit: str) -> str:
    """A place on an axis, as short as it can be written."""
    text = f"{100 * value:g}" if unit == "percent" else f"{value:g}" + ("×" if unit == "ratio" else "")
    return text.replace("-", MINUS)


def interval(low: float | None, high: float | None, unit: str, sign: bool = False) -> str:
    """`81.0–85.9`, or with signs `−1.4 to +3.9`; '' where either end is missing."""
    if number(low) is None or number(high) is None:
        return ""
    joint = " to " if sign or min(float(low or 0), float(high or 0)) < 0 else DASH
    return f"{figure(low, unit, sign)}{joint}{figure(high, unit, sign)}"


def p_value(p: float | None) -> str:
    """`p 0.031`, `p < 0.001`, or a dash."""
    p = number(p)
    return DASH if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"
