"""How close an attack comes to the worst case: its successes and queries against those of enumeration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from alumbench.attacks.outcome import BROKEN, ROBUST
from alumbench.evaluation.results import EntryResult, Measure
from alumbench.evaluation.summary import number, proportion_with_ci, undefined
from alumbench.records import Attacked, Record

#: The recipe that scores all members of a set.
ENUMERATION = "exhaustive"
OPTIMALITY, QUERY_SHARE = "optimality", "query_share"


class Optimality(NamedTuple):
    """An attack measured against enumeration of the same sets.

    Attributes:
        optimality: share of the examples that enumeration breaks which the attack breaks too. Their robust examples
            are not counted: an attack cannot break what no member of the set breaks.
        query_share: queries of the attack as a share of those of enumeration, on all examples that both attacked.
    """

    optimality: Measure
    query_share: Measure


def optimality(records: Sequence[Record], enumerated: Sequence[Record]) -> Optimality:
    """Measures an attack against enumeration.

    An example that enumeration did not finish within its budget is left out of the first figure, unless it broke it.

    Args:
        records: of the attack, one an example.
        enumerated: of enumeration of the same sets, one an example.
    """
    mine, exact = (
        {record.id: record for record in every if isinstance(record, Attacked) and record.outcome in (ROBUST, BROKEN)}
        for every in (records, enumerated)
    )
    ids = {record.id for record in records}  # an error or a timeout of the attack breaks nothing
    broken = [name for name, record in exact.items() if record.outcome == BROKEN and name in ids]
    both = mine.keys() & exact.keys()
    asked, all_ = (sum(every[name].queries for name in both) for every in (mine, exact))
    found = sum(name in mine and mine[name].outcome == BROKEN for name in broken)
    return Optimality(
        proportion_with_ci(found, len(broken)) if broken else undefined("enumeration breaks no example"),
        number(asked / all_, len(both)) if all_ else undefined("no example that both attacked"),
    )


def enumeration_of(name: str, entries: Mapping[str, EntryResult]) -> str | None:
    """The entry that enumerates the sets in which another attack searches, on the same examples; None without one.

    Args:
        name: the attack's entry.
        entries: all of one model, by name.
    """
    entry = entries.get(name)
    if entry is None or entry.threat_model is None or entry.goal != "untargeted":
        return None
    for other, found in entries.items():
        alike = (found.threat_model, found.data_sha256, found.protected) == (
            entry.threat_model,
            entry.data_sha256,
            entry.protected,
        )
        if other != name and alike and found.complete and _enumerates(found) and not _enumerates(entry):
            return other
    return None


def optimality_in(
    name: str, entries: Mapping[str, EntryResult], records: Mapping[str, Sequence[Record]]
) -> Optimality | None:
    """`optimality` of an entry, None where nothing enumerates its sets.

    Args:
        name: the attack's entry.
        entries: all of one model, by name.
        records: of each entry, one an example.
    """
    other = enumeration_of(name, entries)
    return None if other is None else optimality(records.get(name, []), records.get(other, []))


def _enumerates(entry: EntryResult) -> bool:
    return any(part.startswith(f"atk:{ENUMERATION}@") for part in entry.signature.split("|"))
