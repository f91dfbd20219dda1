"""One suite on one checkpoint: every example's outcome as a record, resumable at any point."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alumbench.attacks.victim import Victim
from alumbench.errors import AlumbenchError
from alumbench.evaluation.describe import describe
from alumbench.evaluation.document import EVALUATION, RECORDS, open_document
from alumbench.evaluation.ensembles import broken_before, summarize_ensemble
from alumbench.evaluation.entry import Entry
from alumbench.evaluation.entry_run import EntryRun, Progress
from alumbench.evaluation.model_checks import check_model, uses_gradients
from alumbench.evaluation.reliability import Flag, flags
from alumbench.evaluation.request import Request
from alumbench.evaluation.seeds import key_of, main_records, summarize_seeds
from alumbench.evaluation.stored import made_otherwise, scored_otherwise
from alumbench.evaluation.suite import Suite
from alumbench.evaluation.summary import summarize
from alumbench.evaluation.thresholds import Thresholds
from alumbench.evaluation.validity import judge, summarize_validity
from alumbench.storage import RecordLog, write_json
from alumbench.tasks import Example, Source, Task
from alumbench.tasks.kept import trained_on
from alumbench.tasks.loading import load_examples_from

#: In a signature: of the texts some are cut; words out of view are left alone, protected columns keep their tokens.
CUT = "cut@2"


def evaluate(request: Request, victim: Victim, out: Path, progress: Progress) -> dict[str, Any]:
    """Runs what is not yet recorded in `out` and writes `evaluation.json`.

    Args:
        request: what to run.
        victim: on whom.
        out: folder of the evaluation.
        progress: told how far it is.

    Returns:
        The content of `evaluation.json`.

    Raises:
        AlumbenchError: `out` holds an evaluation of something else, or an entry cannot run; what is done is kept.
    """
    task = victim.task
    entries = request.suite.entries_for(task, request.only, own_data=request.data is not None)
    lacking = [f"entry {entry.name}: {what}" for entry in entries for what in missing(entry)]
    if lacking:
        raise AlumbenchError(f"nothing was run: {'; '.join(lacking)}. --only runs other entries of the suite")
    with RecordLog(out / RECORDS) as log:
        document = open_document(request, victim, out)
        _check_order(request, task, entries, document)
        document.setdefault("flags", [])
        document.setdefault("reading", victim.reading())
        for note in document["reading"]["notes"]:
            print(f"note: {victim}: {note}", flush=True)
        if log.dropped:
            print(
                f"note: {log.path}: a torn last line of {log.dropped} bytes was dropped; that example is done again",
                flush=True,
            )
        tell = _Once()
        for entry in entries:
            examples, origins = load_entry(entry, task, request, tell)
            _tell_trained_on(victim.files.path, examples, origins, tell)
            described = describe(entry, request, task, examples, origins)
            described["signature"] = "|".join([described["signature"], *scored_otherwise(document["identity"])])
            known = document["entries"].get(entry.name)
            if known is not None:
                _check_same(f"{out}: entry {entry.name}", known, described)
                if "models" not in known:  # by an earlier version; which ones made its records is not known
                    described.pop("models", None)
            if entry.kind == "attack":
                before = (known or {}).get("white_box")
                recipe = entry.load_recipe()
                described["white_box"] = uses_gradients(recipe, victim, entry.parts) if before is None else before
            document["entries"][entry.name] = described
            if "model_checks" not in document:
                document["model_checks"] = check_model(victim, examples, entry.collapse)
            write_json(out / EVALUATION, document)
            broken = {}
            if request.skip_broken:
                broken = broken_before(request.suite.ensemble_to_skip_by(task), entry.name, log.records)
            records = EntryRun(entry, examples, victim, request, log, progress, broken).records()
            judged = described["goal"] == "untargeted" and judge(records, request.suite.validity, str(victim.device))
            log.sort(_place(request.suite, entry, records), changed=judged)
            summary = _summary(entry, task, records, request.suite.validity)
            cut = _truncated(records)
            if entry.kind == "attack" and any(record.get("truncated") for record in records):
                described["signature"] += f"|{CUT}"
            document["entries"][entry.name] |= {
                "complete": True,
                "summary": summary,
                "truncated": {"longest": victim.longest, "positions": victim.positions, **cut},
                "signature": described["signature"],
            }
            document["ensembles"] = {
                ensemble.signature: summarize_ensemble(ensemble, document["entries"], log.records)
                for ensemble in request.suite.ensembles_for(task)
            }
            document["flags"] = _flags(document, log.records, task)
            write_json(out / EVALUATION, document)
    return document


def _check_same(where: str, there: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Checks that an entry would go on as it was begun.

    Raises:
        AlumbenchError: It would not; what changed is named.
    """
    if there["data_sha256"] != now["data_sha256"]:
        raise AlumbenchError(
            f"{where}: data changed since it was begun ({there['data_sha256'][:12]} there, "
            f"{now['data_sha256'][:12]} now); give another --out"
        )
    changes = made_otherwise(there, now)
    if changes:
        raise AlumbenchError(
            f"{where}: cannot go on, changed since it was begun: {changes}. "
            f"Give another --out, or run with what was there"
        )


