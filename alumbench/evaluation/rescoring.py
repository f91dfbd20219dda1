"""Are the recorded answers the model's, and do attacks that failed fail again? What the records alone cannot show."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from alumbench.attacks.outcome import ALREADY_WRONG, BROKEN, ERROR, ROBUST, TIMEOUT
from alumbench.attacks.victim import Victim
from alumbench.errors import AlumbenchError
from alumbench.evaluation.contradictions import TIE, contradictions, contradictory
from alumbench.evaluation.describe import describe
from alumbench.evaluation.document import RECORDS
from alumbench.evaluation.ensembles import SKIP_BROKEN
from alumbench.evaluation.entry import Entry
from alumbench.evaluation.entry_run import EntryRun
from alumbench.evaluation.evaluate import CUT, load_entry, missing
from alumbench.evaluation.request import Request
from alumbench.evaluation.seeds import main_records
from alumbench.evaluation.stored import Stored, other_models, scored_otherwise
from alumbench.evaluation.suite import load_suite
from alumbench.storage import RecordLog
from alumbench.tasks import Example, Task, data_hash
from alumbench.tasks.example import content_id

#: Probabilities by which a recorded answer may differ from today's: devices and libraries differ by less.
FAR = 0.01
#: Distance of the two largest probabilities below which an answer may be either of them.
CLOSE = 1e-5
#: Outcomes of attacks that found nothing.
FAILED = (ROBUST, ERROR, TIMEOUT)
#: Share of the attacks made again that may end otherwise where not both were made on a CPU in fp32. One that ran out of
#: time always may: it counts as not robust, and another machine is quicker.
MAY_DIFFER = 1 / 3

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Sample:
    """Which of the attacks that failed are made again.

    Attributes:
        size: of each entry at most so many.
        seed: of the draw, which whoever made the records cannot know.
    """

    size: int
    seed: int


@dataclass(frozen=True)
class Material:
    """What an entry's records were made of.

    Attributes:
        examples: by id.
        entry: the suite's, None where it is not here as it was.
        request: of the run.
        lacking: what is not here, and why; '' where all is.
    """

    examples: Mapping[str, Example]
    entry: Entry | None
    request: Request | None
    lacking: str = ""


@dataclass(frozen=True)
class Rescored:
    """How one entry's answers fare.

    Attributes:
        entry: which.
        answers: originals scored again.
        again: attacks that had failed and were made again.
        fallen: what does not hold, a line each that begins with the example's id.
        differ: attacks made again that ended otherwise, where time, a device or a precision can be the reason.
        lacking: why something was not done; '' where all was.
    """

    entry: str
    answers: int
    again: int
    fallen: tuple[str, ...]
    differ: tuple[str, ...]
    lacking: str


def of_suite(identity: Mapping[str, Any], described: Mapping[str, Any], name: str, task: Task) -> Material:
    """What an entry was made of, read anew from where its suite says.

    Args:
        identity: of the evaluation.
        described: the entry as it was run.
        name: the entry's.
        task: the evaluation's.
    """
    try:
        request = _request(identity)
        entry = next(e for e in request.suite.entries if e.name == name)
        examples, origins = load_entry(entry, task, request)
    except StopIteration:
        return Material({}, None, None, f"answers, labels, failed attacks: its suite has no entry {name} now")
    except AlumbenchError as error:
        return Material({}, None, None, f"answers, labels, failed attacks: {error}")
    suite = request.suite
    if suite.digest() != identity["suite"]["sha256"] and data_hash(examples) != described["data_sha256"]:
        other = f"alumbench's suite {suite.name}@{suite.version} is another one than was run"
        return Material({}, None, None, f"answers, labels, failed attacks: {other}")
    lacking = _otherwise(entry, request, task, examples, origins, identity, described)
    return Material({e.id: e for e in examples}, None if lacking else entry, request, lacking)


def of_records(
    identity: Mapping[str, Any], described: Mapping[str, Any], name: str, task: Task, records: Sequence[Record]
) -> Material:
    """What an entry was made of, from the texts in its records; arguments as `of_suite`."""
    examples = [
        Example(r["id"], tuple(r["texts"][column] for column in task.columns), r["label"], r.get("group", ""))
        for r in main_records(records)
    ]
    by_id = {example.id: example for example in examples}
    try:
        request = _request(identity)
        entry = next(e for e in request.suite.entries if e.name == name)
    except (StopIteration, AlumbenchError):
        suite = f"{identity['suite']['name']}@{identity['suite']['version']}"
        return Material(by_id, None, None, f"failed attacks: alumbench has no suite {suite} with this entry")
    lacking = _otherwise(entry, request, task, examples, [], identity, described)
    return Material(by_id, None if lacking else entry, request, lacking)


def rescore_stored(stored: Stored, victim: Victim, sample: Sample | None) -> list[Rescored]:
    """`rescore` for each entry of an evaluation, whose records have their texts."""
    identity = stored.document["identity"]
    found = []
    for name, described in stored.document["entries"].items():
        records = [record for record in stored.records if record["entry"] == name]
        material = of_records(identity, described, name, victim.task, records)
        found.append(rescore(name, described, records, material, victim, sample, is_exact(identity, victim)))
    return found


def rescore(
    name: str,
    described: Mapping[str, Any],
    records: Sequence[Record],
    material: Material,
    victim: Victim,
    sample: Sample | None,
    exact: bool,
) -> Rescored:
    """Scores an entry's originals again, holds them against the data, and makes some failed attacks again.

    Args:
        name: the entry's.
        described: the entry as it was run.
        records: its.
        material: what they were made of.
        victim: the model.
        sample: of the failed attacks; None for none.
        exact: whether both were made on a CPU in fp32, where outcomes are equal.
    """
    fallen = [
        f"{record['id']}: {problem}"
        for record in records
        for problem in contradictions(record, described, victim.task.labels)
    ]
    if described["kind"] == "fixed":
        fallen += contradictory(records, victim.task.labels)
    if not material.examples:
        return Rescored(name, 0, 0, tuple(fallen), (), material.lacking)
    fallen += _unlike_the_data(described, records, material)
    outputs = len(victim.task.labels) or 1  # another number of scores is told above
    scored = [r for r in records if r["id"] in material.examples and len(r.get("scores") or ()) == outputs]
    if described["kind"] == "fixed" and material.entry is not None:
        fallen += _collapsed(scored, material.entry.collapse, victim.task.labels)
    fallen += _answers(scored, material, victim)
    failed = [r for r in records if r["outcome"] in FAILED and r["id"] in material.examples] if sample else []
    again, lacking = 0, material.lacking if failed else ""
    ended: list[tuple[str, str]] = []
    if failed and sample and material.entry is not None and material.request is not None:
        lacking = "".join(f"failed attacks: {what}" for what in missing(material.entry)[:1])
        if not lacking:
            draw = np.random.default_rng(sample.seed).permutation(len(failed))[: sample.size]
            chosen = [failed[i] for i in sorted(draw)]
            again, ended = len(chosen), _again(chosen, material.entry, material.request, material, victim)
    late = [line for outcome, line in ended if outcome == TIMEOUT]
    differ = [line for outcome, line in ended if outcome != TIMEOUT]
    certain = differ if exact or len(differ) > max(1, again * MAY_DIFFER) else []
    differ = [*late, *(line for line in differ if line not in certain)]
    fallen += certain
    return Rescored(name, len(scored), again, tuple(fallen), tuple(differ), lacking)


def is_exact(identity: Mapping[str, Any], victim: Victim) -> bool:
    """Whether an evaluation and this process both score on a CPU in fp32."""
    return (
        str(identity["device"]).startswith("cpu")
        and victim.device.type == "cpu"
        and identity.get("precision", "fp32") == "fp32"
    )


def _request(identity: Mapping[str, Any]) -> Request:
    suite = load_suite(identity["suite"]["name"])
    if suite.version != identity["suite"]["version"]:
        raise AlumbenchError(
            f"suite {suite.name} is of version {suite.version} here, not {identity['suite']['version']}"
        )
    return Request(
        suite,
        seed=identity["seed"],
        limit=identity["limit"],
        labels=tuple(identity.get("labels", ())),
        protect=bool(identity["protected"]),
    )


def _otherwise(
    entry: Entry,
    request: Request,
    task: Task,
    examples: Sequence[Example],
    origins: list[dict[str, Any]],
    identity: Mapping[str, Any],
    described: Mapping[str, Any],
) -> str:
    """Where an attack made here would be another one than it was; '' where not."""
    if entry.kind not in ("attack", "embedding"):
        return ""
    now = describe(entry, request, task, examples, origins)
    parts = [*now["signature"].split("|"), *scored_otherwise(identity), CUT]
    other = [part for part in described["signature"].split("|") if part not in parts]
    there = [part for part in other if not part.startswith(("data:", "n:", SKIP_BROKEN))]
    changes = other_models(described, now) or ", ".join(there)
    return f"failed attacks: the attack is another one here ({changes})" if changes else ""


def _unlike_the_data(described: Mapping[str, Any], records: Sequence[Record], material: Material) -> list[str]:
    """Records whose example or label is not the data set's."""
    found = []
    for record in records:
        example = material.examples.get(record["id"])
        if example is None:
            found.append(f"{record['id']}: is no example of the data set")
        elif example.label != record["label"]:
            found.append(f"{record['id']}: its label is {record['label']}, the data set's is {example.label}")
        elif content_id(example.texts, example.label) != example.id.partition("-")[0]:
            found.append(f"{record['id']}: is not the hash of its texts and label")
    if not found and described["complete"] and data_hash(list(material.examples.values())) != described["data_sha256"]:
        found.append(f"its examples are not those of the recorded hash {described['data_sha256'][:12]}")
    return found


