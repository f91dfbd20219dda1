"""One suite on one checkpoint: every example's outcome as a record, resumable at any point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from alumbench.attacks.execution.job import Job
from alumbench.attacks.victim import Victim
from alumbench.data import Example, Source, Task
from alumbench.data.dataset import load_examples_from
from alumbench.data.kept import trained_on
from alumbench.data.source import DataOrigin
from alumbench.errors import AlumbenchError
from alumbench.evaluation.degrees import summarize_within
from alumbench.evaluation.describe import describe
from alumbench.evaluation.document import EVALUATION, RECORDS, open_document
from alumbench.evaluation.ensembles import broken_before, summarize_ensemble
from alumbench.evaluation.entry_runner import EntryRun, Progress
from alumbench.evaluation.model_checks import TEXTS, check_model, uses_gradients
from alumbench.evaluation.reliability_flags import flags
from alumbench.evaluation.request import Request
from alumbench.evaluation.results import Document, EntryResult, Flag, Reading, Summary, Truncated
from alumbench.evaluation.seeds import main_records, summarize_seeds
from alumbench.evaluation.stored import made_otherwise, typed_records
from alumbench.evaluation.suite import Suite
from alumbench.evaluation.suite_entry import SuiteEntry
from alumbench.evaluation.summary import summarize
from alumbench.evaluation.thresholds import Thresholds
from alumbench.evaluation.validity import judge, summarize_validity
from alumbench.records import Attacked, Record, Worst, as_json
from alumbench.storage import RecordLog, write_json

#: In a signature: some texts are cut; words cut off are not changed, and protected columns keep their tokens.
CUT = "cut@2"


def say_at_once(line: str) -> None:
    """Prints a line at once, even where the output is a pipe."""
    print(line, flush=True)


def evaluate(
    request: Request,
    victim: Victim,
    out: Path,
    progress: Progress,
    say: Callable[[str], None] = say_at_once,
) -> Document:
    """Makes the records that `out` lacks and writes `evaluation.json`.

    Args:
        request: what to run.
        victim: the model.
        out: folder of the evaluation.
        progress: called with the progress of an entry.
        say: called with one line about each thing to know about the model, the data and earlier records.

    Returns:
        The content of `evaluation.json`.

    Raises:
        AlumbenchError: `out` holds another evaluation, or an entry cannot run; finished records are kept.
    """
    task = victim.task
    entries = request.suite.entries_for(task, request.only, own_data=request.data is not None)
    lacking = [
        f"entry {entry.name}: {what}"
        for entry in entries
        for what in entry.missing() or without_gradient(entry, victim)
    ]
    if lacking:
        raise AlumbenchError(f"nothing was run: {'; '.join(lacking)}. --only runs other entries of the suite")
    if request.schedule.ray and victim.classifier is not None and any(entry.kind == "attack" for entry in entries):
        Job(victim.files, task, "", 0, classifier=victim.classifier).packed()  # before anything runs
    if victim.classifier is not None and not (out / EVALUATION).exists():
        # Errors of a function or an endpoint are reported before making a folder that a corrected one cannot resume.
        victim.scores([example.texts for example in load_entry(entries[0], task, request)[0][:TEXTS]])
    with RecordLog[Record](out / RECORDS, as_json) as log:
        document = open_document(request, victim, out)
        _check_order(request, task, entries, document)
        reading = document.reading or Reading(**victim.reading())
        document = replace(document, flags=document.flags or [], reading=reading)
        log.convert(partial(_typed, log.path, document))
        victim.take_scores_for(reading.scores)
        for note in reading.notes:
            say(f"note: {victim}: {note}")
        if log.dropped:
            say(
                f"note: {log.path}: an incomplete last line of {log.dropped} bytes was dropped; that example is "
                f"run again"
            )
        tell = _Once(say)
        for entry in entries:
            examples, origins = load_entry(entry, task, request, tell)
            origins = _with_trained_on(victim.files.path, examples, origins, tell)
            described = describe(entry, request, task, examples, origins)
            signature = "|".join([described.signature, *document.identity.scored_otherwise])
            described, known = replace(described, signature=signature), document.entries.get(entry.name)
            if known is not None:
                _check_same(f"{out}: entry {entry.name}", known, described)
                if known.models is None:  # by an earlier version; the models behind its records are unknown
                    described = replace(described, models=None)
            if entry.kind == "attack":
                white_box = None if known is None else known.white_box
                if white_box is None:
                    white_box = uses_gradients(entry, victim)
                described = replace(described, white_box=white_box)
            document = _with_entry(document, entry.name, described)
            if document.model_checks is None:
                document = replace(document, model_checks=check_model(victim, examples, entry.collapse))
                reading = replace(reading, **victim.scores_taken_for())
                document = replace(document, reading=reading)
            write_json(out / EVALUATION, document.to_json())
            broken = {}
            if request.skip_broken:
                broken = broken_before(request.suite.ensemble_to_skip_by(task), entry.name, log.records)
            done = [record for record in log.records if record.entry == entry.name]
            records = EntryRun(entry, examples, victim, request, log, progress, done, broken).records()
            if described.goal == "untargeted":
                attacked = [record for record in records if isinstance(record, Attacked)]
                records = list(judge(attacked, request.suite.validity, str(victim.device)))
            log.replace(_in_order(request.suite, entry, log.records, records))
            document = _with_entry(document, entry.name, _finished(entry, described, records, request, victim))
            ensembles = {
                ensemble.signature: summarize_ensemble(ensemble, document.entries, log.records)
                for ensemble in request.suite.ensembles_for(task)
            }
            document = replace(document, ensembles=ensembles)
            document = replace(document, flags=_flags(document, log.records))
            write_json(out / EVALUATION, document.to_json())
    return document


def _typed(path: Path, document: Document, lines: Sequence[object]) -> list[Record]:
    """The records of an evaluation that is resumed."""
    named = ((f"{path}, line {number}", line) for number, line in enumerate(lines, start=1))
    return [record for _, record in typed_records(named, document.entries, document.task.columns, EVALUATION)]


def _with_entry(document: Document, name: str, entry: EntryResult) -> Document:
    return replace(document, entries={**document.entries, name: entry})


def _finished(
    entry: SuiteEntry, described: EntryResult, records: Sequence[Record], request: Request, victim: Victim
) -> EntryResult:
    """An entry with the figures of all its records."""
    cut = [record.truncated for record in main_records(records) if not isinstance(record, Worst)]
    seen = not victim.unseen
    truncated = Truncated(
        longest=victim.longest,
        positions=victim.positions,
        texts=sum("original" in names for names in cut) if seen else None,
        adversarial=sum("adversarial" in names for names in cut) if seen else None,
        reason=victim.unseen,
    )
    signature, leaves_alone = described.signature, victim.classifier is None
    if leaves_alone and any(isinstance(record, Attacked) and record.truncated for record in records):
        signature += f"|{CUT}"
    summary = _summary(entry, victim.task, records, request.suite.validity)
    return replace(described, complete=True, summary=summary, truncated=truncated, signature=signature)


def _in_order(suite: Suite, finished: SuiteEntry, records: Sequence[Record], made: Sequence[Record]) -> list[Record]:
    """Records in the order of the entries; those of the entry just finished are replaced by `made`."""
    entries = {entry.name: at for at, entry in enumerate(suite.entries)}  # with one's own data `clean` may be missing
    others = [record for record in records if record.entry != finished.name]
    return sorted([*others, *made], key=lambda record: entries.get(record.entry, -1))


def _check_same(where: str, there: EntryResult, now: EntryResult) -> None:
    """Checks that an entry would be resumed unchanged.

    Raises:
        AlumbenchError: It would not; names what changed.
    """
    if there.data_sha256 != now.data_sha256:
        raise AlumbenchError(
            f"{where}: data changed since it was started ({there.data_sha256[:12]} there, "
            f"{now.data_sha256[:12]} now); give another --out"
        )
    changes = made_otherwise(there, now)
    for what, here in now.origins.items():
        if (before := there.origins[what]) != here:
            changes = f"the {what}'s file ({before} there, {here} now)"
    if changes:
        raise AlumbenchError(
            f"{where}: cannot resume, changed since it was started: {changes}. "
            f"Give another --out, or restore what it was started with"
        )


def _flags(document: Document, records: Sequence[Record]) -> list[Flag]:
    finished = {name: entry for name, entry in document.entries.items() if entry.complete}
    of_entries = {name: [record for record in records if record.entry == name] for name in finished}
    checks = [document.model_checks] if document.model_checks else []
    return flags(finished, of_entries, checks, document.task.labels)


class _Once:
    """Calls `say` with each line once; repeated lines are dropped."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._told: set[str] = set()

    def __call__(self, line: str) -> None:
        if line not in self._told:
            self._say(line)
        self._told.add(line)


