"""Fine-tuning a classifier on a task with a method: from tables to a checkpoint with its training record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from alumbench.config import JsonObject
from alumbench.data import Example, Task, data_hash
from alumbench.data.dataset import load_examples_from
from alumbench.data.kept import keep
from alumbench.data.source import DataOrigin
from alumbench.devices import choose_device, is_first_process, process_count
from alumbench.errors import AlumbenchError
from alumbench.fields import not_default
from alumbench.methods import make_method
from alumbench.methods.method import ORIGINS, method_record, origins_of, present_parameters
from alumbench.metrics import score_outputs
from alumbench.models.checkpoint import (
    PROVENANCE,
    check_vocabulary,
    find_model,
    finds_last_token,
    fit,
    load_classifier,
    load_tokenizer,
    longest,
    padding_note,
    set_padding,
)
from alumbench.models.checkpoint.adapter import base_record
from alumbench.models.checkpoint.identity import configuration_sha256, identity
from alumbench.models.checkpoint.provenance import pretraining_of
from alumbench.parsing import read_json
from alumbench.records import as_json
from alumbench.storage import write_json
from alumbench.training.arguments import training_arguments
from alumbench.training.label_noise import flip_labels
from alumbench.training.request import (
    REQUEST,
    FineTuning,
    Finished,
    as_stored,
    finished,
    read_request,
    same_base,
    same_request,
)
from alumbench.training.run import disk_errors_told, leave, run, silent
from alumbench.training.trackers import check_trackers
from alumbench.training.trainer_fields import check_trainer_fields

if TYPE_CHECKING:
    import datasets
    from transformers import PreTrainedTokenizerBase

    from alumbench.training.method_trainer import MethodTrainer

#: Settings in every record, in this order; others follow if they differ from their defaults.
SETTINGS = ("epochs", "batch_size", "lr", "max_length", "precision", "train_size", "held_out")
#: Fields stored elsewhere in a record.
ELSEWHERE = frozenset(("task", "model", "method", "parameters", "seed", "device", "trainer", "schedule", "compiled"))


class _Model(TypedDict):
    weights_sha256: str


class FineTuned(Finished):
    """The part of `training.json` that is read after a run."""

    model: _Model


def fine_tune(
    request: FineTuning,
    out: Path,
    say: Callable[[str], None] = print,
    report_to: Sequence[str] = (),
) -> FineTuned:
    """Trains, or resumes training, and writes the checkpoint with `training.json` to `out`.

    Args:
        request: the run's settings.
        out: the checkpoint's folder.
        say: called with each line of progress.
        report_to: trackers, see `trackers.py`.

    Returns:
        The content of `training.json`.

    Raises:
        AlumbenchError: The request does not match the run in `out`, data or model is unavailable, or the loss diverged.
    """
    from transformers import set_seed

    from alumbench.training.regeneration import slot_count

    is_main = is_first_process()
    check_trackers(report_to)
    say = say if is_main else silent
    request = replace(request, parameters=present_parameters(request.method, request.parameters, say))
    method = make_method(request.method, request.parameters)
    asked = as_stored(request) | {"task": request.task.to_dict()}
    asked |= {"method_parameters": method.parameters(), "processes": process_count()}
    made_by = method_record(request.method, method)
    asked |= {"method": made_by["name"], **origins_of(made_by)}
    done = finished(out, {**dict.fromkeys(ORIGINS), **asked}, say, FineTuned)
    if done is not None:
        if Path(request.model).is_dir():
            same_base(out, find_model(request.model, adapters=True), {"base": done["model"]} | read_request(out))
        return done
    check_trainer_fields(request.trainer, choose_device(request.device).type == "cpu")
    files = find_model(request.model, adapters=True)
    tokenizer = load_tokenizer(files)
    train, dev, data = load_data(request, say)
    if (out / REQUEST).exists():
        same_request(out, {"data": data}, read_request(out))
        same_base(out, files, read_request(out))
    set_seed(request.seed)
    model = load_classifier(files, request.task, say)
    check_vocabulary(files, tokenizer, model)
    read = _fit(tokenizer, model, str(files.path), say)
    limit = longest(tokenizer, model)
    if limit is not None and request.max_length > limit:
        say(f"note: --max-length {request.max_length} is more than the model takes; {limit} tokens are kept")
        request = replace(request, max_length=limit)
    arguments = training_arguments(request, out, len(train) + slot_count(method, len(train)), report_to)
    with disk_errors_told(out):
        trainer = _trainer(request, method, model, tokenizer, train, dev, arguments, say)
    truncated = {
        name: _cut(name, examples, tokenizer, request.max_length, say)
        for name, examples in (("train", train), ("dev", dev))
    }
    if is_main:
        write_json(out / REQUEST, asked | {"data": data, "base": identity(files)})  # only after all checks have passed
    task = keep(out, request.task, train, dev if request.held_out else ()) if is_main else request.task
    for warning in method.warnings(request.precision):
        say(f"warning: {warning}")
    measured = run(trainer, out, say)
    record = {
        "schema": 1,
        "task": task.to_dict(),
        "model": {"name": request.model, "revision": files.revision, "weights_sha256": files.weights_sha256()}
        | {"configuration_sha256": configuration_sha256(files)}
        | base_record(files)
        | pretraining_of((files.base or files).path),
        "method": made_by,
        "training_seed": request.seed,
        "settings": {name: getattr(request, name) for name in SETTINGS}
        | {"trainer": dict(request.trainer), "steps": trainer.state.global_step}
        | {"schedule": asdict(request.schedule), "compiled": request.compiled, "processes": arguments.world_size}
        | not_default(request, ELSEWHERE.union(SETTINGS)),
        "data": data | {name: data[name] | {"truncated": count} for name, count in truncated.items()},
        "reading": read,
        **measured,
    }
    tokenizer.model_max_length = request.max_length
    if is_main:
        leave(trainer, tokenizer, out, PROVENANCE, record, None if files.base is None else files)
    trainer.accelerator.wait_for_everyone()
    return read_json(out / PROVENANCE)  # type: ignore[no-any-return]


def _fit(tokenizer: PreTrainedTokenizerBase, model: Any, where: str, say: Callable[[str], None]) -> dict[str, object]:
    """Adapts tokenizer and model to each other; returns the padding token and the notes printed."""
    fit(tokenizer, model)
    notes = [note for note in [padding_note(tokenizer)] if note]
    if finds_last_token(model):  # it classifies at the last token that is not padding
        own = model.config.get_text_config().pad_token_id
        if own is not None and own != tokenizer.pad_token_id:
            notes.append(f"config.json's pad_token_id {own} gives way to the tokenizer's, {tokenizer.pad_token_id}")
        set_padding(model, tokenizer.pad_token_id)
    for note in notes:
        say(f"note: {where}: {note}")
    return {"padding": tokenizer.pad_token, "notes": notes}


def _cut(
    name: str,
    examples: Sequence[Example],
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    say: Callable[[str], None],
) -> int:
    """Number of examples that are truncated."""
    count = 0
    for at in range(0, len(examples), 1000):
        columns = [list(column) for column in zip(*(e.texts for e in examples[at : at + 1000]), strict=True)]
        count += sum(len(ids) > max_length for ids in tokenizer(*columns, verbose=False)["input_ids"])
    if count:
        say(
            f"note: {count} of {len(examples)} {name} texts are longer than the {max_length} tokens that are kept; "
            f"--max-length takes more"
        )
    return count


def load_data(
    request: FineTuning, say: Callable[[str], None] = print
) -> tuple[list[Example], list[Example], JsonObject]:
    """The training and dev examples of a request, and their sources with hashes.

    The training subset does not depend on the seed, so that seeds differ only in training.

    Raises:
        AlumbenchError: A table is unavailable, or smaller than requested.
    """
    task = request.task
    train, origins = load_examples_from(task.train, task.columns, task.labels, say=say)
    order = np.random.default_rng(0).permutation(len(train))
    need = request.held_out + max(request.train_size, 1)
    if need > len(train):
        raise AlumbenchError(
            f"task {task.name}: {len(train)} training examples, {need} are needed for --train-size and --held-out"
        )
    if request.held_out:
        # Taken from the end, so that a held-out set of a given size is the same for every --train-size.
        dev, dev_origins = [train[i] for i in order[len(order) - request.held_out :]], [DataOrigin(kind="held-out")]
        order = order[: len(order) - request.held_out]
    else:
        held_out = f"--held-out {max(1, min(1000, len(train) // 10))}"
        if not task.dev:
            raise AlumbenchError(
                f"task {task.name} has no dev set: name one with --validation-file, or take it from the training "
                f"examples with {held_out}"
            )
        try:
            dev, dev_origins = load_examples_from(task.dev, task.columns, task.labels, say=say)
        except AlumbenchError as error:
            raise AlumbenchError(f"{error}; or take a dev set from the training examples with {held_out}") from error
    train = [train[i] for i in (order[: request.train_size] if request.train_size else order)]
    noise = {}
    if request.label_noise:
        clean, train = train, flip_labels(train, task.labels, request.label_noise)
        noise = {"flipped": sum(a.label != b.label for a, b in zip(clean, train, strict=True))}
        say(f"note: {noise['flipped']} of {len(train)} training labels are flipped (--label-noise)")
    texts = {example.texts for example in dev}
    shared = sum(example.texts in texts for example in train)
    if shared:
        say(f"note: {shared} of {len(train)} training examples also occur among the {len(dev)} dev examples")
    data = {
        "train": {"examples": len(train), "sha256": data_hash(train), "sources": list(map(as_json, origins))} | noise,
        "dev": {"examples": len(dev), "sha256": data_hash(dev), "sources": list(map(as_json, dev_origins))},
        "shared_by_train_and_dev": shared,
    }
    for origin in origins:
        if origin.rows:
            say(f"note: {origin.path} holds {origin.rows}")
    return train, dev, data


def tokenize(
    task: Task, examples: Sequence[Example], tokenizer: PreTrainedTokenizerBase, max_length: int
) -> datasets.Dataset:
    """Token ids, labels and example numbers as a `datasets.Dataset`, unpadded."""
    import datasets

    columns = [list(column) for column in zip(*(example.texts for example in examples), strict=True)]
    encoded = tokenizer(*columns, truncation=True, max_length=max_length)
    index = {name: number for number, name in enumerate(task.labels)}
    labels = [example.label if task.is_regression else index[str(example.label)] for example in examples]
    return datasets.Dataset.from_dict({**encoded, "labels": labels, "example": list(range(len(examples)))})


def _trainer(
    request: FineTuning, method: Any, model: Any, tokenizer: Any, train: Any, dev: Any, arguments: Any, say: Any
) -> MethodTrainer:
    from transformers import PrinterCallback

    from alumbench.training.augmented_rows import AugmentedRows, Augmenting
    from alumbench.training.method_trainer import MethodTrainer, PaddingCollator
    from alumbench.training.regeneration import regeneration

    def rows(examples: Sequence[Example]) -> datasets.Dataset:
        return tokenize(request.task, examples, tokenizer, request.max_length)

    train_rows, callbacks = regeneration(
        method, request.task, model, tokenizer, train, request.max_length, rows, request.seed, arguments.device, say
    )
    if request.augmentation:
        if callbacks:
            raise AlumbenchError(f"--typos and --drop-words: method {request.method} changes the training texts itself")
        train_rows = AugmentedRows(train_rows, train, rows, request.augmentation, request.seed)
        callbacks = [Augmenting(train_rows)]
    trainer = MethodTrainer(
        method,
        request.seed,
        model=model,
        args=arguments,
        train_dataset=train_rows,
        eval_dataset=rows(dev),
        callbacks=callbacks,
        processing_class=tokenizer,
        data_collator=PaddingCollator(tokenizer),
        schedule=request.schedule,
        compiled=request.compiled,
        compute_metrics=lambda output: score_outputs(request.task, output.predictions, output.label_ids),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer
