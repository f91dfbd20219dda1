"""The rule by which a comparison decides a claim. It is printed on the page that it decides."""

from __future__ import annotations

from collections.abc import Sequence

HOLDS, FAILS, OPEN, UNMEASURED = "holds", "does not hold", "cannot be told", "not measured yet"
#: Below this, a corrected p tells.
LEVEL = 0.05
#: With fewer training seeds of a row, nothing is told: a seed's luck is no property of a method.
SEEDS = 3
#: What a part may say of a row and the one it is held against.
DIRECTIONS = ("more", "no less", "equal")

RULES = (
    "A part compares two rows in one column of one board, on the same examples. It draws a line before anything is "
    "measured: `more` at 0, `no less` by a margin m at -m, `equal` within m at -m and at +m.",
    "The difference has the board's own 95% interval over seeds and examples together (Multi-Bootstrap), and p is for "
    "the difference being on the line (for `equal`: the nearer one), corrected over all parts of this page (Holm).",
    "`more` and `no less` hold where the whole interval is above the line and p is below .05; they do not hold where "
    "it is below the line and p is below .05. `equal` holds where the whole interval is between its lines, and does "
    "not where it is beyond one of them, again with p below .05. In all other cases, and with fewer than three "
    "training seeds a row, it cannot be told, and the "
    "smallest difference is given that the exact McNemar test finds at this n with 80% power where 15% of the answers "
    "differ. That no difference was found never counts as `equal`.",
    "Where two rows agree on every example, resampling shows no spread; the interval is then the exact one for a "
    "difference that none of n examples showed (Clopper and Pearson).",
    "A claim holds where all its parts hold and does not where one does not; it is not measured yet where a part is "
    "not, and cannot be told otherwise. That is about "
    "this page's scale: these models, these data and this n.",
)


def line(direction: str, margin: float, value: float) -> float:
    """What a difference is tested against; for `equal` the nearer of the two lines.

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
    """What an interval says of a part.

    Args:
        direction: one of `DIRECTIONS`.
        margin: a share, not below 0.
        low: the interval's lower end, None without one.
        high: its upper end.
        p: corrected, for the difference being on the part's line.
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
    """What the verdicts on its parts say of a claim."""
    if FAILS in parts:
        return FAILS
    if UNMEASURED in parts:
        return UNMEASURED
    return HOLDS if parts and set(parts) == {HOLDS} else OPEN
