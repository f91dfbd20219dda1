"""Attack seeds: a randomized attack can run several times on some examples, to see how much its draws matter."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from alumbench.attacks.outcome import ROBUST
from alumbench.evaluation.results import SeedFigures
from alumbench.evaluation.summary import proportion_with_ci
from alumbench.records import Attacked, Record, seed_of

if TYPE_CHECKING:
    from alumbench.evaluation.request import Request
    from alumbench.evaluation.suite_entry import SuiteEntry

R = TypeVar("R", bound=Record)
#: An example's id and the seed it was attacked under, None if nothing was drawn.
Key = tuple[str, int | None]


def key_of(record: Record) -> Key:
    """The key that identifies a record within its entry."""
    return record.id, seed_of(record)


def attack_seeds(entry: SuiteEntry, request: Request) -> dict[int, int | None]:
    """The seeds of an attack, each with its number of examples, taken from the first; None for all.

    With `--skip-broken` only the first seed is used: under other seeds it is unknown what an earlier attack broke.
    """
    more = 0 if request.skip_broken else entry.seeds - 1
    return {request.attack_seed: None} | {request.attack_seed + 1 + at: entry.seed_examples for at in range(more)}


def main_records(records: Sequence[R]) -> list[R]:
    """The records for an entry's main figures: those under its first seed, one an example."""
    seeds = [seed for seed in map(seed_of, records) if seed is not None]
    first = min(seeds, default=None)
    return [record for record in records if seed_of(record) == first]


def summarize_seeds(records: Sequence[Record]) -> SeedFigures | None:
    """Accuracy under attack seed by seed, on the examples that all seeds attacked; None with one seed.

    Args:
        records: of one attack.

    Returns:
        The figures, with the sample standard deviation over seeds.
    """
    robust: dict[int, dict[str, bool]] = {}
    for record in records:
        if isinstance(record, Attacked):
            robust.setdefault(record.attack_seed, {})[record.id] = record.outcome == ROBUST
    if len(robust) < 2:
        return None
    shared = set.intersection(*(set(examples) for examples in robust.values()))
    every = {seed: [examples[name] for name in shared] for seed, examples in sorted(robust.items())}
    values = [sum(each) / len(each) for each in every.values()]
    return SeedFigures(
        n=len(shared),
        accuracy_under_attack={str(seed): proportion_with_ci(sum(each), len(each)) for seed, each in every.items()},
        mean=statistics.fmean(values),
        sd=statistics.stdev(values),
        min=min(values),
        max=max(values),
        worst=proportion_with_ci(sum(map(all, zip(*every.values(), strict=True))), len(shared)),
    )