def _with_trained_on(
    checkpoint: Path, examples: Sequence[Example], origins: Sequence[DataOrigin], tell: Callable[[str], None]
) -> list[DataOrigin]:
    """Reports and records the number of a user's examples that the checkpoint was trained on."""
    first, *others = origins
    count = trained_on(checkpoint, examples) if first.kind == "file" else 0
    if not count:
        return list(origins)
    tell(
        f"note: {count} of {len(examples)} examples of {Path(first.path or '').name} were trained on; "
        f"figures on them say little about new texts"
    )
    return [replace(first, trained_on=count), *others]


def without_gradient(entry: SuiteEntry, victim: Victim) -> list[str]:
    """The reason why a white-box entry cannot run on a victim without gradients; empty if it can."""
    why = victim.no_gradient
    if not why or entry.kind not in ("embedding", "attack"):
        return []
    if entry.kind == "embedding":
        return [f"it is white-box, and {victim} gives no gradient: {why}"]
    try:
        uses_gradients(entry, victim)
    except AlumbenchError as error:
        return [str(error)]
    return []


def _check_order(request: Request, task: Task, entries: Sequence[SuiteEntry], document: Document) -> None:
    """Checks that with `--skip-broken` the attacks before each attack have run or are to run."""
    members = request.suite.ensemble_to_skip_by(task).entries if request.skip_broken else ()
    there = {entry.name for entry in entries}
    there |= {name for name, entry in document.entries.items() if entry.complete}
    for at, name in enumerate(members):
        absent = [before for before in members[:at] if before not in there]
        if absent and name in {entry.name for entry in entries}:
            raise AlumbenchError(
                f"nothing was run: entry {name}: --skip-broken needs {', '.join(absent)} first; name it with --only too"
            )


