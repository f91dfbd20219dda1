"""The rule: which intervals decide a part, which parts decide a claim."""

from __future__ import annotations

import pytest

from experiments.claims.verdict import FAILS, HOLDS, OPEN, RULES, UNMEASURED, line, of_claim, verdict


@pytest.mark.parametrize(
    ("direction", "low", "high", "p", "expected"),
    [
        ("more", 0.01, 0.05, 0.01, HOLDS),
        ("more", 0.01, 0.05, 0.06, OPEN),  # above 0, but not after Holm
        ("more", -0.01, 0.05, 0.01, OPEN),
        ("more", -0.05, -0.01, 0.01, FAILS),
        ("more", 0.0, 0.05, 0.01, OPEN),  # wholly above, not from 0 on
        ("more", None, None, None, OPEN),
        ("no less", -0.01, 0.01, 0.01, HOLDS),
        ("no less", -0.03, 0.01, 0.01, OPEN),
        ("no less", -0.05, -0.03, 0.01, FAILS),
        ("no less", -0.019, -0.001, 0.01, HOLDS),  # less beyond chance, and not by the margin
        ("no less", 0.05, 0.09, 0.2, OPEN),
        ("equal", -0.01, 0.01, 0.01, HOLDS),
        ("equal", -0.01, 0.03, 0.01, OPEN),
        ("equal", 0.03, 0.05, 0.01, FAILS),
        ("equal", -0.05, -0.03, 0.01, FAILS),
        ("equal", 0.001, 0.019, 0.01, HOLDS),
        ("equal", -0.01, 0.01, 0.06, OPEN),
    ],
)
def test_a_part_by_its_interval_at_a_margin_of_two_points(
    direction: str, low: float | None, high: float | None, p: float | None, expected: str
) -> None:
    assert verdict(direction, 0.0 if direction == "more" else 0.02, low, high, p) == expected


def test_two_seeds_tell_nothing() -> None:
    assert verdict("more", 0.0, 0.01, 0.05, 0.01, seeds=3) == HOLDS
    assert verdict("more", 0.0, 0.01, 0.05, 0.01, seeds=2) == OPEN


@pytest.mark.parametrize(
    ("direction", "value", "expected"),
    [("more", -0.5, 0.0), ("no less", 0.5, -0.02), ("equal", 0.01, 0.02), ("equal", -0.5, -0.02), ("equal", 0.0, 0.02)],
)
def test_the_line_is_drawn_by_the_claim_and_for_equal_the_nearer_one(
    direction: str, value: float, expected: float
) -> None:
    assert line(direction, 0.0 if direction == "more" else 0.02, value) == expected


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([HOLDS, HOLDS], HOLDS),
        ([HOLDS, OPEN], OPEN),
        ([HOLDS, UNMEASURED, OPEN], UNMEASURED),
        ([HOLDS, UNMEASURED, FAILS], FAILS),
        ([], OPEN),
    ],
)
def test_a_claim_by_its_parts(parts: list[str], expected: str) -> None:
    assert of_claim(parts) == expected


def test_the_printed_rule_names_each_verdict_and_direction() -> None:
    text = " ".join(RULES)
    for word in ("`more`", "`no less`", "`equal`", "hold", "inconclusive", "Holm"):
        assert word in text
