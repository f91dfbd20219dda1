"""Messages: one bounded line that no terminal obeys."""

from __future__ import annotations

import pytest

from alumbench.errors import AlumbenchError, shown, unknown
from tests.leaderboard.test_inert import PAYLOADS


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("two  spaces stay", "two  spaces stay"),
        ("lines\r\n  and\ttabs\n", "lines and tabs"),
        ("\x1b[31mred\x07", r"\u001b[31mred\u0007"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("a\u2028b\x9bm\ud800", r"a\u2028b\u009bm\ud800"),
        ("é 中 😀 ²", "é 中 😀 ²"),
    ],
)
def test_one_line_that_is_shown(text: str, line: str) -> None:
    assert shown(text) == line and str(AlumbenchError(text)) == line


@pytest.mark.parametrize(
    "text", ["a" * 10**6, "\x1b" * 10**6, "\n" * 10**6, *PAYLOADS], ids=lambda text: repr(text[:9])
)
def test_any_text_gives_a_bounded_line(text: str) -> None:
    for message in (str(AlumbenchError(text)), str(unknown("task", text, ["sst2", "a" * 500]))):
        assert len(message) <= 2000 and message.isprintable()


def test_head_and_tail_of_a_long_text_are_left() -> None:
    assert shown("begin" + "x" * 10**6 + "end", 100).startswith("beginxxx")
    assert shown("begin" + "x" * 10**6 + "end", 100).endswith("xxxend")
    assert len(shown("begin" + "x" * 10**6 + "end", 100)) == 100


def test_findings_are_lines_of_their_own() -> None:
    assert str(AlumbenchError("not all is done:", ["a\nb", "\x1b"])) == "not all is done:\n  a b\n  \\u001b"


def test_a_long_list_of_known_names_is_cut() -> None:
    assert str(unknown("row", "x", [f"row {n:03}" for n in range(100)])).endswith("row 038, row 039 and 60 more.")
