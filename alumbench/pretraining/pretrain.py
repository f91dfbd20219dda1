"""Pre-training a masked-LM with a method: from text to a checkpoint with its training record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired, cast

from alumbench.devices import choose_device, is_first_process, process_count
from alumbench.errors import AlumbenchError
from alumbench.fields import not_default
from alumbench.methods import load_method, make_method
from alumbench.methods.method import ORIGINS, method_record, origins_of, present_parameters
from alumbench.models.checkpoint import ModelFiles, find_model, load_tokenizer, longest
from alumbench.models.checkpoint.identity import identity
from alumbench.models.checkpoint.provenance import PRETRAINING
from alumbench.parsing import read_json
from alumbench.pretraining.masked_lm import Architecture, load_masked_lm
from alumbench.pretraining.options import DECAYS
from alumbench.pretraining.options import Pretraining as Pretraining
from alumbench.pretraining.packing import Blocks, pack
from alumbench.pretraining.tokenizer import load_learned
from alumbench.storage import sha256_of, write_json
from alumbench.training.arguments import optimizer_steps, training_arguments
from alumbench.training.request import (
    REQUEST,
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
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainingArguments

    from alumbench.pretraining.masked_trainer import MaskedTrainer

#: α in pre-training (Liu et al. 2020, section 4.1); in fine-tuning it is 1.
ALPHA = 10.0
#: Settings in every record, in this order; others follow if they differ from their defaults.
SETTINGS = (
    "held_out",
    "batch_size",
    "accumulation",
    "lr",
    "warmup",
    "decay",
    "adam_betas",
    "weight_decay",
    "max_length",
    "mask_rate",
    "mask_rate_start",
    "precision",
)
#: Fields stored elsewhere in a record.
ELSEWHERE = frozenset(
    ("corpora", "model", "architecture", "tokenizer", "method", "parameters", "schedule", "seed", "steps", "epochs")
    + ("device", "trainer", "compiled")
)


class Pretrained(Finished):
    """The part of `pretraining.json` that is read after a run."""

    tokens_per_second: int
    tokens_seen: NotRequired[int]


def pretrain(
    request: Pretraining, out: Path, say: Callable[[str], None] = print, report_to: Sequence[str] = ()
) -> Pretrained:
    """Trains, or resumes training, and writes the checkpoint with `pretraining.json` to `out`.

    Args:
        request: the run's settings.
        out: the checkpoint's folder.
        say: called with each line of progress.
        report_to: trackers, see `trackers.py`.

    Returns:
        The content of `pretraining.json`.

    Raises:
        AlumbenchError: The request does not match the run in `out`, text or model is unavailable, or the loss diverged.
    """
    from transformers import set_seed

    is_main = is_first_process()
    check_trackers(report_to)
    say = say if is_main else silent
    request = replace(request, parameters=present_parameters(request.method, request.parameters, say))
    method = make_method(request.method, parameters_for_pretraining(request, say))
    asked = as_stored(request) | {"method_parameters": method.parameters(), "processes": process_count()}
    made_by = method_record(request.method, method)
    asked |= {"method": made_by["name"], **origins_of(made_by)}
    done = finished(out, {**dict.fromkeys(ORIGINS), **asked}, say, Pretrained, PRETRAINING, Pretraining)
    if done is not None:
        return done
    check_trainer_fields(request.trainer, choose_device(request.device).type == "cpu", pretraining=True)
    tokenizer, files = _tokenizer(request)
    blocks, corpus = pack(request.corpora, tokenizer, request.max_length, say)
    if (out / REQUEST).exists():
        same_request(out, {"corpus": corpus}, read_request(out), Pretraining)
        if files is not None:
            same_base(out, files, read_request(out))
    set_seed(request.seed)
    model = _model(request, tokenizer, files, say)
    train, dev = blocks.split(request.held_out)
    arguments = _arguments(request, out, len(train), bool(len(dev)), report_to)
    with disk_errors_told(out):
        trainer = _trainer(request, method, model, tokenizer, train, dev, arguments)
    if is_main:
        base = {"base": identity(files)} if files else {}
        write_json(out / REQUEST, asked | {"corpus": corpus} | base)  # only after all checks have passed
    for warning in method.warnings(request.precision):
        say(f"warning: {warning}")
    say(f"{model.num_parameters():,} parameters, {len(train):,} blocks, {arguments.max_steps:,} steps")
    measured = run(trainer, out, say, at=("step", "epoch"))
    trainer.positions.remove()
    steps = trainer.state.global_step
    tokens = _blocks_seen(request, len(train), steps) * request.max_length
    record = {
        "schema": 1,
        "task": "masked-lm",
        "model": {"name": request.model, "revision": files.revision, "weights_sha256": files.weights_sha256()}
        if files
        else asdict(cast(Architecture, request.architecture)),
        "parameters": model.num_parameters(),
        "tokenizer": {"name": request.tokenizer or request.model, "sha256": _tokenizer_hash(request, files)},
        "method": made_by,
        "schedule": asdict(request.schedule),
        "training_seed": request.seed,
        "settings": {name: getattr(request, name) for name in SETTINGS}
        | {"warmup": arguments.warmup_steps, "trainer": dict(request.trainer), "steps": steps}
        | {"compiled": request.compiled, "processes": arguments.world_size}
        | not_default(request, ELSEWHERE.union(SETTINGS)),
        "corpus": corpus | {"train_blocks": len(train), "dev_blocks": len(dev)},
        "tokens_seen": tokens,
        "tokens_per_second": round(tokens / max(measured["seconds"], 0.1)),
        **measured,
    }
    tokenizer.model_max_length = request.max_length
    if is_main:
        leave(trainer, tokenizer, out, PRETRAINING, record)
    trainer.accelerator.wait_for_everyone()
    return read_json(out / PRETRAINING)  # type: ignore[no-any-return]


def parameters_for_pretraining(request: Pretraining, say: Callable[[str], None] = print) -> dict[str, object]:
    """The method's parameters; ALUM's α is 10 if not set."""
    has_alpha = "alpha" in {item.name for item in fields(load_method(request.method))}  # type: ignore[arg-type]
    if not request.method.startswith("alum") or not has_alpha or "alpha" in request.parameters:
        return dict(request.parameters)
    say(f"note: alpha is {ALPHA:g}, as in the paper's pre-training; --set alpha=... sets another")
    return {**request.parameters, "alpha": ALPHA}


def _tokenizer(request: Pretraining) -> tuple[PreTrainedTokenizerBase, ModelFiles | None]:
    if not request.model:
        return load_learned(Path(request.tokenizer)), None
    files = find_model(request.model)
    return load_tokenizer(files), files


def _tokenizer_hash(request: Pretraining, files: ModelFiles | None) -> str | None:
    file = (files.path if files else Path(request.tokenizer)) / "tokenizer.json"
    return sha256_of(file) if file.is_file() else None


def _model(
    request: Pretraining,
    tokenizer: PreTrainedTokenizerBase,
    files: ModelFiles | None,
    say: Callable[[str], None],
) -> PreTrainedModel:
    if files is None:
        return cast(Architecture, request.architecture).make(tokenizer, request.max_length)
    model = load_masked_lm(files, tokenizer, say)
    limit = longest(tokenizer, model)
    if limit is not None and request.max_length > limit:
        raise AlumbenchError(f"--max-length {request.max_length}: {files.path} takes {limit} tokens; give that or less")
    return model


def _arguments(
    request: Pretraining, out: Path, examples: int, has_dev: bool, report_to: Sequence[str]
) -> TrainingArguments:
    """The Trainer's arguments: those of fine-tuning, except for the fields set here."""
    if request.decay not in DECAYS:
        raise AlumbenchError(f"--decay {request.decay}: give one of {', '.join(DECAYS)}")
    if not has_dev:
        for name in request.trainer:
            if name.startswith(("eval_", "per_device_eval_")):
                raise AlumbenchError(f"--trainer {name}: --held-out {request.held_out:g} leaves no dev blocks")
    steps = request.steps or optimizer_steps(request, examples, request.accumulation)
    ours = {
        "max_steps": steps,
        "gradient_accumulation_steps": request.accumulation,
        "warmup_steps": steps // 10 if request.warmup < 0 else request.warmup,
        "lr_scheduler_type": request.decay,
        "adam_beta1": request.adam_betas[0],
        "adam_beta2": request.adam_betas[1],
        "weight_decay": request.weight_decay,
        "adam_epsilon": 1e-6,  # RoBERTa's
        "eval_strategy": "steps" if has_dev else "no",
        "eval_steps": max(1, steps // 10),
    }
    return training_arguments(request, out, examples, report_to, ours)


def _blocks_seen(request: Pretraining, examples: int, steps: int) -> int:
    """Number of blocks trained on in `steps` steps; an epoch's last step may be smaller."""
    epochs, rest = divmod(steps, optimizer_steps(replace(request, epochs=1.0), examples, request.accumulation))
    a_step = request.batch_size * request.accumulation * process_count()
    return epochs * examples + min(rest * a_step, examples)


def _trainer(
    request: Pretraining,
    method: Any,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    train: Blocks,
    dev: Blocks,
    arguments: TrainingArguments,
) -> MaskedTrainer:
    from transformers import PrinterCallback

    from alumbench.pretraining.masked_trainer import MaskedTrainer

    trainer = MaskedTrainer(
        request.rate,
        method,
        request.seed,
        schedule=request.schedule,
        compiled=request.compiled,
        model=model,
        args=arguments,
        train_dataset=train,
        eval_dataset=dev,
        processing_class=tokenizer,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer
