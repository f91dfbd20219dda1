"""A training step in bf16 on a CPU against the same in fp32: as torch has it, and with `bf16_products`.

Where the processor has bf16 arithmetic both are torch's own. Environment: `SIZE`, `BATCH`, `TOKENS`, `ROUNDS` as for
`step_cost`.
"""

from __future__ import annotations

import os
import statistics
import time
from typing import Any

import torch
from transformers import BertConfig, BertForSequenceClassification

from alumbench.bfloat16 import bf16_products
from alumbench.devices import device_name, keep_freed_memory
from tests.benchmarks.step_cost import SIZES


def run() -> dict[str, Any]:
    """Alternates the three over the rounds, after one step of each that does not count."""
    keep_freed_memory()
    device = torch.device("cpu")
    size, batch = os.environ.get("SIZE", "minilm"), int(os.environ.get("BATCH", "32"))
    tokens, rounds = int(os.environ.get("TOKENS", "32")), int(os.environ.get("ROUNDS", "5"))
    model = BertForSequenceClassification(BertConfig(**SIZES[size])).train()
    inputs = {"input_ids": torch.randint(1000, 2000, (batch, tokens)), "labels": torch.arange(batch) % 2}

    def step(bf16: bool, ours: bool) -> float:
        model.zero_grad()
        begun = time.perf_counter()
        with bf16_products(device, enabled=ours):
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                loss = model(**inputs).loss
            loss.backward()
        return time.perf_counter() - begun

    kinds = {"fp32": (False, False), "bf16, torch": (True, False), "bf16, alumbench": (True, True)}
    times = [{name: step(*kind) for name, kind in kinds.items()} for _ in range(rounds + 1)][1:]
    return {
        "device": device_name(device),
        "arithmetic": bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()),
        "shape": [size, batch, tokens],
        "rounds": rounds,
        "seconds": {name: round(statistics.median(one[name] for one in times), 3) for name in kinds},
        "over_fp32": {name: round(statistics.median(one[name] / one["fp32"] for one in times), 2) for name in kinds},
    }
