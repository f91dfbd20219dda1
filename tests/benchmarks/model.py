"""The model and data that benchmarks use: MiniLM on SST-2 from the mirror, or a tiny BERT where there is none."""

from __future__ import annotations

import os
from pathlib import Path

from alumbench.data import load_task, mirror
from alumbench.training.fine_tuning import fine_tune
from alumbench.training.request import FineTuning
from alumbench.training.tiny_bert import make_tiny_bert

RUNS = Path("runs/benchmarks")
MINILM = "sentence-transformers/all-MiniLM-L6-v2"


def base_model() -> tuple[str, str]:
    """A model to fine-tune, and the task that goes with it."""
    if mirror() is not None:
        return MINILM, "sst2"
    folder = RUNS / "tiny-bert"
    if not folder.exists():
        make_tiny_bert(folder, (text for text in _texts()))
    return str(folder), "mini-sentiment"


def checkpoint() -> Path:
    """A classifier to attack: `$CHECKPOINT`, or one fine-tuned here on 2,000 sentences."""
    if "CHECKPOINT" in os.environ:
        return Path(os.environ["CHECKPOINT"])
    model, task = base_model()
    out = RUNS / f"{task}-2000"
    fine_tune(FineTuning(load_task(task), model, train_size=2000, epochs=1, lr=2e-4, device="cpu"), out)
    return out


def _texts() -> list[str]:
    task = load_task("mini-sentiment")
    return list(task.train[0].load()[0]["sentence"])
