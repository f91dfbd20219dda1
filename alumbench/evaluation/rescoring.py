"""Checks that the recorded answers are the model's, and that attacks that failed fail again."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from alumbench.attacks.outcome import ALREADY_WRONG, BROKEN, ERROR, ROBUST, TIMEOUT
from alumbench.attacks.single_search import similarity
from alumbench.attacks.threat_models.threat_model import Spans, Texts
from alumbench.attacks.victim import Victim
from alumbench.attacks.victim_wrapper import VictimWrapper
from alumbench.data import data_hash
from alumbench.data.example import content_id
from alumbench.evaluation.contradictions import TIE, contradictions, contradictory
from alumbench.evaluation.document import RECORDS
from alumbench.evaluation.entry_runner import EntryRun
from alumbench.evaluation.material import Material, of_records
from alumbench.evaluation.membership import ENDED, Membership, claims_of_entry, disagreements, held_against_sets
from alumbench.evaluation.request import Request
from alumbench.evaluation.results import EntryResult, Identity
from alumbench.evaluation.stored import Stored
from alumbench.evaluation.suite import Suite
from alumbench.evaluation.suite_entry import SuiteEntry
from alumbench.records import Attacked, Record, as_json, seed_of
from alumbench.storage import RecordLog

#: Allowed difference in probability between a recorded answer and a new one: devices and libraries differ by less.
FAR = 0.01
#: If the two largest probabilities are closer than this, either answer is accepted.
CLOSE = 1e-5
#: Allowed difference of a recorded similarity, which is rounded.
ROUNDING = 1e-3
#: Outcomes of attacks that found nothing.
FAILED = (ROBUST, ERROR, TIMEOUT)
#: Share of the repeated attacks that may end differently, unless both runs were on a CPU in fp32. An attack that timed
#: out always may: it counts as not robust, and another machine may be faster.
MAY_DIFFER = 1 / 3


@dataclass(frozen=True)
class Sample:
    """A sample of the failed attacks, to be repeated.

    Attributes:
        size: the most attacks of each entry.
        seed: of the draw; unknown to whoever made the records.
    """

    size: int
    seed: int


@dataclass(frozen=True)
class Rescored:
    """The result of rescoring one entry.

    Attributes:
        entry: its name.
        answers: number of originals scored again.
        again: number of failed attacks that were repeated.
        fallen: records that do not hold, one line each, starting with the example's id.
        differ: repeated attacks that ended differently, where time, device or precision can be the reason.
        lacking: the reason why a check was left out; '' if none was.
        within: adversarial texts that were held against the set of the entry's threat model; None without one.
    """

    entry: str
    answers: int
    again: int
    fallen: tuple[str, ...]
    differ: tuple[str, ...]
    lacking: str
    within: int | None = None


def rescore_stored(
    stored: Stored, victim: Victim, sample: Sample | None, suites: Sequence[Suite] = ()
) -> list[Rescored]:
    """`rescore` for each entry of an evaluation whose records include the texts; `suites` as for `of_suite`."""
    identity = stored.document.identity
    found = []
    for name, described in stored.document.entries.items():
        records = stored.results.records.get(name, [])
        material = of_records(identity, described, name, victim.task, records, suites)
        found.append(rescore(name, described, records, material, victim, sample, is_exact(identity, victim)))
    excluded = list(disagreements(stored.document.entries, stored.results.records, TIE))
    return [
        replace(one, fallen=(*one.fallen, *(line for name, line in excluded if name == one.entry))) for one in found
    ]


def rescore(
    name: str,
    described: EntryResult,
    records: Sequence[Record],
    material: Material,
    victim: Victim,
    sample: Sample | None,
    exact: bool,
) -> Rescored:
    """Scores an entry's originals again, compares them with the data, and repeats some failed attacks.

    Args:
        name: the entry's.
        described: the entry as it was run.
        records: its records.
        material: the material of the records.
        victim: the model.
        sample: of the failed attacks; None for none.
        exact: True if both runs are on a CPU in fp32, where outcomes must be equal.
    """
    fallen = [
        f"{record.id}: {problem}"
        for record in records
        for problem in contradictions(record, described, victim.task.labels)
    ]
    fallen += claims_of_entry(described)
    if described.kind == "fixed":
        fallen += contradictory(records, victim.task.labels)
    within = None if described.threat_model is None else 0
    if not material.examples:
        lacking = material.lacking if within is None else f"membership, {material.lacking}"
        return Rescored(name, 0, 0, tuple(fallen), (), lacking, within)
    fallen += _unlike_the_data(described, records, material)
    outputs = len(victim.task.labels) or 1  # another number of scores is reported above
    scored = [r for r in records if r.id in material.examples and len(r.scores or ()) == outputs]
    if described.kind == "fixed" and material.entry is not None:
        fallen += _collapsed(scored, material.entry.collapse, victim.task.labels)
    fallen += _answers(scored, material, victim)
    members = _members(described, records, material, victim)
    fallen += [*members.fallen, *_miscounted(described, records, material, victim)]
    failed = [r for r in records if r.outcome in FAILED and r.id in material.examples] if sample else []
    again, lacking = 0, material.lacking if failed else ""
    ended: list[tuple[str, str]] = []
    if failed and sample and material.entry is not None and material.request is not None:
        lacking = "".join(f"failed attacks: {what}" for what in material.entry.missing()[:1])
        if not lacking:
            draw = np.random.default_rng(sample.seed).permutation(len(failed))[: sample.size]
            chosen = [failed[i] for i in sorted(draw)]
            facts = described.threat_model.facts if described.threat_model else None
            again, ended = len(chosen), _again(chosen, material.entry, material.request, material, victim, facts)
    late = [line for outcome, line in ended if outcome == TIMEOUT]
    differ = [line for outcome, line in ended if outcome != TIMEOUT]
    certain = differ if exact or len(differ) > max(1, again * MAY_DIFFER) else []
    differ = [*late, *(line for line in differ if line not in certain)]
    fallen += certain
    lacking = "; ".join(filter(None, (members.lacking, lacking)))
    within = None if within is None else members.texts
    return Rescored(name, len(scored), again, tuple(fallen), tuple(differ), lacking, within)


def is_exact(identity: Identity, victim: Victim) -> bool:
    """True if the evaluation and this process both score on a CPU in fp32."""
    return (
        identity.device.startswith("cpu") and victim.device.type == "cpu" and (identity.precision or "fp32") == "fp32"
    )


def _unlike_the_data(described: EntryResult, records: Sequence[Record], material: Material) -> list[str]:
    """Describes records whose example or label is not that of the data set."""
    found = []
    for record in records:
        example = material.examples.get(record.id)
        if example is None:
            found.append(f"{record.id}: is not an example of the data set")
        elif example.label != record.label:
            found.append(f"{record.id}: its label is {record.label}, the data set's is {example.label}")
        elif content_id(example.texts, example.label) != example.id.partition("-")[0]:
            found.append(f"{record.id}: its id is not the hash of its texts and label")
    if not found and described.complete and data_hash(list(material.examples.values())) != described.data_sha256:
        found.append(f"its examples are not those of the recorded hash {described.data_sha256[:12]}")
    return found


def _members(described: EntryResult, records: Sequence[Record], material: Material, victim: Victim) -> Membership:
    """Holds the records of an attack within a threat model against its sets."""

    def spans(texts: Texts) -> Spans:
        wrapper = VictimWrapper(victim, protected=described.protected or ())
        wrapper.begin(texts)
        return wrapper.spans

    attacked = [record for record in records if isinstance(record, Attacked)]
    columns, device = victim.task.columns, str(victim.device)
    return held_against_sets(described, attacked, material.examples, columns, spans, material.entry, device)


def _miscounted(described: EntryResult, records: Sequence[Record], material: Material, victim: Victim) -> list[str]:
    """Records whose words or edits are not those of their texts; a query budget per word is counted by the words."""
    if material.entry is None or described.kind != "attack":
        return []
    recipe, found = material.entry.load_recipe(), []
    for record in records:
        example = material.examples.get(record.id)
        if example is None or not isinstance(record, Attacked) or record.outcome not in ENDED:
            continue
        old = dict(zip(victim.task.columns, example.texts, strict=True))
        if described.queries_per_word and (words := recipe.words_in(old)) != record.words:
            found.append(f"{record.id}: recorded {record.words} words, it has {words}")
        found_text = record.adversarial or {}
        if found_text.keys() == old.keys():
            new = {column: found_text[column] for column in old}  # a record may have another order
            changed, alike = recipe.words_changed(old, new), similarity(*("\n".join(t.values()) for t in (old, new)))
            if changed != record.words_changed:
                found.append(f"{record.id}: recorded {record.words_changed} changed words, {changed} are changed")
            if record.similarity is None or abs(alike - record.similarity) > ROUNDING:
                found.append(f"{record.id}: recorded similarity {record.similarity}, it is {alike:.4f}")
    return found


def _collapsed(records: Sequence[Record], collapse: Mapping[str, str], labels: Sequence[str]) -> list[str]:
    """Describes records of a fixed set whose prediction is not the suite's label for the top-scoring answer."""
    found = []
    for record in records if labels else ():
        scores = record.scores or []
        answers = [label for label, score in zip(labels, scores, strict=True) if score >= max(scores) - TIE]
        if record.prediction not in {collapse.get(answer, answer) for answer in answers}:
            found.append(f"{record.id}: recorded {record.prediction}, its scores say {' or '.join(answers)}")
    return found