def _truncated(records: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many of an entry's texts, and of the adversarial ones made of them, are longer than what the model reads."""
    cut = [record.get("truncated", ()) for record in main_records(records)]
    return {"texts": sum("original" in names for names in cut), "adversarial": sum("adversarial" in c for c in cut)}


def _flags(document: Mapping[str, Any], records: Sequence[Mapping[str, Any]], task: Task) -> list[Flag]:
    finished = {name: entry for name, entry in document["entries"].items() if entry["complete"]}
    of_entries = {name: [record for record in records if record["entry"] == name] for name in finished}
    return flags(finished, of_entries, [document["model_checks"]], task.labels)


class _Once:
    """Prints a line, and the same line no second time."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def __call__(self, line: str) -> None:
        if line not in self._told:
            print(line, flush=True)
        self._told.add(line)


def _tell_trained_on(
    checkpoint: Path, examples: Sequence[Example], origins: list[dict[str, Any]], tell: Callable[[str], None]
) -> None:
    """Says and records how many of a user's examples the checkpoint was trained on."""
    if origins[0]["from"] != "file":
        return
    count = trained_on(checkpoint, examples)
    if count:
        origins[0]["trained_on"] = count
        tell(
            f"note: {count} of {len(examples)} examples of {Path(origins[0]['path']).name} were trained on; "
            f"figures on them say little about new texts"
        )


def missing(entry: Entry) -> list[str]:
    """What an attack needs and has not, and how it comes."""
    if entry.kind != "attack":
        return []
    recipe = entry.load_recipe()
    return recipe.missing() or recipe.check_parts(entry.parts)


def _check_order(request: Request, task: Task, entries: Sequence[Entry], document: Mapping[str, Any]) -> None:
    """With `--skip-broken` an attack needs what those before it have broken."""
    members = request.suite.ensemble_to_skip_by(task).entries if request.skip_broken else ()
    there = {entry.name for entry in entries}
    there |= {name for name, entry in document["entries"].items() if entry["complete"]}
    for at, name in enumerate(members):
        absent = [before for before in members[:at] if before not in there]
        if absent and name in {entry.name for entry in entries}:
            raise AlumbenchError(
                f"nothing was run: entry {name}: --skip-broken needs {', '.join(absent)} first; name it with --only too"
            )


def _summary(entry: Entry, task: Task, records: Sequence[Mapping[str, Any]], thresholds: Thresholds) -> dict[str, Any]:
    if entry.kind != "attack":
        return summarize(entry.kind, task, records)
    goal = entry.load_recipe().goal
    summary = summarize(entry.kind, task, main_records(records), goal)
    if goal == "untargeted":
        summary["validity"] = summarize_validity(records, thresholds)
    return summary | {"attack_seeds": summarize_seeds(records)}


def _place(suite: Suite, finished: Entry, records: Sequence[Mapping[str, Any]]) -> Callable[[Mapping[str, Any]], Any]:
    """Sorts records by entry, and those of the one that was just finished as they are given."""
    entries = {entry.name: at for at, entry in enumerate(suite.entries)}  # with one's own data `clean` may be none
    places = {key_of(record): at for at, record in enumerate(records)}

    def place(record: Mapping[str, Any]) -> tuple[int, int]:
        return entries.get(record["entry"], -1), places[key_of(record)] if record["entry"] == finished.name else 0

    return place


def load_entry(
    entry: Entry, task: Task, request: Request, say: Callable[[str], None] | None = None
) -> tuple[list[Example], list[dict[str, Any]]]:
    """The examples of an entry, drawn and cut as it and the request say, and where they came from; `say` is told.

    Raises:
        AlumbenchError: They cannot be had.
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
        why = str(error).removesuffix(".")
        raise AlumbenchError(
            f"entry {entry.name}: {why}. What is recorded is kept; --only runs other entries of the suite, "
            f"--data FILE takes your own examples"
        ) from error
    if entry.examples and len(examples) > entry.examples:
        # One draw for everybody: neither the run's seed nor the checkpoint changes which examples are attacked.
        drawn = np.random.default_rng(0).permutation(len(examples))[: entry.examples]
        examples = [examples[i] for i in sorted(drawn)]
    return (examples[: request.limit] if request.limit else examples), origins
