"""The material of an evaluation's records, as far as it is available here: examples, and the suite's entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alumbench.data import Example, Task, data_hash
from alumbench.data.source import DataOrigin
from alumbench.errors import AlumbenchError
from alumbench.evaluation.describe import describe
from alumbench.evaluation.ensembles import SKIP_BROKEN
from alumbench.evaluation.evaluate import CUT, load_entry
from alumbench.evaluation.one_attack import suite_of
from alumbench.evaluation.request import Request
from alumbench.evaluation.results import EntryResult, Identity, SuiteIdentity
from alumbench.evaluation.seeds import main_records
from alumbench.evaluation.stored import other_models
from alumbench.evaluation.suite import Suite, load_suite
from alumbench.evaluation.suite_entry import SuiteEntry
from alumbench.origins import Origin
from alumbench.records import Record


@dataclass(frozen=True)
class Material:
    """The material of an entry's records.

    Attributes:
        examples: by id.
        entry: the suite's; None if it is missing here or has changed.
        request: of the run.
        lacking: what is missing here, and why; '' if nothing is.
    """

    examples: Mapping[str, Example]
    entry: SuiteEntry | None
    request: Request | None
    lacking: str = ""


def of_suite(
    identity: Identity, described: EntryResult, name: str, task: Task, suites: Sequence[Suite] = ()
) -> Material:
    """The material of an entry, read again from the sources that its suite names.

    Args:
        identity: of the evaluation.
        described: the entry as it was run.
        name: the entry's.
        task: the evaluation's.
        suites: those that the user named; the Python files of other suites are not run.
    """
    try:
        request = _request(identity, suites)
        entry = next(e for e in request.suite.entries if e.name == name)
        examples, origins = load_entry(entry, task, request)
    except StopIteration:
        return Material({}, None, None, f"answers, labels, failed attacks: its suite no longer has an entry {name}")
    except AlumbenchError as error:
        why = _not_here(identity, described) or error
        return Material({}, None, None, f"answers, labels, failed attacks: {why}")
    suite = request.suite
    if suite.digest() != identity.suite.sha256 and data_hash(examples) != described.data_sha256:
        other = f"alumbench's suite {suite.name}@{suite.version} is not the one that was run"
        return Material({}, None, None, f"answers, labels, failed attacks: {other}")
    lacking = _otherwise(entry, request, task, examples, origins, identity, described)
    return Material({e.id: e for e in examples}, None if lacking else entry, request, lacking)


def of_records(
    identity: Identity,
    described: EntryResult,
    name: str,
    task: Task,
    records: Sequence[Record],
    suites: Sequence[Suite] = (),
) -> Material:
    """The material of an entry, from the texts in its records; arguments as `of_suite`."""
    examples = [
        Example(r.id, tuple((r.texts or {})[column] for column in task.columns), r.label, r.group)
        for r in main_records(records)
    ]
    by_id = {example.id: example for example in examples}
    try:
        request = _request(identity, suites)
        entry = next(e for e in request.suite.entries if e.name == name)
    except (StopIteration, AlumbenchError) as error:
        told = str(error) if identity.suite.origin else ""
        missing = f"alumbench has no suite {identity.suite.signature} with this entry"
        why = _not_here(identity, described) or told or missing
        return Material(by_id, None, None, f"failed attacks: {why}")
    lacking = _otherwise(entry, request, task, examples, [], identity, described)
    return Material(by_id, None if lacking else entry, request, lacking)


def _request(identity: Identity, suites: Sequence[Suite]) -> Request:
    suite = _suite(identity.suite, suites)
    if suite.version != identity.suite.version:
        raise AlumbenchError(f"suite {suite.name} has version {suite.version} here, not {identity.suite.version}")
    return Request(
        suite,
        attack_seed=identity.attack_seed,
        limit=identity.limit,
        labels=tuple(identity.labels or ()),
        protect=identity.protected,
    )


def _suite(recorded: SuiteIdentity, suites: Sequence[Suite]) -> Suite:
    """The suite that a record names: one that the user named, else one that can be loaded without running any file."""
    for suite in suites:
        if (suite.name, suite.digest()) == (recorded.name, recorded.sha256):
            return suite
    if recorded.attack is not None:
        return suite_of(recorded.attack, run_files=False)
    origin = Origin.read(recorded.origin or {})
    if not origin.file:
        return load_suite(recorded.name, run_files=False)
    where = f"its suite is the file {origin}"
    if not Path(origin.file).is_file():
        raise AlumbenchError(f"{where}, which is not on this machine; name it with --suite FILE")
    try:
        suite = load_suite(origin.file, run_files=False)
    except AlumbenchError as error:
        raise AlumbenchError(f"{where}; name it with --suite FILE ({error})") from None
    if suite.digest() != recorded.sha256:
        raise AlumbenchError(f"{where}, which has changed since")
    return suite


def _not_here(identity: Identity, described: EntryResult) -> str:
    """The package of an entry's suite, recipe or threat model, if it is missing here or has changed; '' if not."""
    named = {"suite": Origin.read(identity.suite.origin or {}), **described.origins}
    for what, origin in named.items():
        absent = origin.absent()
        if absent:
            return f"its {what} comes from another package: {absent}"
    return ""


def _otherwise(
    entry: SuiteEntry,
    request: Request,
    task: Task,
    examples: Sequence[Example],
    origins: Sequence[DataOrigin],
    identity: Identity,
    described: EntryResult,
) -> str:
    """Describes how an attack made here would differ from the recorded one; '' if it would not."""
    if entry.kind not in ("attack", "embedding"):
        return ""
    now = describe(entry, request, task, examples, origins)
    parts = [*now.signature.split("|"), *identity.scored_otherwise, CUT]
    other = [part for part in described.signature.split("|") if part not in parts]
    there = [part for part in other if not part.startswith(("data:", "n:", SKIP_BROKEN))]
    changes = other_models(described, now) or _not_here(identity, described) or ", ".join(there)
    return f"failed attacks: the attack is different here ({changes})" if changes else ""