def _answers(records: Sequence[Record], material: Material, victim: Victim) -> list[str]:
    found = []
    texts = [material.examples[record.id].texts for record in records]
    for batch, logits in victim.predictions(texts):
        scores = logits if victim.task.is_regression else logits.softmax(-1)
        for number, now in zip(batch, scores.double().tolist(), strict=True):
            record = records[number]
            then = record.scores or []
            if victim.task.is_regression:
                if abs(now[0] - then[0]) > FAR * max(1.0, abs(then[0])):
                    found.append(f"{record.id}: scored {then[0]:.4g}, now {now[0]:.4g}")
                continue
            answer, recorded = int(np.argmax(now)), int(np.argmax(then))
            moved = max(abs(a - b) for a, b in zip(now, then, strict=True))
            if moved > FAR or now[answer] - now[recorded] > CLOSE:
                labels = victim.task.labels
                found.append(
                    f"{record.id}: recorded {labels[recorded]} ({then[recorded]:.4g}), "
                    f"the model says {labels[answer]} ({now[answer]:.4g})"
                )
    return found


def _again(
    chosen: Sequence[Record],
    entry: SuiteEntry,
    request: Request,
    material: Material,
    victim: Victim,
    facts: Mapping[str, str] | None,
) -> list[tuple[str, str]]:
    """Repeats failed attacks under their seeds; gives the recorded outcome and a line for each different end."""
    found: list[tuple[str, str]] = []
    once = replace(entry, seeds=1, seed_examples=0)
    for seed in sorted({_seed(record, request) for record in chosen}):
        mine = {record.id: record for record in chosen if _seed(record, request) == seed}
        examples = [material.examples[identity] for identity in mine]
        with tempfile.TemporaryDirectory() as folder, RecordLog[Record](Path(folder) / RECORDS, as_json) as log:
            under = replace(request, attack_seed=seed)
            run = EntryRun(once, examples, victim, under, log, lambda _: None, facts=facts)
            for now in run.records():
                then = mine[now.id]
                line = f"{now.id}: recorded {then.outcome}"
                if now.outcome in (BROKEN, ALREADY_WRONG):
                    found.append((then.outcome, f"{line}, the same attack breaks it"))
                elif now.outcome == then.outcome and not _like(_queries(then), _queries(now)):
                    line += f" after {_queries(then)} queries, the same attack needs {_queries(now)}"
                    found.append((then.outcome, line))
                elif now.outcome == then.outcome and _exhausted(then) and not _exhausted(now):
                    line += " with all members of its set scored, the same attack does not score them all"
                    found.append((then.outcome, line))
    return found


def _seed(record: Record, request: Request) -> int:
    seed = seed_of(record)
    return request.attack_seed if seed is None else seed


def _exhausted(record: Record) -> bool:
    return isinstance(record, Attacked) and record.searched is not None and record.searched.exhausted


def _queries(record: Record) -> int | None:
    return record.queries if isinstance(record, Attacked) else None


def _like(then: int | None, now: int | None) -> bool:
    """True if two numbers of queries can come from one search: near ties may change the number, but not by half."""
    return then is None or now is None or now <= 2 * then and then <= 2 * now