def _collapsed(records: Sequence[Record], collapse: Mapping[str, str], labels: Sequence[str]) -> list[str]:
    """Records of a fixed set whose prediction is not what the suite makes of the answer with the largest score."""
    found = []
    for record in records if labels else ():
        scores = record["scores"]
        answers = [label for label, score in zip(labels, scores, strict=True) if score >= max(scores) - TIE]
        if record["prediction"] not in {collapse.get(answer, answer) for answer in answers}:
            found.append(f"{record['id']}: recorded {record['prediction']}, its scores say {' or '.join(answers)}")
    return found


def _answers(records: Sequence[Record], material: Material, victim: Victim) -> list[str]:
    found = []
    texts = [material.examples[record["id"]].texts for record in records]
    for batch, logits in victim.predictions(texts):
        scores = logits if victim.task.is_regression else logits.softmax(-1)
        for number, now in zip(batch, scores.double().tolist(), strict=True):
            record = records[number]
            then = record["scores"]
            if victim.task.is_regression:
                if abs(now[0] - then[0]) > FAR * max(1.0, abs(then[0])):
                    found.append(f"{record['id']}: scored {then[0]:.4g}, now {now[0]:.4g}")
                continue
            answer, recorded = int(np.argmax(now)), int(np.argmax(then))
            moved = max(abs(a - b) for a, b in zip(now, then, strict=True))
            if moved > FAR or now[answer] - now[recorded] > CLOSE:
                labels = victim.task.labels
                found.append(
                    f"{record['id']}: recorded {labels[recorded]} ({then[recorded]:.4g}), "
                    f"the model says {labels[answer]} ({now[answer]:.4g})"
                )
    return found


