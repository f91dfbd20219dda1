"""Fine-tuning a classifier on a task with a method: tables in, a checkpoint with its own history out."""

from __future__ import annotations

import contextlib
import errno
import json
import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alumbench.checkpoints import PROVENANCE, find_model, load_classifier, load_tokenizer
from alumbench.devices import device_name, is_first_process, process_count
from alumbench.errors import AlumbenchError
from alumbench.methods import make_method
from alumbench.metrics import score_outputs
from alumbench.storage import read_json, write_json
from alumbench.tasks import Example, Task, data_hash
from alumbench.tasks.source import load_examples_from
from alumbench.training.arguments import training_arguments
from alumbench.training.request import REQUEST, TRAINER_FOLDER, FineTuning, finished, same_request
from alumbench.versions import library_versions

if TYPE_CHECKING:
    import datasets
    from transformers import PreTrainedTokenizerBase

    from alumbench.training.method_trainer import MethodTrainer

SETTINGS = ("epochs", "batch_size", "lr", "max_length", "precision", "train_size", "held_out")
DISK_ERRORS = {errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EPERM, errno.EDQUOT, errno.EIO, errno.ENOTDIR}


def fine_tune(request: FineTuning, out: Path, say: Callable[[str], None] = print) -> dict[str, Any]:
    """Trains, or goes on training, and leaves the checkpoint with `training.json` in `out`.

    Args:
        request: what to train.
        out: the checkpoint's folder.
        say: takes a line of progress.

    Returns:
        The content of `training.json`.

    Raises:
        AlumbenchError: The request does not fit what `out` holds, data or model cannot be had, or the loss diverged.
    """
    import torch
    from transformers import set_seed

    from alumbench.training.clock import Clock
    from alumbench.training.method_trainer import embedding_norm
    from alumbench.training.regeneration import slot_count

    is_main = is_first_process()
    say = say if is_main else _silent
    method = make_method(request.method, request.parameters)
    asked = asdict(request) | {"method_parameters": method.parameters(), "processes": process_count()}
    done = finished(out, asked, say)
    if done is not None:
        return done
    files = find_model(request.model)
    tokenizer = load_tokenizer(files)
    train, dev, data = load_data(request, say)
    if (out / REQUEST).exists():
        same_request(out, {"data": data}, read_json(out / REQUEST))
    set_seed(request.seed)
    model = load_classifier(files, request.task)
    limit = _model_length(model, tokenizer)
    if request.max_length > limit:
        say(f"note: --max-length {request.max_length} is more than the model takes; {limit} tokens are kept")
        request = replace(request, max_length=limit)
    arguments = training_arguments(request, out, len(train) + slot_count(method, len(train)))
    with _disk_errors_told(out):
        trainer = _trainer(request, method, model, tokenizer, train, dev, arguments, say)
    if is_main:
        write_json(out / REQUEST, asked | {"data": data})  # not before all of it was found to be right
    for warning in method.warnings(request.precision):
        say(f"warning: {warning}")
    length_before = embedding_norm(model)
    clock, last = Clock(say), _last_checkpoint(out / TRAINER_FOLDER)
    trainer.add_callback(clock)
    if last is not None:
        say(f"going on from {last}")
        clock.resume(last)
    with _disk_errors_told(out), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="mtime may not be reliable")  # true of some disks, and harmless
        trainer.train(resume_from_checkpoint=str(last) if last is not None else None)
    trainer.check_finite()
    history = [entry for entry in trainer.state.log_history if "eval_loss" in entry]
    record = {
        "schema": 1,
        "task": request.task.to_dict(),
        "model": {"name": request.model, "revision": files.revision, "weights_sha256": files.weights_sha256()},
        "method": {"name": request.method, "parameters": method.parameters()},
        "seed": request.seed,
        "settings": {
            name: getattr(request, name)
            for name in ("epochs", "batch_size", "lr", "max_length", "precision", "train_size")
        }
        | {"held_out": request.held_out, "trainer": dict(request.trainer), "steps": trainer.state.global_step}
        | {"schedule": asdict(request.schedule), "processes": arguments.world_size},
        "data": data,
        "dev": [
            {"epoch": entry["epoch"], **{k.removeprefix("eval_"): v for k, v in entry.items() if _is_metric(k)}}
            for entry in history
        ],
        "loss": [
            {k: v for k, v in entry.items() if k in {"step", "epoch", "embedding_norm"} or k.startswith("loss")}
            for entry in trainer.state.log_history
            if "loss" in entry
        ],
        # under a perturbation of fixed length, embeddings that grow are the trivial way out
        "embedding_norm": {"before": length_before, "after": embedding_norm(trainer.model)},
        "seconds": round(clock.seconds(), 1),
        "device": device_name(arguments.device),
        "threads": torch.get_num_threads(),
        "versions": library_versions(),
    }
    tokenizer.model_max_length = request.max_length
    if is_main:
        method.finish(trainer.model)
        with _disk_errors_told(out):
            trainer.model.float().save_pretrained(out, safe_serialization=True)
            tokenizer.save_pretrained(out)
        # Last, since its presence says that the run is whole.
        write_json(out / PROVENANCE, record)
        shutil.rmtree(out / TRAINER_FOLDER, ignore_errors=True)
    trainer.accelerator.wait_for_everyone()
    return read_json(out / PROVENANCE)  # type: ignore[no-any-return]


