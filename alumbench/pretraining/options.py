"""All settings of a pre-training run: a new option is one field here, with its help and unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from alumbench.devices import is_first_process
from alumbench.errors import AlumbenchError
from alumbench.fields import Above0, AtLeast0, AtLeast1, From0To1, NoLessThan0, Option, option, options
from alumbench.pretraining.corpus import Corpus
from alumbench.pretraining.masked_lm import Architecture
from alumbench.training.curriculum import Curriculum
from alumbench.training.options import (
    COMPILE,
    DEVICE,
    METHOD,
    SET,
    TRAINER,
    Device,
    LearningRate,
    Precision,
    check_numbers,
)

Decay = Literal["linear", "polynomial", "cosine", "constant_with_warmup"]
DECAYS: tuple[str, ...] = get_args(Decay)

AFTER = Option(
    "Share of the run that is standard before the method starts; default: 0.5 with --config, 0 with --model.", "SHARE"
)


@dataclass(frozen=True)
class Pretraining:
    """All settings that affect a run's result; the same request again resumes the run.

    The optimizer's settings are those of RoBERTa (Liu et al. 2019, https://arxiv.org/abs/1907.11692, table 9), which
    the paper's continual pre-training kept.

    Attributes:
        corpora: sources of the text.
        model: a folder or hub id to continue from, '' to start from random weights.
        architecture: the architecture if there is no `model`.
        tokenizer: its tokenizer's folder; a `model` brings its own.
        method: name of the training method.
        parameters: its parameters that differ from the defaults.
        schedule: when the method is used.
        seed: of the weights, the order of the blocks, masks, dropout and noise.
        steps: optimizer steps, 0 for as many as `epochs` take.
        epochs: passes over the blocks, if `steps` is 0.
        batch_size: blocks per batch on the device.
        accumulation: batches per optimizer step.
        lr: peak learning rate.
        warmup: optimizer steps until it is reached, -1 for a tenth of all.
        decay: its shape afterwards, one of `DECAYS`; `polynomial` is of power 1, and ends at 1e-7.
        adam_betas: β₁ and β₂.
        weight_decay: of AdamW.
        max_length: tokens of a block.
        mask_rate: share of a block's tokens that are masked at the end of the run, and for the dev figures.
        mask_rate_start: the share at the start, which changes linearly to `mask_rate`; 0 for `mask_rate` throughout.
        held_out: share of the blocks held out for the dev figures.
        precision: fp32 or bf16 (mixed).
        device: auto, cpu or cuda.
        compiled: whether the model goes through `torch.compile`.
        trainer: any further `TrainingArguments`.
    """

    corpora: tuple[Corpus, ...]
    model: str = option("", help="Checkpoint to continue from: a folder, a hub id, or ID@REVISION.", show_default=False)
    architecture: Architecture | None = None
    tokenizer: str = option("", help="With --config: a folder from 'alumbench tokenizer learn'.", show_default=False)
    method: str = option("standard", help=METHOD)
    parameters: Mapping[str, object] = option(factory=dict, name="set", help=SET)
    schedule: Curriculum = options(Curriculum, adversary_after=(None, AFTER))
    seed: int = option(
        1, name="training_seed", help="Seeds the weights, the order of the blocks, masks, dropout and noise."
    )
    steps: AtLeast0 = option(0, help="Optimizer steps; default: one epoch.", show_default=False)
    epochs: Above0 = option(1.0, help="Passes over the blocks, if --steps is not given.")
    batch_size: AtLeast1 = option(32, help="Blocks per step and device.")
    accumulation: AtLeast1 = option(1, help="Batches per optimizer step.")
    lr: LearningRate = option(5e-4, help="Peak learning rate.")
    warmup: int = option(-1, help="Warm-up steps; default: a tenth of all steps.", show_default=False)
    decay: Decay = option("polynomial", help="Schedule of the learning rate after the peak.")
    adam_betas: tuple[float, float] = option((0.9, 0.98), help="β₁ and β₂ of AdamW.")
    weight_decay: NoLessThan0 = option(0.01, help="Weight decay of AdamW.")
    max_length: AtLeast1 = option(128, help="Tokens per block.")
    mask_rate: From0To1 = option(0.15, help="Share of the tokens that are masked.")
    mask_rate_start: From0To1 = option(
        0.0, help="Masked share at the start; it changes linearly to --mask-rate.", show_default=False
    )
    held_out: From0To1 = option(0.02, help="Share of the blocks held out to evaluate on, 500 at most.")
    precision: Precision = option("fp32", help="Numerical precision; bf16 is mixed precision.")
    device: Device = option("auto", help=DEVICE)
    compiled: bool = option(False, name="compile", help=COMPILE)
    trainer: Mapping[str, object] = option(factory=dict, help=TRAINER)

    def __post_init__(self) -> None:
        """Checks what no library would.

        Raises:
            AlumbenchError: A number or share is invalid, or it is not clear what to train.
        """
        from alumbench.methods import load_method

        check_numbers(self)
        if bool(self.model) == bool(self.architecture):
            raise AlumbenchError("give --model to continue from a checkpoint, or --config to start from random weights")
        if bool(self.architecture) != bool(self.tokenizer):
            raise AlumbenchError(
                "--config takes --tokenizer FOLDER (see 'alumbench tokenizer learn'); --model brings its own"
            )
        if not self.corpora:
            raise AlumbenchError("no corpus: give --corpus")
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


def default_start(architecture: Architecture | None, method: str, say: Callable[[str], None]) -> float:
    """Share of a run that is standard if the user does not say: half of it with random weights, as in the paper."""
    if architecture is None or method == "standard":
        return 0.0
    if is_first_process():
        say("note: the method starts after half of the steps, as in the paper; see --adversary-after")
    return 0.5
