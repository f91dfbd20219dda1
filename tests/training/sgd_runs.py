"""A few steps of plain gradient descent on a random model, by one process or by each of those that torchrun starts.

Plain, because Adam would turn rounding in tiny gradients into whole steps; in float64, so that what is equal on paper
is equal here to 1e-12. No dropout: its draws depend on how a batch is cut.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

from alumbench.cli import group
from alumbench.data import Example, load_task, miniature
from alumbench.devices import is_first_process, process_count
from alumbench.methods import make_method
from alumbench.training.adversarial_trainer import AdversarialTrainer
from alumbench.training.arguments import training_arguments
from alumbench.training.curriculum import Curriculum
from alumbench.training.fine_tuning import tokenize
from alumbench.training.method_trainer import EpochSampler, MethodTrainer, PaddingCollator
from alumbench.training.request import FineTuning
from tests.training.test_resuming import die_at_call

STEPS, BATCH, PER_EPOCH = 4, 8, 3


@dataclass(frozen=True)
class Case:
    """A method on a schedule in a precision."""

    method: str
    parameters: dict[str, Any] = field(default_factory=dict)
    schedule: Curriculum = field(default_factory=Curriculum)
    precision: str = "fp64"


CASES = {
    "standard": Case("standard"),
    "fisher": Case("alum"),
    "vat": Case("alum", {"direction": "vat", "num_steps": 2}),
    "label": Case("alum-paper", {"direction": "label", "epsilon": 0.1, "step_size": 0.5}),
    "fgm": Case("fgm"),
    "freelb": Case("freelb", {"epsilon": 0.3}),
    "after": Case("freelb", {"epsilon": 0.3}, Curriculum(after=0.4, every=2)),
    "fisher-bf16": Case("alum", precision="bf16"),
    "freelb-bf16": Case("freelb", {"epsilon": 0.3}, precision="bf16"),
}


class InOrder(AdversarialTrainer):
    """With the order of `MethodTrainer`, which the Trainer's own sampler does not have."""

    def _get_train_sampler(self, train_dataset: Any = None) -> EpochSampler:
        return MethodTrainer._get_train_sampler(self, train_dataset)

    def lengths(self, dataset: Any) -> list[int]:
        return MethodTrainer.lengths(self, dataset)


#: Who trains: `alumbench train`'s Trainer, the public one on the same rows in the same order, or that one as it is, on
#: rows without a number.
OWN, PUBLIC, UNNUMBERED = "own", "public", "unnumbered"


def train(
    case: Case, model: Path, out: Path, batch: int, accumulated: int = 1, record: bool = True, trainer: str = OWN
) -> None:
    """Leaves weights and losses beside each other, `out`.safetensors and `out`.json.

    Args:
        case: what is trained.
        model: a folder with a tokenizer, and sizes.
        out: the path without a suffix.
        batch: examples a process sees at once.
        accumulated: batches a step.
        record: whether this process writes.
        trainer: who trains.
    """
    tokenizer, config = AutoTokenizer.from_pretrained(model), BertConfig.from_pretrained(model)
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
    config.initializer_range = 0.3
    torch.manual_seed(0)
    classifier = BertForSequenceClassification(config)
    classifier.unused = nn.Linear(3, 3)  # as XLNet's mask embedding: DDP must not wait for its gradient
    torch.manual_seed(17 + int(os.environ.get("RANK", "0")))
    request = FineTuning(
        load_task("mini-sentiment"),
        str(model),
        batch_size=batch,
        lr=0.05,
        precision="bf16" if case.precision == "bf16" else "fp32",
        device="cpu",
        trainer={
            "optim": "sgd",
            "max_steps": STEPS,
            "max_grad_norm": 0.0,
            "weight_decay": 0.0,
            "lr_scheduler_type": "constant",
            "gradient_accumulation_steps": accumulated,
            "logging_steps": 1,
            "save_strategy": "no",
            "eval_strategy": "no",
        },
    )
    rows = miniature.rows("sentiment/train")
    texts, labels = rows["sentence"][: BATCH * PER_EPOCH], rows["label"][: BATCH * PER_EPOCH]
    examples = [Example(str(n), (text,), label) for n, (text, label) in enumerate(zip(texts, labels, strict=True))]
    encoded = tokenize(request.task, examples, tokenizer, 64)
    parts: dict[str, Any] = {
        "method": make_method(case.method, case.parameters),
        "schedule": case.schedule,
        "model": classifier.double() if case.precision == "fp64" else classifier,
        "args": training_arguments(request, out, len(examples)),
        "train_dataset": encoded.remove_columns("example") if trainer == UNNUMBERED else encoded,
        "processing_class": tokenizer,
        "data_collator": PaddingCollator(tokenizer),
    }
    made = {OWN: partial(MethodTrainer, seed=1), PUBLIC: InOrder, UNNUMBERED: AdversarialTrainer}[trainer](**parts)
    made.train()
    if record:
        save_file({name: value.contiguous() for name, value in classifier.state_dict().items()}, f"{out}.safetensors")
        losses = [{k: v for k, v in entry.items() if "loss" in k} for entry in made.state.log_history]
        out.with_suffix(".json").write_text(json.dumps([entry for entry in losses if "loss" in entry]))


def in_each_process(model: Path, out: Path, *command: str) -> None:
    """All cases; then a command that trains, once to its end in `unbroken`, once to its death in `killed`."""
    for name, case in CASES.items():
        for trainer in (OWN, PUBLIC, UNNUMBERED):
            to = out / name if trainer == OWN else out / f"{trainer}-{name}"
            train(case, model, to, BATCH // process_count(), record=is_first_process(), trainer=trainer)
    group.main([*command, "--out", str(out / "unbroken")], standalone_mode=False)
    die_at_call(torch.optim.AdamW, "step", 16)
    group.main([*command, "--out", str(out / "killed")], standalone_mode=False)


if __name__ == "__main__":
    torch.set_num_threads(1)
    in_each_process(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
