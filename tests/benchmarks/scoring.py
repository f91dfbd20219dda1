"""Useful share of the tokens that searches compute, and a search in bf16 that is confirmed in fp32 against fp32's.

The useful share counts tokens of all models, a recipe's sentence encoder among them: those of texts over those of
batches, padding and filling included. `bf16-confirmed` and `fp32` alternate over rounds of examples; a ratio is the
median of the rounds'. Where nothing multiplies in bf16 the ratio says what the rounding costs.

Environment: `RECIPES`, `ROUNDS`, `EXAMPLES` a round, `IN_FLIGHT`, `BUDGET`, `DEVICE`, `CHECKPOINT`.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import Any

from alumbench.attacks import load_recipe
from alumbench.attacks.outcome import BROKEN, ROBUST, Outcome
from alumbench.attacks.search import Searcher
from alumbench.attacks.victim import Victim
from alumbench.data import Example
from alumbench.engine.precision import CONFIRMED
from alumbench.engine.scorer import BatchStats, Scorer
from tests.benchmarks.attack_speed import BUDGET, EXAMPLES, IN_FLIGHT, ROUNDS, measure

WAYS = {"fp32": ("fixed", "fp32"), "fp32 fast": ("fast", "fp32"), CONFIRMED: ("fixed", CONFIRMED)}


def run() -> dict[str, Any]:
    """Measures each recipe that is ready here."""
    return measure(_recipe)


def _recipe(name: str, victim: Victim, examples: Sequence[Example]) -> dict[str, Any]:
    searcher = Searcher(load_recipe(name), victim, 1, BUDGET)
    scorers = {way: Scorer(*how) for way, how in WAYS.items()}
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    found: dict[str, dict[str, Outcome]] = {way: {} for way in WAYS}

    def search(way: str, part: Sequence[Example]) -> dict[str, Outcome]:
        victim.scorer = scorers[way]
        return {example.id: outcome for example, outcome in searcher.run_all(part, IN_FLIGHT)}

    for way in WAYS:
        search(way, examples[-2:])  # warms up
        scorers[way].traffic = BatchStats()
    for number in range(ROUNDS):
        part = examples[number * EXAMPLES : (number + 1) * EXAMPLES]
        for way in [*WAYS][number % 3 :] + [*WAYS][: number % 3]:
            start = time.perf_counter()
            found[way] |= search(way, part)
            seconds[way].append(time.perf_counter() - start)
    traffic, exact = {way: scorer.traffic for way, scorer in scorers.items()}, found["fp32"]
    return {
        "n": len(exact),
        "queries": {way: sum(one.queries for one in every.values()) for way, every in found.items()},
        "useful_share": {way: round(one.useful, 3) for way, one in traffic.items()},
        "seconds": {way: round(sum(every), 2) for way, every in seconds.items()},
        "fp32_over": {way: _ratio(seconds["fp32"], every) for way, every in seconds.items() if way != "fp32"},
        "confirmed_in_fp32": round(traffic[CONFIRMED].confirmed / max(1, traffic[CONFIRMED].scored), 3),
        "accuracy_under_attack": {
            way: round(sum(one.outcome == ROBUST for one in every.values()) / len(every), 4)
            for way, every in found.items()
        },
        "same_outcome_as_fp32": {
            way: sum(one.outcome == exact[i].outcome for i, one in every.items()) for way, every in found.items()
        },
        "broken": {way: sum(one.outcome == BROKEN for one in every.values()) for way, every in found.items()},
    }


def _ratio(above: Sequence[float], below: Sequence[float]) -> float:
    return round(statistics.median(a / b for a, b in zip(above, below, strict=True)), 2)