def _summary(entry: SuiteEntry, task: Task, records: Sequence[Record], thresholds: Thresholds) -> Summary:
    if entry.kind != "attack":
        return summarize(entry.kind, task, records)
    goal, at = entry.load_recipe().goal, entry.load_threat_model()
    summary = summarize(entry.kind, task, main_records(records), goal)
    if goal == "untargeted":
        attacked = [record for record in records if isinstance(record, Attacked)]
        summary = replace(summary, validity=summarize_validity(attacked, thresholds))
    if at is not None:
        attacked = [record for record in main_records(records) if isinstance(record, Attacked)]
        summary = replace(summary, within=summarize_within(attacked, at.signature))
    return replace(summary, attack_seeds=summarize_seeds(records))


def load_entry(
    entry: SuiteEntry, task: Task, request: Request, say: Callable[[str], None] | None = None
) -> tuple[list[Example], list[DataOrigin]]:
    """An entry's examples, drawn and cut as the entry and the request say, and their origins; `say` takes notes.

    Raises:
        AlumbenchError: They cannot be loaded.
    """
    if entry.collapse and set(entry.collapse) != set(task.labels):
        raise AlumbenchError(
            f"entry {entry.name}: collapse names {', '.join(entry.collapse)}; the task has {', '.join(task.labels)}"
        )
    labels = tuple(dict.fromkeys(entry.collapse.values())) or task.labels
    if request.data is not None:
        sources: Sequence[Source] = [request.data]
    else:
        sources = entry.source or task.dev
    try:
        examples, origins = load_examples_from(sources, task.columns, labels, entry.group if entry.source else "", say)
    except AlumbenchError as error:
        if request.data is not None:  # the same for every entry
            raise
        why = str(error).removesuffix(".")
        raise AlumbenchError(
            f"entry {entry.name}: {why}. Finished records are kept; --only runs other entries of the suite, "
            f"--data FILE takes your own examples"
        ) from error
    if entry.examples and len(examples) > entry.examples:
        # One draw for everybody: neither the run's seed nor the checkpoint changes which examples are attacked.
        drawn = np.random.default_rng(0).permutation(len(examples))[: entry.examples]
        examples = [examples[i] for i in sorted(drawn)]
    return (examples[: request.limit] if request.limit else examples), origins
