"""R17: NaN and infinity are refused everywhere, by name."""

from __future__ import annotations

import re

import pytest

from alumbench.statistics import (
    Attempt,
    detectable_difference,
    effective_robustness,
    holm,
    multi_bootstrap_difference,
    multi_bootstrap_mean,
    paired_bootstrap,
    paired_difference,
    proportion,
    relative_drop,
    success_within,
    tied_ranks,
)

RIGHT = {"x": True, "y": False}
MODELS = {f"m{i}": 0.5 + i / 20 for i in range(9)}
BAD = [float("nan"), float("inf"), float("-inf")]

#: What a bad value is put into, and the name that the refusal has to have.
CASES = {
    "proportion": (lambda bad: proportion(bad, 5), "{} of 5"),
    "paired a": (lambda bad: paired_difference({"x": bad}, {"x": True}), "a['x'] is {}"),
    "paired b": (lambda bad: paired_difference({"x": True}, {"x": bad}), "b['x'] is {}"),
    "bootstrap a": (lambda bad: paired_bootstrap(RIGHT | {"y": bad}, RIGHT), "a['y'] is {}"),
    "bootstrap b": (lambda bad: paired_bootstrap(RIGHT, RIGHT | {"y": bad}), "b['y'] is {}"),
    "bootstrap confidence": (lambda bad: paired_bootstrap(RIGHT, RIGHT, confidence=bad), "confidence is {}"),
    "bootstrap draws": (lambda bad: paired_bootstrap(RIGHT, RIGHT, draws=bad), "draws is {}"),
    "mean": (lambda bad: multi_bootstrap_mean({7: RIGHT, 8: RIGHT | {"x": bad}}), "runs[8]['x'] is {}"),
    "difference": (
        lambda bad: multi_bootstrap_difference({7: RIGHT}, {7: RIGHT | {"x": bad}}, paired_seeds=False),
        "b[7]['x'] is {}",
    ),
    "holm": (lambda bad: holm({"cell": bad}), "p['cell'] is {}"),
    "power": (lambda bad: detectable_difference(100, bad), "discordance is {}"),
    "rank value": (lambda bad: tied_ranks({"r": bad}, {}), "values['r'] is {}"),
    "rank p": (lambda bad: tied_ranks({"r": 1, "s": 2}, {("r", "s"): bad}), "p[('r', 's')] is {}"),
    "budget": (lambda bad: success_within([Attempt(True, 3)], [bad]), "budget is {}"),
    "limit": (lambda bad: success_within([Attempt(True, 3)], limit=bad), "limit is {}"),
    "queries": (lambda bad: success_within([Attempt(True, bad)]), "attempts[0].queries is {}"),
    "broken": (lambda bad: success_within([Attempt(bad, 3)]), "attempts[0].broken is {}"),
    "drop clean": (lambda bad: relative_drop({"x": bad}, {"x": True}), "clean['x'] is {}"),
    "drop adversarial": (lambda bad: relative_drop({"x": True}, {"x": bad}), "adversarial['x'] is {}"),
    "line clean": (lambda bad: effective_robustness(MODELS | {"m3": bad}, MODELS, MODELS, 9, 9), "clean['m3'] is {}"),
    "line shifted": (
        lambda bad: effective_robustness(MODELS, MODELS | {"m3": bad}, MODELS, 9, 9),
        "shifted['m3'] is {}",
    ),
    "line n": (lambda bad: effective_robustness(MODELS, MODELS, MODELS, bad, 9), "n_clean is {}"),
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("case", CASES)
def test_what_is_not_finite_is_refused_by_name(case, bad):
    call, name = CASES[case]
    with pytest.raises(ValueError, match="^" + re.escape(name.format(bad))):
        call(bad)


@pytest.mark.parametrize("missing", [None, "yes", [1, 2]])
def test_what_is_no_number_is_refused_by_name(missing):
    with pytest.raises(ValueError, match=re.escape("a['y'] is")):
        paired_bootstrap(RIGHT | {"y": missing}, RIGHT)


def test_confidence_in_percent_is_refused():
    with pytest.raises(ValueError, match="confidence is 95"):
        paired_bootstrap(RIGHT, RIGHT, confidence=95)
