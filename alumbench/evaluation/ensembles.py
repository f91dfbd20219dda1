"""The worst case over a named list of attacks: an example is robust only if it is under every one of them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from alumbench.attacks.outcome import ALREADY_WRONG, ATTACK_OUTCOMES, BROKEN, ERROR, ROBUST, SKIPPED, TIMEOUT
from alumbench.config import Positive, Slug
from alumbench.errors import AlumbenchError, shown, unknown
from alumbench.evaluation.results import WORST, ColumnResult, EnsembleResult, EntryResult
from alumbench.evaluation.seeds import main_records
from alumbench.evaluation.suite_entry import SuiteEntry
from alumbench.evaluation.summary import UNDER_ATTACK, undefined, under_attack
from alumbench.records import Attacked, Record, Worst

#: The worst case's outcome is the first of these that any member has.
WORST_FIRST = (ALREADY_WRONG, BROKEN, ERROR, TIMEOUT, ROBUST)
SKIP_BROKEN = "skip-broken:"
#: Parts of a signature that add or remove figures but change no others.
HARMLESS = (SKIP_BROKEN, "seeds:", "cut@")


@dataclass(frozen=True)
class Ensemble:
    """Attacks of a suite, under one name and version.

    Attributes:
        name: its name in tables.
        version: raised with every change.
        entries: names of the suite's entries, in the suite's order.
    """

    name: Slug
    version: Positive
    entries: tuple[str, ...]

    @property
    def signature(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"

    def check(self) -> None:
        """Checks its members.

        Raises:
            AlumbenchError: There are fewer than two, or one is listed twice.
        """
        if len(self.entries) < 2 or len(set(self.entries)) < len(self.entries):
            raise AlumbenchError("entries must name two or more attacks, each once")

    def among(self, entries: Sequence[SuiteEntry]) -> Ensemble:
        """The same with its members in the order of their suite.

        Args:
            entries: the suite's.

        Raises:
            AlumbenchError: It names an entry that does not exist, is not an attack on texts or does not look for
                another label, or its entries attack different examples.
        """
        known = {entry.name: entry for entry in entries}
        for name in self.entries:
            if name not in known:
                raise unknown("entry", name, known)
            if known[name].kind != "attack":
                raise AlumbenchError(f"entry {name} is of kind {known[name].kind}; members are attacks")
            if known[name].load_recipe().goal == "reduction":
                raise AlumbenchError(f"entry {name} is a reduction, which keeps the label; remove it")
        members = [entry for entry in entries if entry.name in self.entries]
        for member in members[1:]:
            for part in ("tasks", "source", "examples"):
                here, first = getattr(member, part), getattr(members[0], part)
                if here != first:
                    raise AlumbenchError(
                        f"{member.name} has {part} = {shown(repr(here), 80)}, {members[0].name} has "
                        f"{shown(repr(first), 80)}; members attack the same examples"
                    )
        return replace(self, entries=tuple(member.name for member in members))


def worst_case(records: Mapping[str, Sequence[Record]]) -> list[Worst]:
    """One record an example: the worst outcome among the members' records, under their first seed.

    Args:
        records: of each member.
    """
    found: dict[str, Worst] = {}
    for of_member in records.values():
        for record in main_records(of_member):
            before = found.get(record.id)
            outcomes = {before.outcome if before else ROBUST, BROKEN if record.outcome == SKIPPED else record.outcome}
            found[record.id] = Worst(
                entry="",
                id=record.id,
                label=before.label if before else record.label,
                group=record.group or (before.group if before else ""),
                prediction=record.prediction if before is None or before.prediction is None else before.prediction,
                outcome=min(outcomes, key=WORST_FIRST.index),  # type: ignore[arg-type]
            )
    return list(found.values())


def column_records(
    column: str, records: Mapping[str, Sequence[Record]], ensembles: Mapping[str, EnsembleResult]
) -> list[Record]:
    """One record an example of a table's column: of an entry, or the worst case of an ensemble's members.

    Args:
        column: name of an entry, or `worst case NAME@VERSION`.
        records: of each entry.
        ensembles: what `summarize_ensemble` gave, by signature.
    """
    if column.startswith(WORST):
        members = ensembles[column.removeprefix(WORST)].members
        return list(worst_case({name: records.get(name, []) for name in members}))
    return main_records(records.get(column, []))


def columns_of(entries: Mapping[str, EntryResult], ensembles: Mapping[str, EnsembleResult]) -> dict[str, ColumnResult]:
    """All possible columns of a table, by name: finished entries, then finished worst cases."""
    columns: dict[str, ColumnResult] = {name: entry for name, entry in entries.items() if entry.complete}
    return columns | {WORST + signature: found for signature, found in ensembles.items() if found.complete}


def skipped(broken: Attacked, entry: str, seed: int) -> Attacked:
    """The record of an example that is skipped because it is already broken.

    Args:
        broken: its record under the member that broke it.
        entry: the entry that skips it.
        seed: the attack's.
    """
    return Attacked(
        entry=entry,
        id=broken.id,
        texts=broken.texts,
        label=broken.label,
        group=broken.group,
        outcome="skipped",
        scores=broken.scores,
        prediction=broken.prediction,
        adversarial=None,
        adversarial_scores=None,
        queries=0,
        queries_unique=0,
        words=broken.words,
        words_changed=0,
        similarity=None,
        attack_seed=seed,
        message=f"broken by {broken.entry}",
        seconds=0.0,
    )


def broken_before(ensemble: Ensemble, entry: str, records: Sequence[Record]) -> dict[str, Attacked]:
    """Records of examples that members before `entry` have broken, by id."""
    if entry not in ensemble.entries:
        return {}
    before = set(ensemble.entries[: ensemble.entries.index(entry)])
    return {
        record.id: record
        for record in records
        if isinstance(record, Attacked) and record.entry in before and record.outcome == BROKEN
    }


def summarize_ensemble(
    ensemble: Ensemble, entries: Mapping[str, EntryResult], records: Sequence[Record]
) -> EnsembleResult:
    """An ensemble's part of `evaluation.json`.

    Args:
        ensemble: the ensemble.
        entries: the evaluation's entries so far, as `evaluation.json` has them.
        records: all records.

    Returns:
        Members, measures with n and interval, outcomes; each null with the reason while a member is not finished.
    """
    members = list(ensemble.entries)
    open_ = [name for name in members if name not in entries or not entries[name].complete]
    if open_:
        measures = {name: undefined(f"not finished: {', '.join(open_)}") for name in UNDER_ATTACK}
        return EnsembleResult(members=members, complete=False, signature="", measures=measures)
    worst = worst_case({name: [r for r in records if r.entry == name] for name in members})
    counts = Counter(record.outcome for record in worst)
    return EnsembleResult(
        members=members,
        complete=True,
        signature=_signature(ensemble, [entries[name].signature for name in members], len(worst)),
        measures=under_attack(worst),
        outcomes={name: counts[name] for name in ATTACK_OUTCOMES},
    )


def _signature(ensemble: Ensemble, members: Sequence[str], n: int) -> str:
    """Describes how the worst case was made; independent of `--skip-broken`, which saves work and changes no result."""
    suite, how = members[0].partition("|")[0], []
    for member in members:
        parts = member.split("|")[1:]
        how.append("|".join(part for part in parts if not part.startswith(HARMLESS)))
    digest = hashlib.sha256("\n".join(how).encode()).hexdigest()[:12]
    return f"{suite}|worst:{ensemble.signature}|{'+'.join(ensemble.entries)}|made:{digest}|n:{n}"
