"""Text of others in YAML, Markdown and terminals: shown, not obeyed (R15, R16)."""

from __future__ import annotations

import re
import unicodedata

import pytest

from alumbench.reports.escaping import block, code, prose, visible

PAYLOADS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</td></table><svg onload=alert(1)>",
    "[click](javascript:alert(1))",
    "![x](https://evil.example/pixel.png)",
    "[ref]: https://evil.example",
    "https://evil.example/a",
    "HTTP://EVIL.example",
    "www.evil.example",
    "mail@evil.example",
    "a | b | c",
    "a \\| b",
    "---\nmodel-index: []\n---",
    "# heading\n\n- list",
    "*bold* _em_ ~~gone~~ **x**",
    "`code` ``two`` ```three```",
    "```\nend of block\n```",
    "&lt;script&gt;",
    "<!-- comment",
    "\x1b[31mred\x1b[0m",
    "\u202egnp.exe",
    "zero\u200bwidth\u2066",
    "null\x00byte",
    "\ud800 lone surrogate",
    "{{ 7*7 }} {% raw %}",
    "key: value #comment",
    "!!python/object/apply:os.system [id]",
    "'\"quotes'",
    "\\",
    "`",
]


@pytest.mark.parametrize("payload", PAYLOADS, ids=ascii)
def test_prose_has_no_markup_link_or_tag(payload: str) -> None:
    shown = prose(payload)
    assert not re.search(r"[<>|@\n\r]|://|www\.", shown, re.IGNORECASE)
    for mark in "`*_~[]":
        assert not re.search(rf"(?<!\\)(?:\\\\)*{re.escape(mark)}", shown), mark
    assert _unseen(shown) == set()


@pytest.mark.parametrize("payload", PAYLOADS, ids=ascii)
def test_a_code_span_holds_its_text(payload: str) -> None:
    span = code(payload)
    fence = re.match("`+", span).group()  # type: ignore[union-attr]
    inner = span[len(fence) : -len(fence)]
    assert span.endswith(fence) and "\n" not in span
    assert len(fence) not in {len(run) for run in re.findall("`+", inner)}
    assert inner.strip() == visible(payload)


@pytest.mark.parametrize("payload", PAYLOADS, ids=ascii)
def test_a_block_is_closed_by_its_last_line_alone(payload: str) -> None:
    first, *lines, last = block([payload, "next"])
    assert first == last and len(lines) == 2
    assert not [line for line in lines if line.strip().startswith(first)]


@pytest.mark.parametrize("payload", PAYLOADS, ids=ascii)
def test_what_is_visible_can_be_written(payload: str) -> None:
    assert _unseen(visible(payload)) == set()
    visible(payload).encode()


def test_plain_words_stay_as_they_are() -> None:
    text = "SST-2: sentiment, 83.1% (n=872) — naïve 日本語 🙂!"
    assert visible(text) == prose(text) == text
    assert code("alum") == "`alum`"


def _unseen(text: str) -> set[str]:
    return {unicodedata.category(c) for c in text} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
