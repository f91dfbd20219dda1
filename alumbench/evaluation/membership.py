"""Whether adversarial texts are in the set of the threat model that their attack was to stay in.

A record says how far its search came (`searched`). Where the originals are missing, as on boards, its claims are held
against each other and against those of other attacks on the same set. Where they are available, the set is built again
around each original, and its own predicate judges the adversarial text.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from alumbench.attacks.outcome import ALREADY_WRONG, BROKEN, ROBUST
from alumbench.attacks.threat_models.references import degree_in, load_threat_model, without_degree
from alumbench.attacks.threat_models.threat_model import (
    Member,
    PerturbationSet,
    Setting,
    Spans,
    Texts,
    ThreatModelAt,
    digest,
    most_steps,
)
from alumbench.data import Example
from alumbench.errors import AlumbenchError
from alumbench.evaluation.results import EntryResult
from alumbench.evaluation.suite_entry import SuiteEntry
from alumbench.records import Attacked, Record
from alumbench.registry import THREAT_MODELS, is_path

#: Outcomes of searches that came to an end.
ENDED = (ROBUST, BROKEN, ALREADY_WRONG)
#: Most members of a set that are made to check how many queries it takes to score them all.
MOST_MEMBERS = 20_000


def claims(record: Attacked, described: EntryResult) -> Iterator[str]:
    """Describes where a record's `searched` contradicts the record or its entry's threat model.

    Args:
        record: a record of an attack.
        described: its entry, as it was run.
    """
    searched, said, outcome = record.searched, described.threat_model, record.outcome
    if said is None:
        if searched is not None:
            yield "searched within a threat model, and its entry has none"
        return
    if searched is None:
        if outcome in ENDED:
            yield f"outcome {outcome} without what was searched of {said.signature}"
        return
    degree, largest = searched.degree, searched.largest
    if (outcome == BROKEN) != (degree is not None):
        yield f"outcome {outcome} {'without' if degree is None else 'with'} a degree"
    if degree is not None and not 1 <= degree <= largest:
        yield f"degree {degree}, the largest of its set is {largest}"
    try:
        allowed = most_steps(*degree_in(said.signature), searched.words)
    except ValueError:
        yield f"{said.signature} is not a threat model at a degree"
        return
    if largest > allowed:
        yield f"largest degree {largest}, {said.signature} allows {allowed}"
    if searched.reached is not None and not (degree or 0) <= searched.reached <= largest:
        yield f"texts of up to {searched.reached} steps were scored, with degree {degree} and largest degree {largest}"
    first, own = searched.queries_to_success, searched.reached is not None
    if first is not None and not (outcome == BROKEN and 2 <= first <= record.queries):
        yield f"outcome {outcome} after {record.queries} queries, with a success after {first}"
    if own and outcome == BROKEN and first is None:
        yield "does not say how many queries the success took"
    members = _members(described)
    if members and not own and outcome in ENDED:
        yield "does not say how many steps it tried"
    if (outcome == BROKEN and bool(members) or searched.by) and searched.by not in members:
        yield f"outcome {outcome}, found by {searched.by or 'no member of its attack'}"
    if searched.exhausted and outcome != ROBUST:
        yield f"outcome {outcome} with all members of the set scored and none misclassified"


def _members(described: EntryResult) -> list[str]:
    """The searches that the entry's attack combines, by its signature: `atk:standard@1(beam@1+charmer@1)`."""
    attack = next((part for part in described.signature.split("|") if part.startswith("atk:")), "")
    return [name.partition("@")[0] for name in attack.partition("(")[2].rstrip(")").split("+") if name]


def claims_of_entry(described: EntryResult) -> Iterator[str]:
    """Describes where an entry's threat model and limits are not those of its signature."""
    said, parts = described.threat_model, described.signature.split("|")
    facts = digest(said.facts) if said else ""
    expected = [] if said is None else [f"set:{said.signature}" + (f":{facts}" if facts else "")]
    if [part for part in parts if part.startswith("set:")] != expected:
        yield "its threat model and the facts of the data in it are not those of its signature"
    per_word = described.queries_per_word
    if [part for part in parts if part.startswith("qpw:")] != ([f"qpw:{per_word}"] if per_word else []):
        yield "its query budget per word is not that of its signature"


def disagreements(
    entries: Mapping[str, EntryResult], records: Mapping[str, Sequence[Record]], margin: float
) -> Iterator[tuple[str, str]]:
    """Where attacks of one model on the same sets exclude each other: entry, and what is wrong with it.

    The sets around an example are equal, so their largest degrees are; and where one attack has scored all members and
    found none misclassified, no other attack can have found one.

    Args:
        entries: by name.
        records: of each entry.
        margin: probability by which a label has to win to count as the model's answer.
    """
    alike: dict[str, list[str]] = {}
    for name, entry in entries.items():
        if entry.threat_model is not None:
            key = (entry.threat_model.signature, sorted(entry.threat_model.facts.items()), entry.protected)
            alike.setdefault(f"{key}{entry.data_sha256}", []).append(name)
    for names in alike.values():
        first: dict[str, tuple[str, int]] = {}
        exhausted: dict[str, str] = {}
        found = [(name, record) for name in names for record in records.get(name, [])]
        for name, record in found:
            searched = record.searched if isinstance(record, Attacked) else None
            if searched is None:
                continue
            other, largest = first.setdefault(record.id, (name, searched.largest))
            if largest != searched.largest:
                yield name, f"{record.id}: its set has {searched.largest} steps, in entry {other} {largest}"
            if searched.exhausted:
                exhausted.setdefault(record.id, name)
        for name, record in found:
            if record.id in exhausted and isinstance(record, Attacked) and _is_broken(record, margin):
                yield (
                    exhausted[record.id],
                    f"{record.id}: all members of its set scored and none misclassified, and {name} breaks it",
                )


