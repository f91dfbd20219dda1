"""The worst case over a named list of attacks: an example is robust only if it is under every one of them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from alumbench.attacks.outcome import ALREADY_WRONG, ATTACK_OUTCOMES, BROKEN, ERROR, ROBUST, SKIPPED, TIMEOUT
from alumbench.config import Positive, Slug
from alumbench.errors import AlumbenchError, shown, unknown
from alumbench.evaluation.entry import Entry
from alumbench.evaluation.seeds import main_records
from alumbench.evaluation.summary import UNDER_ATTACK, no_number, under_attack

Record = Mapping[str, Any]
#: The first that any member shows is the worst case's outcome.
WORST_FIRST = (ALREADY_WRONG, BROKEN, ERROR, TIMEOUT, ROBUST)
SKIP_BROKEN = "skip-broken:"
#: Parts of a signature that change no figure but those they take away or add.
HARMLESS = (SKIP_BROKEN, "seeds:", "cut@")
#: Before an ensemble's signature, its name as a column of tables.
WORST = "worst case "


@dataclass(frozen=True)
class Ensemble:
    """Attacks of a suite, under one name and version.

    Attributes:
        name: how tables call it.
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
        """Looks its members through.

        Raises:
            AlumbenchError: They are fewer than two, or one is there twice.
        """
        if len(self.entries) < 2 or len(set(self.entries)) < len(self.entries):
            raise AlumbenchError("entries has to name two or more attacks, each once")

    def among(self, entries: Sequence[Entry]) -> Ensemble:
        """The same with its members in the order of their suite.

        Args:
            entries: the suite's.

        Raises:
            AlumbenchError: It names an entry that is not there, is no attack on texts or looks for no other label, or
                entries that attack different examples.
        """
        known = {entry.name: entry for entry in entries}
        for name in self.entries:
            if name not in known:
                raise unknown("entry", name, known)
            if known[name].kind != "attack":
                raise AlumbenchError(f"entry {name} is of kind {known[name].kind}; members are attacks")
            if known[name].load_recipe().goal == "reduction":
                raise AlumbenchError(
                    f"entry {name} is a reduction: the label stays right, so it breaks nothing; take it out"
                )
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


def worst_case(records: Mapping[str, Sequence[Record]]) -> list[dict[str, Any]]:
    """One record an example: the worst of what the members' records say, under their first seed.

    Args:
        records: of each member.
    """
    found: dict[str, dict[str, Any]] = {}
    for of_member in records.values():
        for record in main_records(of_member):
            example = found.setdefault(record["id"], {"id": record["id"], "label": record["label"], "prediction": None})
            if "group" in record:
                example["group"] = record["group"]
            if example["prediction"] is None:
                example["prediction"] = record["prediction"]
            outcomes = {example.get("outcome", ROBUST), BROKEN if record["outcome"] == SKIPPED else record["outcome"]}
            example["outcome"] = min(outcomes, key=WORST_FIRST.index)
    return list(found.values())


def column_records(column: str, records: Mapping[str, Sequence[Record]], ensembles: Mapping[str, Any]) -> list[Record]:
    """One record an example of a table's column: of an entry, or the worst case of an ensemble's members.

    Args:
        column: name of an entry, or `worst case NAME@VERSION`.
        records: of each entry.
        ensembles: what `summarize_ensemble` gave, by signature.
    """
    if column.startswith(WORST):
        members = ensembles[column.removeprefix(WORST)]["members"]
        return list(worst_case({name: records.get(name, []) for name in members}))
    return main_records(records.get(column, []))


def as_entries(ensembles: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Finished ensembles in the form of entries, by the name of their column."""
    return {
        WORST + signature: {
            "kind": "ensemble",
            "signature": found["signature"],
            "members": found["members"],
            "complete": True,
            "summary": {"measures": found["measures"], "outcomes": found["outcomes"]},
        }
        for signature, found in ensembles.items()
        if found["complete"]
    }


def skipped(broken: Record, seed: int) -> dict[str, Any]:
    """The record's values of an example that is not attacked again.

    Args:
        broken: its record under the member that broke it.
        seed: the attack's.
    """
    nothing = {"adversarial": None, "adversarial_scores": None, "queries": 0, "queries_unique": 0}
    return {
        "outcome": SKIPPED,
        "scores": broken["scores"],
        "prediction": broken["prediction"],
        **nothing,
        "words": broken["words"],
        "words_changed": 0,
        "similarity": None,
        "seed": seed,
        "message": f"broken by {broken['entry']}",
        "seconds": 0.0,
    }


def broken_before(ensemble: Ensemble, entry: str, records: Sequence[Record]) -> dict[str, Record]:
    """Of the examples that members before `entry` have broken, the record that says so, by id."""
    if entry not in ensemble.entries:
        return {}
    before = set(ensemble.entries[: ensemble.entries.index(entry)])
    return {record["id"]: record for record in records if record["entry"] in before and record["outcome"] == BROKEN}


def summarize_ensemble(ensemble: Ensemble, entries: Mapping[str, Mapping[str, Any]], records: Sequence[Record]) -> Any:
    """An ensemble's part of `evaluation.json`.

    Args:
        ensemble: which.
        entries: the evaluation's entries so far, as `evaluation.json` has them.
        records: all records.

    Returns:
        Members, measures with n and interval, outcomes; each null with the reason while a member is not finished.
    """
    found: dict[str, Any] = {"members": list(ensemble.entries), "complete": True, "signature": ""}
    open_ = [name for name in ensemble.entries if name not in entries or not entries[name]["complete"]]
    if open_:
        reason = f"not finished: {', '.join(open_)}"
        measures = {name: no_number(reason) for name in UNDER_ATTACK}
        return found | {"complete": False, "measures": measures, "outcomes": None}
    worst = worst_case({name: [r for r in records if r["entry"] == name] for name in ensemble.entries})
    counts = Counter(record["outcome"] for record in worst)
    return found | {
        "signature": _signature(ensemble, [entries[name]["signature"] for name in ensemble.entries], len(worst)),
        "measures": under_attack(worst),
        "outcomes": {name: counts[name] for name in ATTACK_OUTCOMES},
    }


def _signature(ensemble: Ensemble, members: Sequence[str], n: int) -> str:
    """How the worst case was made: the same with and without `--skip-broken`, which saves work and changes nothing."""
    suite, how = members[0].partition("|")[0], []
    for member in members:
        parts = member.split("|")[1:]
        how.append("|".join(part for part in parts if not part.startswith(HARMLESS)))
    digest = hashlib.sha256("\n".join(how).encode()).hexdigest()[:12]
    return f"{suite}|worst:{ensemble.signature}|{'+'.join(ensemble.entries)}|made:{digest}|n:{n}"
