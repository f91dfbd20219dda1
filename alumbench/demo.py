"""The demo: all steps of the harness on a miniature task, with nothing but the installed package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from alumbench.reports.table import Table
from alumbench.storage import write_text

BOARD = """\
title = "Demo: miniature sentiment, tiny BERT"
about = "Generated sentences; these figures say nothing about natural language."
baseline = "standard"
tasks = ["mini-sentiment"]
suites = ["smoke@1"]
rank = "under deepwordbug"

[[columns]]
title = "clean"
entry = "clean"
measure = "accuracy"

[[columns]]
title = "adversarial set"
entry = "adversarial"
measure = "accuracy"

[[columns]]
title = "under deepwordbug"
entry = "deepwordbug-all-words"
measure = "accuracy_under_attack"
"""


def run_demo(out: Path, seeds: int, say: Callable[[str], None]) -> Table:
    """Trains `standard` and `alum` with several seeds, attacks each, and builds a board.

    Args:
        out: folder for everything; finished steps are not repeated.
        seeds: training seeds per method.
        say: called with a line at each stage.

    Returns:
        The board's table.
    """
    import torch

    from alumbench.attacks.victim import Victim
    from alumbench.data import load_task
    from alumbench.data.dataset import load_examples_from
    from alumbench.evaluation.evaluate import evaluate
    from alumbench.evaluation.request import Request
    from alumbench.evaluation.stored import EVALUATIONS
    from alumbench.evaluation.suite import load_suite
    from alumbench.leaderboard.board import build
    from alumbench.leaderboard.submit import add
    from alumbench.models.checkpoint import checkpoint_task, find_model
    from alumbench.training.fine_tuning import fine_tune
    from alumbench.training.request import FineTuning
    from alumbench.training.tiny_bert import make_tiny_bert

    torch.set_num_threads(1)  # so small a model gains nothing from more, and is much slower on a busy machine
    task, suite = load_task("mini-sentiment"), load_suite("smoke")
    model, board = out / "model", out / "board"
    if not (model / "tokenizer_config.json").exists():
        say("learning a word-piece vocabulary and making a tiny BERT with random weights")
        examples, _ = load_examples_from(task.train, task.columns, task.labels)
        make_tiny_bert(model, (example.texts[0] for example in examples))
    write_text(board / "board.toml", BOARD)
    for method in ("standard", "alum"):
        for seed in range(1, seeds + 1):
            say(f"{method}, seed {seed}: training")
            checkpoint = out / f"{method}-{seed}"
            request = FineTuning(task, str(model), method, seed=seed, epochs=4, lr=1e-3, max_length=64, device="cpu")
            fine_tune(request, checkpoint, lambda _: None)
            say(f"{method}, seed {seed}: suite {suite.name}")
            files = find_model(str(checkpoint))
            victim = Victim(files, checkpoint_task(files), "cpu")
            evaluate(Request(suite), victim, checkpoint / EVALUATIONS / f"{suite.name}-seed1", lambda *_: None)
            add(board, checkpoint)
    return build(board)
