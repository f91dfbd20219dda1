"""Loads the model that a command or a Python call names, for its task, with the data to evaluate it on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from alumbench.attacks.execution.run import ExecutionConfig
from alumbench.attacks.text_victim import TextVictim, victim_of_classifier
from alumbench.attacks.victim import BATCH_SIZE, Victim
from alumbench.bfloat16 import has_bf16_arithmetic
from alumbench.data import Source, Task, load_task
from alumbench.data.from_files import own_examples
from alumbench.data.inferred import infer_task
from alumbench.engine.scorer import Scorer
from alumbench.errors import AlumbenchError
from alumbench.evaluation.one_attack import suite_of
from alumbench.evaluation.options import DEFAULT_SUITE, RESULTS, EvaluationOptions
from alumbench.evaluation.request import Request
from alumbench.evaluation.stored import EVALUATIONS, Stored
from alumbench.evaluation.suite import Suite, load_suite
from alumbench.evaluation.verify import check_model
from alumbench.models.checkpoint import PROVENANCE, ModelFiles, checkpoint_task
from alumbench.models.classifier import Classifier, ClassifierFiles
from alumbench.models.huggingface import own_labels
from alumbench.models.redaction import redacted, without_secrets
from alumbench.models.resolve import CALLABLE, CAUSAL_LM, CHECKPOINT, HTTP, ModelOptions, kind_of, resolve
from alumbench.storage import file_name


@dataclass(frozen=True)
class Opened:
    """A model, its request, and the folder of the records.

    Attributes:
        victim: the model.
        request: what to run.
        folder: of the evaluation.
        has_own_folder: True if that folder is inside the model's own folder.
    """

    victim: Victim
    request: Request
    folder: Path
    has_own_folder: bool


def open_evaluation(
    model: str | Path | Classifier,
    options: EvaluationOptions,
    out: Path | None = None,
    say: Callable[[str], None] = print,
) -> Opened:
    """The model, its task, and the data to evaluate it on.

    Args:
        model: a folder, a hub id, `module:function`, an address, or a classifier object.
        options: the settings of the evaluation.
        out: folder of the evaluation; None for one in the model's own, or below `RESULTS`.
        say: called with one line about each setting that was inferred and not given.

    Raises:
        AlumbenchError: The model is not found, its task is unknown, or the suite has no entry for it.
    """
    attack = options.attack()
    suite = suite_of(attack) if attack else load_suite(options.suite or DEFAULT_SUITE)
    if attack:
        say(f"attack: {suite.title}")
    elif not options.suite:
        say(f"suite: {suite.name}@{suite.version} ({suite.title}); --suite names another")
    if options.values and options.data is None:
        raise AlumbenchError("VALUE=NAME in --labels is for the values of --data")
    named = model if isinstance(model, str | Path) else None
    name = str(model) if named is not None else model.identity.name  # type: ignore[union-attr]
    kind = "" if named is None else kind_of(name, options.model)
    victim, data = _load(name, kind, None if named is not None else model, suite, options, say)  # type: ignore[arg-type]
    home = _home(name, kind) if named is not None else None
    if options.precision.startswith("bf16") and not has_bf16_arithmetic(victim.device):
        say(f"--precision {options.precision}: {victim.device.type} has no bf16 arithmetic here, so it saves no time")
    folder = home or Path(RESULTS) / file_name(_plain_name(name, kind)) / EVALUATIONS
    request = Request(
        suite=suite,
        attack_seed=options.attack_seed,
        limit=options.limit,
        only=options.only,
        data=data,
        labels=options.model.labels,
        protect=options.protect,
        skip_broken=options.skip_broken,
        schedule=ExecutionConfig(options.in_flight, options.workers, options.ray),
    )
    return Opened(victim, request, out or folder / options.folder_name(suite.name), home is not None)


def _load(
    name: str,
    kind: str,
    given: Classifier | None,
    suite: Suite,
    options: EvaluationOptions,
    say: Callable[[str], None],
) -> tuple[Victim, Source | None]:
    found: ModelFiles | Classifier | None = given
    if kind in (CHECKPOINT, CALLABLE):
        found = resolve(name, options.model, say=say)
    files = found if isinstance(found, ModelFiles) else None
    names = options.model.labels or (() if found is None or isinstance(found, ModelFiles) else tuple(found.labels))
    task, data = _task_and_data(name, files, options, names, say)
    suite.entries_for(task, options.only, own_data=data is not None)  # before anything is loaded
    scorer, device, hard = Scorer(options.scoring, options.precision), options.model.device, options.model.hard_labels
    if files is not None:
        return Victim(files, task, device, options.model.labels, options.batch_size, scorer, hard), data
    classifier = found if found is not None else resolve(name, options.model, task.columns, say)
    assert not isinstance(classifier, ModelFiles)
    victim = victim_of_classifier(classifier, task, device, options.batch_size, scorer)
    victim.hard_labels = victim.hard_labels or hard
    return victim, data


def _task_and_data(
    name: str,
    files: ModelFiles | None,
    options: EvaluationOptions,
    labels: Sequence[str],
    say: Callable[[str], None],
) -> tuple[Task, Source | None]:
    """The task of a model and the user's own examples for it; both from the data's columns if no task is named."""
    columns, label_column = options.text_columns, options.label_column
    names = labels or (own_labels(files) if files is not None else ())
    if options.task:
        task = load_task(options.task)
    elif files is not None and ((files.path / PROVENANCE).is_file() or not options.data):
        task = checkpoint_task(files)
    elif not options.data:
        raise AlumbenchError(f"{without_secrets(name)}: its task is unknown; give --data FILE, or name it with --task")
    elif not names:
        raise AlumbenchError(f"{without_secrets(name)}: name its outputs in their order: --labels negative,positive")
    else:
        found = infer_task(
            options.data,
            names,
            columns=columns,
            label_column=label_column,
            values=options.values,
            delimiter=options.delimiter,
            encoding=options.encoding,
        )
        say(found.line)
        task, label_column, columns = found.task, found.label_column, found.task.columns
    if options.data is None:
        return task, None
    return task, own_examples(
        task,
        options.data,
        columns=columns,
        values=options.values,
        label_column=label_column,
        delimiter=options.delimiter,
        encoding=options.encoding,
    )


def _home(name: str, kind: str) -> Path | None:
    """The folder of evaluations in a model's own folder, None if it has no folder."""
    return Path(name) / EVALUATIONS if kind != CAUSAL_LM and Path(name).is_dir() else None