def _again(
    chosen: Sequence[Record], entry: Entry, request: Request, material: Material, victim: Victim
) -> list[tuple[str, str]]:
    """Makes failed attacks again, under the seeds that they had: of those that end otherwise the outcome and a line."""
    found = []
    once = replace(entry, seeds=1, seed_examples=0)
    for seed in sorted({record.get("seed", request.seed) for record in chosen}):
        mine = {record["id"]: record for record in chosen if record.get("seed", request.seed) == seed}
        examples = [material.examples[identity] for identity in mine]
        with tempfile.TemporaryDirectory() as folder, RecordLog(Path(folder) / RECORDS) as log:
            run = EntryRun(once, examples, victim, replace(request, seed=seed), log, lambda _: None)
            for now in run.records():
                then = mine[now["id"]]
                line = f"{now['id']}: recorded {then['outcome']}"
                if now["outcome"] in (BROKEN, ALREADY_WRONG):
                    found.append((then["outcome"], f"{line}, the same attack breaks it"))
                elif now["outcome"] == then["outcome"] and not _like(then.get("queries"), now.get("queries")):
                    line += f" after {then['queries']} queries, the same attack needs {now['queries']}"
                    found.append((then["outcome"], line))
    return found


def _like(then: int | None, now: int | None) -> bool:
    """Whether two numbers of queries are of one search: a near tie can turn it, but not halve it."""
    return then is None or now is None or now <= 2 * then and then <= 2 * now