@dataclass(frozen=True)
class Membership:
    """What holding records against their sets showed.

    Attributes:
        texts: adversarial texts that were held against their set.
        fallen: what is not as recorded, one line each, starting with the example's id where it is about one.
        lacking: what could not be checked, and why; '' if nothing.
    """

    texts: int
    fallen: tuple[str, ...]
    lacking: str = ""


def held_against_sets(
    described: EntryResult,
    records: Sequence[Attacked],
    examples: Mapping[str, Example],
    columns: Sequence[str],
    spans: Callable[[Texts], Spans],
    entry: SuiteEntry | None,
    device: str,
) -> Membership:
    """Builds the set around each available original again, and holds the records against it.

    Args:
        described: the entry, as it was run.
        records: its records.
        examples: the available originals, by id.
        columns: of their texts.
        spans: the part of each text that may change.
        entry: the suite's entry, None if it is missing here.
        device: the device of the set's own models.
    """
    said = described.threat_model
    if said is None:
        return Membership(0, ())
    texts, fallen = 0, []
    try:
        at = _available(described, entry)
        setting = Setting(said.facts, entry.models if entry else {}, device)
        known = [record for record in records if record.id in examples and record.outcome in ENDED and record.searched]
        for record in known:
            original = examples[record.id].texts
            members = at.around(original, spans(original), setting)
            fallen += [f"{record.id}: {problem}" for problem in _unlike(record, columns, members, at)]
            texts += record.outcome == BROKEN
        if known and described.complete and at.model.facts(list(examples.values())) != said.facts:
            fallen.append(f"the facts of its data ({', '.join(said.facts)}) are not those of {at.signature}")
    except AlumbenchError as error:
        return Membership(texts, tuple(fallen), f"membership in {said.signature}: {error}")
    return Membership(texts, tuple(fallen))


def _available(described: EntryResult, entry: SuiteEntry | None) -> ThreatModelAt:
    """The threat model of an entry, loaded without running a file that only the record names.

    Raises:
        AlumbenchError: It, or something that it needs, is not available here.
    """
    said = described.threat_model
    assert said is not None
    absent = described.origins["threat model"].absent()
    if absent:
        raise AlumbenchError(f"it comes from another package: {absent}")
    at = entry.load_threat_model() if entry else None
    if at is None:
        if is_path(THREAT_MODELS, without_degree(said.signature)):
            raise AlumbenchError("it is a file, which only a suite that you name runs: --suite FILE")
        at = load_threat_model(said.signature)
    missing = at.model.missing()
    if not missing and entry is None and at.model.required_models:
        missing = [f"models = {{ {name} = … }} of its suite" for name in at.model.required_models]
    if missing:
        raise AlumbenchError(f"needs {'; '.join(missing)}")
    return at


def _unlike(record: Attacked, columns: Sequence[str], members: PerturbationSet, at: ThreatModelAt) -> Iterator[str]:
    """Where a record's claims about the set differ from the set."""
    searched = record.searched
    assert searched is not None
    for what, said, is_ in (
        ("largest degree", searched.largest, members.largest),
        ("words", searched.words, members.words),
    ):
        if said != is_:
            yield f"recorded {what} {said}, its set has {is_}"
    if record.adversarial is not None:
        degree = members.degree_of(tuple(record.adversarial[column] for column in columns))
        if degree is None:
            yield f"its adversarial text is not in the set of {at.signature}"
        elif degree != searched.degree:
            yield f"recorded degree {searched.degree}, its adversarial text is {degree} steps from the original"
    if searched.exhausted and (fewest := _fewest_queries(members, record.queries)) > record.queries:
        yield f"all members of its set scored in {record.queries} queries, it takes at least {fewest}"


def _fewest_queries(members: PerturbationSet, enough: int) -> int:
    """Queries that it takes to score all members and the original, counted to a little more than `enough`.

    0 where texts as a whole must fit too, so that it takes a model to know which members count.
    """
    if type(members).admissible is not PerturbationSet.admissible:
        return 0
    limit, count, level = min(enough, MOST_MEMBERS), 1, [members.start()]
    for _ in range(members.largest):
        further: list[Member] = list(itertools.islice(_beyond(members, level), limit + 1))
        count += len(further)
        if count > limit or not further:
            break
        level = further
    return count


def _beyond(members: PerturbationSet, level: Sequence[Member]) -> Iterator[Member]:
    """Members one step further than any of `level`, each text once."""
    seen = {member.texts for member in level} | {members.original}
    for member in level:
        for position in members.positions(member):
            for step in members.steps(member, position):
                if step.texts not in seen:
                    seen.add(step.texts)
                    yield step


def _is_broken(record: Attacked, margin: float) -> bool:
    scores = record.adversarial_scores or ()
    return record.outcome == BROKEN and len(scores) > 1 and sorted(scores)[-1] - sorted(scores)[-2] > margin
