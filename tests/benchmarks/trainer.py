"""`standard` through our trainer against a plain transformers Trainer script: same data, model, seed and arguments."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from transformers import DataCollatorWithPadding, PrinterCallback, Trainer, set_seed

from alumbench.data import load_task
from alumbench.devices import device_name
from alumbench.methods import make_method
from alumbench.models.checkpoint import find_model, load_classifier, load_tokenizer
from alumbench.training.arguments import training_arguments
from alumbench.training.fine_tuning import load_data, tokenize
from alumbench.training.method_trainer import EpochSampler, MethodTrainer, PaddingCollator
from alumbench.training.request import FineTuning
from tests.benchmarks.model import base_model

EXAMPLES = int(os.environ.get("EXAMPLES", "640"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))


def run() -> dict[str, Any]:
    """Alternates both, `ROUNDS` times each, and compares examples per second."""
    model_name, task = base_model()
    request = FineTuning(load_task(task), model_name, train_size=EXAMPLES, epochs=1, lr=1e-4, device="auto")
    files = find_model(model_name)
    tokenizer = load_tokenizer(files)
    train, _, _ = load_data(request, lambda _: None)
    data = tokenize(request.task, train, tokenizer, request.max_length)
    seconds: dict[str, list[float]] = {"plain": [], "alumbench": []}
    losses: dict[str, float] = {}
    device = None
    for round_number in range(ROUNDS + 1):
        for name in seconds:
            with tempfile.TemporaryDirectory() as folder:
                set_seed(1)
                model = load_classifier(files, request.task)
                arguments = training_arguments(request, Path(folder), len(train))
                arguments.eval_strategy, arguments.save_strategy = "no", "no"
                device = arguments.device
                if name == "plain":
                    trainer = Trainer(
                        model=model,
                        args=arguments,
                        train_dataset=data.remove_columns("example"),
                        processing_class=tokenizer,
                        data_collator=DataCollatorWithPadding(tokenizer),
                    )
                else:
                    trainer = MethodTrainer(
                        make_method("standard", {}),
                        1,
                        model=model,
                        args=arguments,
                        train_dataset=data,
                        processing_class=tokenizer,
                        data_collator=PaddingCollator(tokenizer),
                    )
                lengths = [len(ids) for ids in data["input_ids"]]
                order = EpochSampler(1, arguments.train_batch_size, lengths)  # one order for both
                trainer._get_train_sampler = lambda *args, order=order: order
                trainer.remove_callback(PrinterCallback)
                start = time.perf_counter()
                losses[name] = trainer.train().training_loss
                if round_number:  # the first round warms up
                    seconds[name].append(time.perf_counter() - start)
    ratios = [plain / ours for plain, ours in zip(seconds["plain"], seconds["alumbench"], strict=True)]
    return {
        "model": model_name,
        "examples": len(train),
        "rounds": ROUNDS,
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "speed_of_ours_over_plain_median": round(statistics.median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
        "training_loss": losses,
    }
