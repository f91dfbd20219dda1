"""Our victim wrapper against TextAttack's own, deepwordbug, the same seeds, example by example in one run.

TextAttack pads each call to the tokenizer's `model_max_length`. Shared checkpoints mostly say 512 there; ours say
the length they were trained with, so the stock wrapper is measured with both.
"""

from __future__ import annotations

import copy
import os
import statistics
import time
from collections import OrderedDict
from typing import Any

import torch

from alumbench.attacks.recipe import load_recipe
from alumbench.attacks.search import _own_generators
from alumbench.attacks.textattack_loader import load_textattack, offline
from alumbench.attacks.victim import Victim, VictimWrapper
from alumbench.checkpoints import checkpoint_task, find_model
from alumbench.devices import device_name
from alumbench.tasks.source import load_examples_from
from tests.benchmarks.model import checkpoint

EXAMPLES = int(os.environ.get("EXAMPLES", "30"))


def run() -> dict[str, Any]:
    """Times both wrappers on each example in turn and compares what the attacks found."""
    textattack = load_textattack()
    files = find_model(str(checkpoint()))
    task = checkpoint_task(files)
    victim = Victim(files, task)
    recipe = load_recipe("deepwordbug-all-words" if load_recipe("deepwordbug").missing() else "deepwordbug")
    wrappers: dict[str, Any] = {"alumbench": VictimWrapper(victim)}
    for length in (512, victim.tokenizer.model_max_length):
        tokenizer = copy.deepcopy(victim.tokenizer)
        tokenizer.model_max_length = length
        if length <= victim.model.config.max_position_embeddings:
            wrappers[f"stock-{length}"] = textattack.models.wrappers.HuggingFaceModelWrapper(victim.model, tokenizer)
    with offline():
        attacks = {name: recipe.build(wrapper) for name, wrapper in wrappers.items()}
    seconds: dict[str, list[float]] = {name: [] for name in attacks}
    found: dict[str, list[tuple[Any, ...]]] = {name: [] for name in attacks}
    examples = load_examples_from(task.dev, task.columns, task.labels)[0][: EXAMPLES + 1]
    for number, example in enumerate(examples):
        columns = OrderedDict(zip(task.columns, example.texts, strict=True))
        for name, attack in attacks.items():
            attack.clear_cache()
            with _own_generators(f"benchmark|{example.id}"):
                start = time.perf_counter()
                result = attack.attack(columns, task.labels.index(str(example.label)))
                spent = time.perf_counter() - start
            if number:  # the first example warms up
                seconds[name].append(spent)
                final = result.perturbed_result
                found[name].append((type(result).__name__, final.attacked_text.text, attack.goal_function.num_queries))
    ours = seconds["alumbench"]
    return {
        "recipe": recipe.signature,
        "n": len(ours),
        "device": device_name(victim.device),
        "threads": torch.get_num_threads(),
        "ratio_of_totals": {name: round(sum(s) / sum(ours), 2) for name, s in seconds.items()},
        "median_ratio": {
            name: round(statistics.median(a / b for a, b in zip(s, ours, strict=True)), 2)
            for name, s in seconds.items()
        },
        "identical_outcomes": {
            name: sum(a == b for a, b in zip(f, found["alumbench"], strict=True)) for name, f in found.items()
        },
    }
