"""Pre-training a masked-LM with a method: text in, a checkpoint with its own history out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from alumbench.checkpoints import ModelFiles, find_model, load_tokenizer, longest
from alumbench.checkpoints.identity import identity
from alumbench.config import check
from alumbench.devices import choose_device, is_first_process, process_count
from alumbench.errors import AlumbenchError
from alumbench.methods import load_method, make_method
from alumbench.storage import read_json, sha256_of, write_json
from alumbench.training.arguments import optimizer_steps, training_arguments
from alumbench.training.corpus import Corpus
from alumbench.training.masked_lm import Architecture, load_masked_lm
from alumbench.training.packing import Blocks, pack
from alumbench.training.request import (
    REQUEST,
    Finished,
    check_numbers,
    finished,
    read_request,
    same_base,
    same_request,
)
from alumbench.training.run import disk_errors_told, leave, run, silent
from alumbench.training.schedule import Schedule
from alumbench.training.tokenizer import load_learned
from alumbench.training.trackers import check_trackers
from alumbench.training.trainer_fields import check_trainer_fields

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainingArguments

    from alumbench.training.masked_trainer import MaskedTrainer

#: Not `training.json`, which says what task a classifier was trained on: this checkpoint is no classifier.
RECORD = "pretraining.json"
#: α in pre-training (Liu et al. 2020, section 4.1); in fine-tuning it is 1.
ALPHA = 10.0
#: What a fine-tuned checkpoint keeps of its model's record.
KEPT = ("model", "method", "schedule", "seed", "settings", "corpus", "tokens_seen", "cpu_seconds", "seconds", "device")
DECAYS = ("linear", "polynomial", "cosine", "constant_with_warmup")
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


class _Finished(Finished):
    tokens_per_second: int


@dataclass(frozen=True)
class Pretraining:
    """Everything that decides what a run computes; the same request again resumes it.

    The optimizer's figures are those of RoBERTa (Liu et al. 2019, https://arxiv.org/abs/1907.11692, table 9), which the
    paper's continual pre-training kept.

    Attributes:
        corpora: where the text comes from.
        model: a folder or hub id to go on from, '' to begin from random weights.
        architecture: what is made where there is no `model`.
        tokenizer: its tokenizer's folder; a `model` brings its own.
        method: name of the training method.
        parameters: its parameters that differ from the defaults.
        schedule: when the method is used.
        seed: of the weights, the order of the blocks, masks, dropout and noise.
        held_out: share of the blocks kept apart for the dev figures.
        steps: updates of the weights, 0 for as many as `epochs` take.
        epochs: passes over the blocks, where `steps` is 0.
        batch_size: blocks a step on the device.
        accumulation: batches an update.
        lr: peak learning rate.
        warmup: updates until it is reached, -1 for a tenth of all.
        decay: how it falls afterwards, one of `DECAYS`; `polynomial` is of power 1, and ends at 1e-7.
        adam_betas: β₁ and β₂.
        weight_decay: of AdamW.
        max_length: tokens of a block.
        mask_rate: share of a block's tokens that are masked at the end of the run, and for the dev figures.
        mask_rate_start: the share at its begin, from where it goes evenly to `mask_rate`; 0 for `mask_rate` throughout.
        precision: fp32 or bf16 (mixed).
        device: auto, cpu or cuda.
        trainer: any further `TrainingArguments`.
        compiled: whether the model goes through `torch.compile`.
    """

    corpora: tuple[Corpus, ...]
    model: str = ""
    architecture: Architecture | None = None
    tokenizer: str = ""
    method: str = "standard"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    schedule: Schedule = field(default_factory=Schedule)
    seed: int = 1
    held_out: float = 0.02
    steps: int = 0
    epochs: float = 1.0
    batch_size: int = 32
    accumulation: int = 1
    lr: float = 5e-4
    warmup: int = -1
    decay: str = "polynomial"
    adam_betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.01
    max_length: int = 128
    mask_rate: float = 0.15
    mask_rate_start: float = 0.0
    precision: str = "fp32"
    device: str = "auto"
    trainer: Mapping[str, Any] = field(default_factory=dict)
    compiled: bool = False

    def __post_init__(self) -> None:
        """Checks what no library would.

        Raises:
            AlumbenchError: A number or share is none, or it is not clear what is trained.
        """
        check_numbers(self)
        if bool(self.model) == bool(self.architecture):
            raise AlumbenchError("give --model, to go on from a checkpoint, or --config, to begin from random weights")
        if bool(self.architecture) != bool(self.tokenizer):
            raise AlumbenchError(
                "--config takes --tokenizer FOLDER (see 'alumbench tokenizer learn'); --model brings its own"
            )
        if not self.corpora:
            raise AlumbenchError("no text is named: give --corpus")
        if why := load_method(self.method).classifiers_only:
            raise AlumbenchError(f"--method {self.method}: {why}; use it in 'alumbench train'")
        for name in ("mask_rate", "mask_rate_start", "held_out"):
            if not 0 <= getattr(self, name) < 1:
                raise AlumbenchError(f"--{name.replace('_', '-')} {getattr(self, name):g}: must be from 0 to below 1")
        if not all(0 <= beta < 1 for beta in self.adam_betas):
            raise AlumbenchError(f"--adam-betas {' '.join(map(str, self.adam_betas))}: both must be from 0 to below 1")
        if self.mask_rate == 0:
            raise AlumbenchError("--mask-rate 0: nothing would be learned")

    def rate(self, step: int, total: int) -> float:
        """The share of tokens masked in a step."""
        if not self.mask_rate_start:
            return self.mask_rate
        return self.mask_rate_start + (self.mask_rate - self.mask_rate_start) * step / max(1, total - 1)


def pretraining_of(files: ModelFiles) -> dict[str, Any]:
    """How a model was pre-trained, for the record of what is made of it, as `pretraining`; {} where it is not known."""
    path = files.path / RECORD
    if not path.exists():
        return {}
    record = check(dict[str, Any], read_json(path), str(path))
    return {"pretraining": {name: record[name] for name in KEPT if name in record}}


def pretrain(
    request: Pretraining, out: Path, say: Callable[[str], None] = print, report_to: Sequence[str] = ()
) -> dict[str, Any]:
    """Trains, or goes on training, and leaves the checkpoint with `pretraining.json` in `out`.

    Args:
        request: what to train.
        out: the checkpoint's folder.
        say: takes a line of progress.
        report_to: trackers, see `trackers.py`.

    Returns:
        The content of `pretraining.json`.

    Raises:
        AlumbenchError: The request does not fit what `out` holds, text or model cannot be had, or the loss diverged.
    """
    from transformers import set_seed

    is_main = is_first_process()
    check_trackers(report_to)
    say = say if is_main else silent
    method = make_method(request.method, parameters_for_pretraining(request, say))
    asked = asdict(request) | {"method_parameters": method.parameters(), "processes": process_count()}
    done = finished(out, asked, say, RECORD, _Finished)
    if done is not None:
        return done
    check_trainer_fields(request.trainer, choose_device(request.device).type == "cpu", pretraining=True)
    tokenizer, files = _tokenizer(request)
    blocks, corpus = pack(request.corpora, tokenizer, request.max_length, say)
    if (out / REQUEST).exists():
        same_request(out, {"corpus": corpus}, read_request(out))
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
        write_json(out / REQUEST, asked | {"corpus": corpus} | base)  # not before all of it was found to be right
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
        "method": {"name": request.method, "parameters": method.parameters()},
        "schedule": asdict(request.schedule),
        "seed": request.seed,
        "settings": {name: getattr(request, name) for name in SETTINGS}
        | {"warmup": arguments.warmup_steps, "trainer": dict(request.trainer), "steps": steps}
        | {"compiled": request.compiled, "processes": arguments.world_size},
        "corpus": corpus | {"train_blocks": len(train), "dev_blocks": len(dev)},
        "tokens_seen": tokens,
        "tokens_per_second": round(tokens / max(measured["seconds"], 0.1)),
        **measured,
    }
    tokenizer.model_max_length = request.max_length
    if is_main:
        leave(trainer, tokenizer, out, RECORD, record)
    trainer.accelerator.wait_for_everyone()
    return read_json(out / RECORD)  # type: ignore[no-any-return]


def parameters_for_pretraining(request: Pretraining, say: Callable[[str], None] = print) -> dict[str, Any]:
    """The method's parameters; ALUM's α is 10 where it is not set."""
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
    """The Trainer's arguments: those of fine-tuning but for what is set here."""
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
    """Blocks trained on in so many steps; an epoch's last step takes what is left of it."""
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

    from alumbench.training.masked_trainer import MaskedTrainer

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
