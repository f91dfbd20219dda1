"""One run of a Trainer on any task: resumes a killed run, reports a full disk, and returns the run's figures."""

from __future__ import annotations

import contextlib
import errno
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import filelock

from alumbench.devices import device_name, is_first_process, keep_freed_memory
from alumbench.errors import AlumbenchError
from alumbench.models.checkpoint.adapter import save_adapter
from alumbench.models.checkpoint.telling import without_bars
from alumbench.storage import write_json
from alumbench.training.arguments import planned_steps
from alumbench.training.request import REQUEST, TRAINER_FOLDER
from alumbench.training.resuming import check_files, last_checkpoint, load_state
from alumbench.versions import library_versions

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from alumbench.models.checkpoint import ModelFiles
    from alumbench.training.method_trainer import MethodTrainer

DISK_ERRORS = {
    errno.ENOSPC,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EDQUOT,
    errno.EIO,
    errno.ENOTDIR,
    errno.EEXIST,
}


class _Figures(TypedDict):
    dev: list[dict[str, float | None]]
    loss: list[dict[str, float]]


class Measured(_Figures):
    """The common part of all records of training.

    Attributes:
        dev: figures on the dev set.
        loss: training losses.
        embedding_norm: mean norm of the word embeddings, `before` and `after`.
        seconds: wall-clock time.
        cpu_seconds: CPU time.
        device: the device's name.
        threads: number of CPU threads.
        versions: versions of the libraries.
    """

    embedding_norm: dict[str, float]
    seconds: float
    cpu_seconds: float
    device: str
    threads: int
    versions: dict[str, str]


def run(trainer: MethodTrainer, out: Path, say: Callable[[str], None], at: Sequence[str] = ("epoch",)) -> Measured:
    """Trains to the end, from the last complete checkpoint if there is one.

    Args:
        trainer: the Trainer, with its model as before the first step.
        out: the run's folder.
        say: called with each line of progress.
        at: fields that say when dev figures were computed: `epoch`, `step`.

    Returns:
        The common part of all records: dev figures, losses, embedding norm, time, machine and versions.

    Raises:
        AlumbenchError: The loss diverged, or the disk is full.
    """
    import torch

    from alumbench.bfloat16 import bf16_products
    from alumbench.training.clock import Clock
    from alumbench.training.method_trainer import embedding_norm

    if trainer.args.device.type == "cpu":
        keep_freed_memory()
    clock, last = Clock(say), last_checkpoint(out / TRAINER_FOLDER, say)
    trainer.add_callback(clock)
    state, length_before = None, embedding_norm(trainer.model)
    if last is not None:
        say(f"resuming from {last}")
        state = load_state(last, planned_steps(trainer.args, len(trainer.train_dataset)))
        check_files(last, trainer.model, trainer.args.process_index, trainer.args.world_size)
        clock.resume(last)
    widened = trainer.args.bf16 and trainer.model._compiled_call_impl is None
    products = bf16_products(trainer.args.device, enabled=widened)
    with (
        _cleared_if_diverged(out),
        disk_errors_told(out),
        _alone(out),
        without_bars(),
        products,
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", message="mtime may not be reliable")  # true on some disks, and harmless
        if state is not None and state.global_step >= state.max_steps:
            # All steps are done. If they end within an epoch, the Trainer would take one more.
            trainer._load_from_checkpoint(str(last))
            trainer.state = state
        else:
            trainer.train(resume_from_checkpoint=str(last) if last is not None else None)
        trainer.check_result()
    return {
        **_figures(trainer, at),
        # growing embeddings are the trivial way to shrink a perturbation of fixed length
        "embedding_norm": {"before": length_before, "after": embedding_norm(trainer.model)},
        "seconds": round(clock.seconds(), 1),
        "cpu_seconds": round(clock.cpu_seconds(), 1),
        "device": device_name(trainer.args.device),
        "threads": torch.get_num_threads(),
        "versions": library_versions(),
    }


@contextlib.contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Prevents a second run of the same command: both would write the same files."""
    if not is_first_process():
        yield
        return
    lock = filelock.FileLock(out / TRAINER_FOLDER / ".lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise AlumbenchError(
            f"{out}: another process is training in this folder; wait for it, or stop it first"
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _cleared_if_diverged(out: Path) -> Iterator[None]:
    """Removes the files of a run that diverged without a checkpoint, so that its folder can be used again."""
    from alumbench.training.method_trainer import Diverged

    try:
        yield
    except Diverged:
        if is_first_process() and last_checkpoint(out / TRAINER_FOLDER) is None:
            shutil.rmtree(out / TRAINER_FOLDER, ignore_errors=True)
            (out / REQUEST).unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # a tracker's files may be there
                out.rmdir()
        raise


def _figures(trainer: MethodTrainer, at: Sequence[str]) -> _Figures:
    history, kept = trainer.state.log_history, {"step", "epoch", "embedding_norm"}
    return {
        "dev": [
            {k: entry[k] for k in at} | {k.removeprefix("eval_"): v for k, v in entry.items() if _is_metric(k)}
            for entry in history
            if "eval_loss" in entry
        ],
        "loss": [
            {k: v for k, v in entry.items() if k in kept or k.startswith("loss")}
            for entry in history
            if "loss" in entry
        ],
    }


def leave(
    trainer: MethodTrainer,
    tokenizer: PreTrainedTokenizerBase,
    out: Path,
    name: str,
    record: Mapping[str, object],
    adapter: ModelFiles | None = None,
) -> None:
    """Writes the checkpoint, then its record, which marks the run as complete; removes the Trainer's files.

    Args:
        trainer: the Trainer.
        tokenizer: its tokenizer.
        out: the run's folder.
        name: file name of the record.
        record: its content.
        adapter: the PEFT adapter that training started from; None for a full model.
    """
    trainer.method.finish(trainer.model)
    with disk_errors_told(out), without_bars():
        for abandoned in out.glob(".tmp*"):  # left by safetensors in a killed run
            abandoned.unlink()
        model = trainer.model.float()
        if adapter is None:
            model.save_pretrained(out, safe_serialization=True)
        else:
            save_adapter(model, out, adapter)
        tokenizer.save_pretrained(out)
        for weights in out.glob("*.safetensors"):  # safetensors makes them readable only by their owner
            weights.chmod((out / "config.json").stat().st_mode)
    write_json(out / name, record)
    shutil.rmtree(out / TRAINER_FOLDER, ignore_errors=True)


@contextlib.contextmanager
def disk_errors_told(out: Path) -> Iterator[None]:
    """Turns a full disk or a lost folder into a line that says how to continue."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        # torch.save reports a full disk as a RuntimeError of its zip writer
        of_disk = (
            isinstance(error, SafetensorError)
            or "inline_container" in str(error)
            or "PytorchStreamWriter" in str(error)
        )
        if not of_disk and getattr(error, "errno", None) not in DISK_ERRORS:
            raise
        raise AlumbenchError(
            f"{out}: cannot be written ({error}). The last complete checkpoint is kept: free up space, then "
            f"rerun the same command, or give another --out"
        ) from error


def silent(line: str) -> None:
    """Prints nothing; the `say` of all processes but the first."""


def _is_metric(key: str) -> bool:
    return key.startswith("eval_") and not key.endswith(("runtime", "per_second"))
