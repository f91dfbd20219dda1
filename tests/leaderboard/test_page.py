"""The page without a browser: nothing hidden, nothing obeyed, the same bytes, and a policy that fits its own parts."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from copy import deepcopy
from typing import Any

import pytest

from alumbench.reports.html import page
from alumbench.reports.html.text import prose, segments, shown
from tests.leaderboard.sample_view import as_view, sample_view
from tests.leaderboard.test_inert import PAYLOADS


def spoiled(value: Any, payload: str) -> Any:
    """The view with a payload behind every text of it; keys and what has a fixed set of values stay."""
    fixed = {"key", "role", "unit", "outcome", "scatter", "entry", "measure"}
    if isinstance(value, dict):
        return {k: v if k in fixed else spoiled(v, payload) for k, v in value.items()}
    if isinstance(value, list):
        return [spoiled(item, payload) for item in value]
    return f"{value} {payload}" if isinstance(value, str) and value else value


def visible_text(text: str) -> str:
    """What is between tags, without script, style and data."""
    body = re.sub(r"<(script|style)\b.*?</\1>", "", text, flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]*>", " ", body))


def test_what_lessens_a_figure_is_seen_without_a_script() -> None:
    text = visible_text(page(as_view(sample_view())))
    for words in ("single seed", "budget-saturated", "not evaluated", "7.9", "standard", "method-3"):
        assert words in text, words
    assert re.search(r"10\s+(errors|failed|errors, timeouts)|7 errors?", text), "errors and timeouts stand in the table"


def test_the_same_view_gives_the_same_bytes() -> None:
    assert page(as_view(sample_view())) == page(as_view(deepcopy(sample_view())))


def test_the_policy_names_the_pages_own_script_and_style() -> None:
    text = page(as_view(sample_view()))
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', text).group(1))  # type: ignore[union-attr]
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    styles = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert len(scripts) == 2 and len(styles) == 1 and "default-src 'none'" in policy
    for part in scripts + styles:
        assert base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() in policy
    assert "unsafe" not in policy and not re.search(
        r"\s(on\w+|style)=", re.sub(r"<script.*?</script>", "", text, flags=re.S)
    )
    assert not re.search(r"(src|href)=\"(?!#|https?://)", text), "nothing is loaded, and only http(s) is linked"


@pytest.mark.parametrize("payload", PAYLOADS, ids=ascii)
def test_no_text_becomes_markup(payload: str) -> None:
    plain, text = page(as_view(sample_view())), page(as_view(spoiled(sample_view(), payload)))
    tags = [
        re.findall(r"<([a-z!/][\w-]*)", re.sub(r"<script.*?</script>", "", part, flags=re.S)) for part in (plain, text)
    ]
    prose = {end + tag for tag in ("a", "code", "strong", "p") for end in ("", "/")}  # all that prose can become
    assert [tag for tag in tags[1] if tag not in prose] == [tag for tag in tags[0] if tag not in prose]
    assert not re.search(r"href=\"(?!#|https?://)", text)
    data = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', text, re.DOTALL).group(1)  # type: ignore[union-attr]
    assert not set(data) & set("<>&") and data.isascii() and json.loads(data)
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x1b\x00]", text), "shown, not obeyed (R16)"


def test_nan_is_no_figure() -> None:
    view = sample_view()
    view["rows"][1]["cells"]["typos"]["value"] = float("nan")
    text = page(as_view(view))
    assert "NaN" not in visible_text(text) and "nan" not in visible_text(text).split()


@pytest.mark.parametrize("rows", [1, 2, 40])
def test_few_and_many_rows(rows: int) -> None:
    assert visible_text(page(as_view(sample_view(rows)))).count("method-") >= rows - 1


def test_the_emptiest_board() -> None:
    view = sample_view(1) | {"scatter": None, "baseline": "", "reading": "", "notes": [], "downloads": {}}
    view["columns"] = view["columns"][:1]
    view["rows"][0] |= {
        "cells": {"clean": view["rows"][0]["cells"]["clean"]},
        "curves": {"security": [], "queries": {}},
    }
    assert "<table" in page(as_view(view))


@pytest.mark.parametrize(
    ("text", "changed", "parts"),
    [
        ("a dul film", [[2, 5]], [["a ", 0], ["dul", 1], [" film", 0]]),
        ("all new", [[0, 7]], [["all new", 1]]),
        ("🙂 dul", [[2, 5]], [["🙂 ", 0], ["dul", 1]]),
        ("same", [], [["same", 0]]),
        ("over", [[2, 99], [1, 3]], [["o", 0], ["ve", 1], ["r", 1]]),
    ],
)
def test_changed_characters_are_cut_out(text: str, changed: list[list[int]], parts: list[list[Any]]) -> None:
    found = segments(text, changed)
    assert "".join(part for part, _ in found) == text
    assert [mark for part, mark in found for _ in part] == [mark for part, mark in parts for _ in part]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a `b`](https://a.b/c).", '<a href="https://a.b/c" rel="noopener noreferrer nofollow">a b</a>.'),
        ("see [the board](../x/README.md)", "see the board"),
        ("[x](javascript:alert(1))", "[x](javascript:alert(1))"),
        ("[x](javascript:y)", "x"),
        ("[<b>](http://a.b)", '<a href="http://a.b" rel="noopener noreferrer nofollow">&lt;b&gt;</a>'),
        ("[95% interval] (n=3)", "[95% interval] (n=3)"),
    ],
)
def test_links_of_prose_lead_to_the_web_or_nowhere(text: str, expected: str) -> None:
    assert str(prose(text)) == expected


def test_what_is_not_seen_is_shown() -> None:
    assert shown("a\x1b[31m\u202eb\u200bc") == "a[U+001B][31m[U+202E]b[U+200B]c"
    assert shown("naïve 日本語 🙂") == "naïve 日本語 🙂"