def load_data(
    request: FineTuning, say: Callable[[str], None] = print
) -> tuple[list[Example], list[Example], dict[str, Any]]:
    """The training and dev examples of a request, and where they came from with hashes.

    The training subset is drawn by a generator that the seed does not touch, so that seeds differ in training alone.

    Raises:
        AlumbenchError: A table cannot be had, or is smaller than what is asked of it.
    """
    task = request.task
    train, origins = load_examples_from(task.train, task.columns, task.labels)
    order = np.random.default_rng(0).permutation(len(train))
    need = request.held_out + max(request.train_size, 1)
    if need > len(train):
        raise AlumbenchError(
            f"task {task.name}: {len(train)} training examples, {need} are asked for by --train-size and --held-out"
        )
    if request.held_out:
        # Taken from the end of the order: a held-out set of one size is the same for every --train-size.
        dev, dev_origins = [train[i] for i in order[len(order) - request.held_out :]], [{"from": "held-out"}]
        order = order[: len(order) - request.held_out]
    else:
        try:
            dev, dev_origins = load_examples_from(task.dev, task.columns, task.labels)
        except AlumbenchError as error:
            raise AlumbenchError(
                f"{error}; or take a dev set from the training examples with --held-out 1000"
            ) from error
    train = [train[i] for i in (order[: request.train_size] if request.train_size else order)]
    texts = {example.texts for example in dev}
    shared = sum(example.texts in texts for example in train)
    if shared:
        say(f"note: {shared} of {len(train)} training examples also occur among the {len(dev)} dev examples")
    data = {
        "train": {"examples": len(train), "sha256": data_hash(train), "sources": origins},
        "dev": {"examples": len(dev), "sha256": data_hash(dev), "sources": dev_origins},
        "shared_by_train_and_dev": shared,
    }
    for origin in origins:
        if "rows" in origin:
            say(f"note: {origin['path']} holds {origin['rows']}")
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

    from alumbench.training.method_trainer import MethodTrainer, PaddingCollator
    from alumbench.training.regeneration import regeneration

    def rows(examples: Sequence[Example]) -> datasets.Dataset:
        return tokenize(request.task, examples, tokenizer, request.max_length)

    train_rows, callbacks = regeneration(
        method, request.task, model, tokenizer, train, request.max_length, rows, request.seed, say
    )
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
        compute_metrics=lambda output: score_outputs(request.task, output.predictions, output.label_ids),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _silent(line: str) -> None:
    """What all processes but the first have to say."""


def _model_length(model: Any, tokenizer: PreTrainedTokenizerBase) -> int:
    """Tokens that the model has positions for, as far as its files say."""
    return min(int(getattr(model.config, "max_position_embeddings", 512)), int(tokenizer.model_max_length))


@contextlib.contextmanager
def _disk_errors_told(out: Path) -> Iterator[None]:
    """Turns a full disk or a lost folder into a line that says how to go on."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        # torch.save says a full disk as a RuntimeError of its zip writer
        of_disk = (
            isinstance(error, SafetensorError)
            or "inline_container" in str(error)
            or "PytorchStreamWriter" in str(error)
        )
        if not of_disk and getattr(error, "errno", None) not in DISK_ERRORS:
            raise
        raise AlumbenchError(
            f"{out}: cannot be written ({error}). The last whole checkpoint is kept: make room, then run the same "
            f"command again, or give another --out"
        ) from error


def _last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint: the Trainer writes its state last, so one without a whole state was cut off."""
    whole = [p for p in folder.glob("checkpoint-*") if _is_json(p / "trainer_state.json")]
    return max(whole, key=lambda p: int(p.name.split("-")[1]), default=None)


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


def _is_metric(key: str) -> bool:
    return key.startswith("eval_") and not key.endswith(("runtime", "per_second"))
