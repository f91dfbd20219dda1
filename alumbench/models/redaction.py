"""Addresses without secrets: user, password and query never appear in a record, message or log."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

ADDRESS = re.compile(r"https?://[^\s'\"<>]+", re.IGNORECASE)


def redacted(url: str) -> str:
    """The address without user, password, query and fragment.

    >>> redacted("https://me:secret@example.org:8000/classify?key=123#top")
    'https://example.org:8000/classify?…'
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", "")) + ("?…" if parts.query else "")


def without_secrets(text: str) -> str:
    """The text with each address in it redacted.

    >>> without_secrets("attack http://a:b@localhost/x?token=1 --labels no,yes")
    'attack http://localhost/x?… --labels no,yes'
    """
    return ADDRESS.sub(lambda found: _safely(found[0]), text)


def has_secrets(url: str) -> bool:
    """True if the address contains something that `redacted` removes."""
    parts = urlsplit(url)
    return "@" in parts.netloc or bool(parts.query or parts.fragment)


def _safely(url: str) -> str:
    try:
        return redacted(url)
    except ValueError:  # brackets that do not hold an IPv6 address
        return "http…"