def _plain_name(name: str, kind: str) -> str:
    return (redacted(name).partition("://")[2] if kind == HTTP else name).removesuffix("?…")


def recorded_victim(stored: Stored, name: str | None, device: str, reached: ModelOptions) -> Victim:
    """The function, endpoint or causal LM of an evaluation, given again.

    Args:
        stored: the evaluation.
        name: its name or address now; None if unchanged.
        device: auto, cpu or cuda.
        reached: how to reach an endpoint now.

    Raises:
        AlumbenchError: It is a different one now.
    """
    identity, task = stored.document.identity, stored.document.task
    recorded = identity.classifier or {}
    said = ModelOptions.of_record(recorded, identity.labels or (), bool(identity.hard_labels), device)
    said = replace(said, http=replace(reached.http, format=said.http.format, version=said.http.version))
    name = name or recorded["name"]
    if name.endswith("?…"):
        raise AlumbenchError(
            f"{stored.folder}: the query string of its address is not recorded; give it with --checkpoint"
        )
    classifier = resolve(name, said, task.columns)
    if isinstance(classifier, ModelFiles):
        raise AlumbenchError(f"{name}: is a checkpoint, but {stored.folder} was made with a {recorded['kind']}")
    return given_victim(stored, classifier, device)


def given_victim(stored: Stored, classifier: Classifier, device: str = "auto") -> Victim:
    """A victim for the classifier of an evaluation, with the recorded settings.

    Raises:
        AlumbenchError: It is a different one.
    """
    identity, task = stored.document.identity, stored.document.task
    check_model(identity, ClassifierFiles.of(classifier.identity), str(stored.folder))
    hard = bool(identity.hard_labels)
    victim = TextVictim(classifier, task, device, identity.batch_size or BATCH_SIZE, hard_labels=hard)
    victim.take_scores_for(stored.document.reading.scores if stored.document.reading else "")
    return victim
