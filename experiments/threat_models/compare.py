"""`standard` beside each other attack within the same sets: `python -m experiments.threat_models.compare FOLDER…`.

Each folder is an evaluation of `searches.toml`; the examples of all are pooled. An attack's successes are paired with
those of `standard` by model and example.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tabulate import tabulate

from alumbench.attacks.outcome import BROKEN, ROBUST
from alumbench.evaluation.stored import Stored
from alumbench.records import Attacked
from alumbench.statistics.multiple import holm
from alumbench.statistics.paired import paired_difference

#: Attacks whose queries are compared with those of TextAttack's recipes.
OURS = ("standard", "quick", "charmer", "coordinate-gradient")
#: A model and an example.
Key = tuple[str, str]


class Try(NamedTuple):
    """One attack on one example.

    Attributes:
        broken: whether it succeeded.
        queries: queries until it did, or of the whole search.
        words: of the example.
    """

    broken: bool
    queries: int
    words: int


class Row(NamedTuple):
    """An attack beside `standard`.

    Attributes:
        attack: its name.
        n: examples that both attacked.
        rate: its attack success rate.
        difference: success rate of `standard` minus its own.
        only: successes that it alone has.
        only_standard: successes that `standard` alone has.
        p: exact McNemar p, Holm-adjusted over the attacks within the set.
    """

    attack: str
    n: int
    rate: float
    difference: float
    only: int
    only_standard: int
    p: float | None


def tries(records: Iterable[Attacked], model: str) -> dict[Key, Try]:
    """The searches that came to an end, by model and example."""
    return {(model, record.id): _try(record) for record in records if record.outcome in (BROKEN, ROBUST)}


def _try(record: Attacked) -> Try:
    first = record.searched.queries_to_success if record.searched else None
    return Try(record.outcome == BROKEN, first or record.queries, record.words)


def beside_standard(attacks: Mapping[str, Mapping[Key, Try]]) -> list[Row]:
    """Each attack beside `standard`, on the examples that both attacked."""
    rows = []
    ours = attacks["standard"]
    for name, theirs in attacks.items():
        if name != "standard" and (shared := sorted(ours.keys() & theirs.keys())):
            a, b = ({str(key): every[key].broken for key in shared} for every in (theirs, ours))
            found = paired_difference(a, b)
            rate = sum(a.values()) / len(a)
            rows.append(Row(name, found.n, rate, found.difference or 0.0, found.only_a, found.only_b, found.p))
    adjusted = holm({row.attack: row.p for row in rows})
    return [row._replace(p=adjusted.p[row.attack]) for row in rows]


def query_ratio(ours: Mapping[Key, Try], theirs: Mapping[Key, Try]) -> float | None:
    """Queries with which ours has as many successes as theirs in the end, as a share of theirs; None if it never has.

    Ours is stopped at the least number of queries per word, equal for all examples, that gives as many successes.
    """
    shared = sorted(ours.keys() & theirs.keys())
    wanted = sum(theirs[key].broken for key in shared)
    limits = sorted(ours[key].queries / ours[key].words for key in shared if ours[key].broken)
    if not wanted or len(limits) < wanted:
        return None
    spent = sum(min(ours[key].queries, limits[wanted - 1] * ours[key].words) for key in shared)
    return spent / sum(theirs[key].queries for key in shared)


def read(folders: Sequence[Path]) -> dict[str, dict[str, dict[Key, Try]]]:
    """By threat model and recipe, every try in these evaluations."""
    found: dict[str, dict[str, dict[Key, Try]]] = {}
    for folder in folders:
        results = Stored.read(folder).results
        for name, entry in results.entries.items():
            if entry.threat_model is not None and entry.complete:
                records = [record for record in results.records[name] if isinstance(record, Attacked)]
                (attack,) = (part for part in entry.signature.split("|") if part.startswith("atk:"))
                recipe = attack.removeprefix("atk:").partition("@")[0]
                found.setdefault(entry.threat_model.signature, {}).setdefault(recipe, {}).update(
                    tries(records, folder.name)
                )
    return found


def main(folders: Sequence[Path]) -> None:
    """Prints both tables for each threat model."""
    for threat_model, attacks in read(folders).items():
        ours = attacks["standard"]
        rate = sum(one.broken for one in ours.values()) / len(ours)
        print(f"\n{threat_model}: standard breaks {100 * rate:.1f}% of {len(ours)} ({len(folders)} models)\n")
        table = [
            (
                row.attack,
                row.n,
                f"{100 * row.rate:.1f}",
                f"{100 * row.difference:+.1f}",
                row.only,
                row.only_standard,
                f"{row.p:.2g}",
                *(_ratio(attacks.get(name), attacks[row.attack]) for name in OURS),
            )
            for row in beside_standard(attacks)
        ]
        head = ("attack", "n", "success %", "standard - it", "only it", "only standard", "p (Holm)")
        print(
            tabulate(table, (*head, *(f"queries: {name}" for name in OURS)), tablefmt="github", disable_numparse=True)
        )


def _ratio(ours: Mapping[Key, Try] | None, theirs: Mapping[Key, Try]) -> str:
    found = query_ratio(ours, theirs) if ours and ours is not theirs else None
    return "—" if found is None else f"{found:.2f}"


if __name__ == "__main__":
    main([Path(folder) for folder in sys.argv[1:]])
