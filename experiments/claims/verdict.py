"""The rule by which a comparison decides a claim. The claims page prints it."""

from __future__ import annotations

from collections.abc import Sequence

HOLDS, FAILS, OPEN, UNMEASURED = "holds", "does not hold", "inconclusive", "not measured yet"
#: Significance level for the corrected p.
LEVEL = 0.05
#: Fewest training seeds of a row for a verdict: one seed's luck is not a property of a method.
SEEDS = 3
#: The relations that a part may state between a row and the one it is compared with.
DIRECTIONS = ("more", "no less", "equal")

RULES = (
    "A part compares two rows in one column of one board, on the same examples. Its threshold is fixed before "
    "anything is measured: `more` at 0, `no less` by a margin m at -m, `equal` within m at -m and at +m.",
    "The difference has the board's own 95% interval over seeds and examples together (Multi-Bootstrap), and p is "
    "for the null hypothesis that the difference is at the threshold (for `equal`: at the nearer one), corrected "
    "over all parts of this page (Holm).",
    "`more` and `no less` hold if the whole interval is above the threshold and p is below .05; they do not hold if "
    "it is below the threshold and p is below .05. `equal` holds if the whole interval is between its thresholds, "
    "and does not hold if it is beyond one of them, again with p below .05. In all other cases, and with fewer than "
    "three training seeds per row, the result is inconclusive, and the smallest difference is given that the exact "
    "McNemar test detects at this n with 80% power if 15% of the answers differ. Finding no difference never counts "
    "as `equal`.",
    "Where two rows agree on every example, resampling shows no spread; the interval is then the exact one for a "
    "difference that occurred in none of n examples (Clopper and Pearson).",
    "A claim holds if all its parts hold, and does not hold if one part does not; it is not measured yet if a part "
    "is not, and inconclusive otherwise. All verdicts are about this page's scale: these models, these data and "
    "this n.",
)


def line(direction: str, margin: float, value: float) -> float:
    """The value that a difference is tested against; for `equal` the nearer of the two lines.

    Args:
        direction: one of `DIRECTIONS`.
        margin: a share, not below 0.
        value: the difference found.
    """
    if direction == "more":
        return 0.0
    return margin if direction == "equal" and value >= 0 else -margin


def verdict(
    direction: str, margin: float, low: float | None, high: float | None, p: float | None, seeds: int = SEEDS
) -> str:
    """The verdict on a part, from its interval and p.

    Args:
        direction: one of `DIRECTIONS`.
        margin: a share, not below 0.
        low: the interval's lower end, None without one.
        high: its upper end.
        p: corrected, for the null hypothesis that the difference is on the part's line.
        seeds: training seeds of each row.
    """
    if seeds < SEEDS:
        return OPEN
    if low is None or high is None or p is None or not p < LEVEL:
        return OPEN
    if direction == "equal":
        if -margin < low and high < margin:
            return HOLDS
        return FAILS if low > margin or high < -margin else OPEN
    at = line(direction, margin, 0.0)
    return HOLDS if low > at else FAILS if high < at else OPEN


def of_claim(parts: Sequence[str]) -> str:
    """The verdict on a claim, from those on its parts."""
    if FAILS in parts:
        return FAILS
    if UNMEASURED in parts:
        return UNMEASURED
    return HOLDS if parts and set(parts) == {HOLDS} else OPEN
