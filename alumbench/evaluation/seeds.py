"""Attack seeds: an attack that draws can be run several times on some examples, to see how much its draws decide."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from alumbench.attacks.outcome import ROBUST
from alumbench.evaluation.summary import share

if TYPE_CHECKING:
    from alumbench.evaluation.entry import Entry
    from alumbench.evaluation.request import Request

Record = Mapping[str, Any]
#: An example's id and the seed it was attacked under, None where nothing was drawn.
Key = tuple[str, int | None]


def key_of(record: Record) -> Key:
    """What tells a record from the others of its entry."""
    return record["id"], record.get("seed")


def attack_seeds(entry: Entry, request: Request) -> dict[int, int | None]:
    """For each seed an attack is run under the number of its first examples that it is for, None for all.

    With `--skip-broken` the first seed is the only one: under the others, nothing says what an earlier attack broke.
    """
    more = 0 if request.skip_broken else entry.seeds - 1
    return {request.seed: None} | {request.seed + 1 + at: entry.seed_examples for at in range(more)}


def main_records(records: Sequence[Record]) -> list[Record]:
    """Those of an entry that its main figures are made of: under its first seed, one an example."""
    first = min((record["seed"] for record in records if "seed" in record), default=None)
    return [record for record in records if record.get("seed") == first]


def summarize_seeds(records: Sequence[Record]) -> dict[str, Any] | None:
    """Accuracy under attack seed by seed, on the examples that all seeds attacked; None with one seed.

    Args:
        records: of one attack.

    Returns:
        `accuracy_under_attack` of each seed with n and interval, their mean, sample standard deviation, least and
        greatest, and `worst`: the share of examples that are robust under every seed.
    """
    robust: dict[int, dict[str, bool]] = {}
    for record in records:
        robust.setdefault(record["seed"], {})[record["id"]] = record["outcome"] == ROBUST
    if len(robust) < 2:
        return None
    shared = set.intersection(*(set(examples) for examples in robust.values()))
    every = {seed: [examples[name] for name in shared] for seed, examples in sorted(robust.items())}
    values = [sum(each) / len(each) for each in every.values()]
    return {
        "n": len(shared),
        "accuracy_under_attack": {str(seed): share(sum(each), len(each)) for seed, each in every.items()},
        "mean": statistics.fmean(values),
        "sd": statistics.stdev(values),
        "min": min(values),
        "max": max(values),
        "worst": share(sum(map(all, zip(*every.values(), strict=True))), len(shared)),
    }
